// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CgroupDriver, RuntimeConfigResponse, StatusResponse } from '../../cri-proto/index.ts'
import type { GantryError } from '../../runtime-core/errors.ts'
import { driverOfConfig } from './cgroup-driver.ts'
import { FakeUpstream } from './testing/fake-upstream.ts'
import { UpstreamRuntime } from './upstream.ts'

async function withUpstream(run: (endpoint: string, upstream: FakeUpstream) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'gb-'))
  const endpoint = `unix://${join(directory, 'theirs.sock')}`
  const upstream = new FakeUpstream(endpoint)
  try {
    await run(endpoint, upstream)
  } finally {
    upstream.kill()
    await rm(directory, { recursive: true, force: true })
  }
}

function uses(upstream: FakeUpstream, cgroupDriver: CgroupDriver): void {
  const answer = RuntimeConfigResponse.encode({ linux: { cgroupDriver } }).finish()
  upstream.on('RuntimeConfig', () => ({ messages: [Buffer.from(answer)] }))
}

test('a runtime with another cgroup driver is a refusal at the start, which says what to set', () =>
  withUpstream(async (endpoint, upstream) => {
    uses(upstream, CgroupDriver.SYSTEMD)
    await upstream.start()
    const error = await UpstreamRuntime.open({ endpoint, driver: 'cgroupfs', onTrouble: () => undefined }).then(
      () => undefined,
      (failure: GantryError) => failure,
    )
    assert.match(
      error?.message ?? '',
      /cgroup driver: upstream uses "systemd", this daemon "cgroupfs": set cgroup-driver = "systemd"/,
    )
  }))

test('a runtime that comes later is looked at when it comes, and again after each loss', () =>
  withUpstream(async (endpoint, upstream) => {
    const troubles: GantryError[] = []
    let told: () => void = () => undefined
    const onTrouble = (error: GantryError): void => {
      troubles.push(error)
      told()
    }
    const runtime = await UpstreamRuntime.open({ endpoint, driver: 'cgroupfs', onTrouble })
    uses(upstream, CgroupDriver.SYSTEMD)
    const trouble = new Promise<void>((resolve) => {
      told = resolve
    })
    await upstream.start()
    await trouble
    assert.match(runtime.refusal ?? '', /upstream uses "systemd"/)
    const { promise: back, resolve } = Promise.withResolvers<void>()
    runtime.onBack(resolve)
    upstream.kill()
    const asked = Promise.withResolvers<void>()
    upstream.on('RuntimeConfig', () => {
      asked.resolve()
      return {
        messages: [
          Buffer.from(RuntimeConfigResponse.encode({ linux: { cgroupDriver: CgroupDriver.CGROUPFS } }).finish()),
        ],
      }
    })
    await upstream.start()
    await back
    await asked.promise
    await runtime.settled()
    assert.is(runtime.refusal, undefined)
    runtime.connection.close()
  }))

test('of a containerd without RuntimeConfig the driver is read from its configuration', () =>
  withUpstream(async (endpoint, upstream) => {
    const config = { containerd: { defaultRuntimeName: 'x', runtimes: { x: { options: { SystemdCgroup: true } } } } }
    const answer = StatusResponse.encode(StatusResponse.fromPartial({ info: { config: JSON.stringify(config) } }))
    upstream.on('Status', () => ({ messages: [Buffer.from(answer.finish())] }))
    await upstream.start()
    const error = await UpstreamRuntime.open({ endpoint, driver: 'cgroupfs', onTrouble: () => undefined }).then(
      () => undefined,
      (failure: GantryError) => failure,
    )
    assert.match(error?.message ?? '', /upstream uses "systemd"/)
  }))

test('a runtime whose driver cannot be told is run beside, and that is said', () =>
  withUpstream(async (endpoint, upstream) => {
    await upstream.start()
    const troubles: string[] = []
    const runtime = await UpstreamRuntime.open({
      endpoint,
      driver: 'cgroupfs',
      onTrouble: ({ message }) => troubles.push(message),
    })
    runtime.connection.close()
    assert.match(troubles.join(), /cannot be told/)
  }))

test('what is no configuration tells nothing', () => {
  for (const text of ['', '{', '[]', '{"containerd":null}', '{"containerd":{"runtimes":{}}}']) {
    assert.is(driverOfConfig(text), undefined)
  }
})

test.run()
