// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeFeatures } from './features.ts'

interface Features {
  readonly hooks: readonly string[]
  readonly mountOptions: readonly string[]
  readonly linux: {
    readonly cgroup: { readonly v1: boolean; readonly v2: boolean }
    readonly intelRdt: unknown
    readonly netDevices: unknown
    readonly seccomp: { readonly enabled: boolean; readonly actions: readonly string[] }
  }
}

const features = describeFeatures() as unknown as Features

test('what config.json may ask for and is served is told', () => {
  assert.equal(features.linux.netDevices, { enabled: true })
  assert.equal(features.linux.intelRdt, { enabled: true, schemata: true, monitoring: true })
  assert.ok(features.mountOptions.includes('rro'))
  assert.ok(features.hooks.includes('createRuntime'))
  assert.ok(features.linux.cgroup.v1 || features.linux.cgroup.v2)
})

test('a filter may ask a listener where the kernel knows of listeners', () => {
  const available = readFileSync('/proc/sys/kernel/seccomp/actions_avail', 'utf8').trim().split(' ')
  const { actions } = features.linux.seccomp
  assert.is(actions.includes('SCMP_ACT_NOTIFY'), available.includes('user_notif'))
  assert.is(actions.includes('SCMP_ACT_ERRNO'), available.includes('errno'))
})

test.run()
