// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NO_CGROUP, V2_HOST } from '../testdata/bundles.ts'
import { warningsOf } from './warnings.ts'

test('a capability that nobody knows is a warning that names it', () => {
  const capabilities = { bounding: ['CAP_CHOWN', 'CAP_FLY'], permitted: ['CAP_CHOWN'], ambient: ['CAP_CHOWN'] }
  const cgroup = { ...NO_CGROUP, warnings: ['hugepageLimits ignored'] }
  assert.equal(warningsOf({ ociVersion: '1.3.0', process: { cwd: '/', capabilities } }, cgroup, V2_HOST), [
    'process.capabilities: CAP_FLY: no such capability',
    'process.capabilities: CAP_CHOWN: left out of ambient, for it is not both permitted and inheritable',
    'hugepageLimits ignored',
  ])
})

test('an option of a file system is a warning where it is given to a bind mount', () => {
  const etc = { destination: '/e', type: 'bind', source: '/etc', options: ['rbind', 'ro', 'mode=755'] }
  const tmpfs = { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] }
  assert.equal(warningsOf({ ociVersion: '1.3.0', mounts: [etc, tmpfs] }, NO_CGROUP, V2_HOST), [
    'mount "/etc" on "/e": option "mode=755" means nothing to a bind mount',
  ])
})

test('nothing asked for is nothing to warn of', () => {
  assert.equal(warningsOf({ ociVersion: '1.3.0', process: { cwd: '/' } }, NO_CGROUP, V2_HOST), [])
})

test.run()
