// SPDX-License-Identifier: Apache-2.0
import { readdir } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure, type StatusName } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import type { FaultRule } from '../registry/faults.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { image } = daemon.client
const [victim = '', second = '', third = '', fourth = ''] = IMAGES.victims
// What the first pull and the first removal make once, and keep.
await daemon.pull(IMAGES.tagged)
await image.removeImage({ image: imageSpec(IMAGES.tagged) })
const before = await files()

test.after(() => daemon[Symbol.asyncDispose]())

/** Everything below the daemon's root but its data base: what a pull leaves. */
async function files(): Promise<string[]> {
  if (daemon.isPeer) return []
  const names = await readdir(daemon.root, { recursive: true })
  return names.filter((name) => !/\.(db|sqlite)|-(wal|shm)$/.test(name)).sort()
}

/** Waits until the failed pull has taken its files away. */
async function expectNoFiles(): Promise<void> {
  const extra = async () => (await files()).filter((name) => !before.includes(name))
  await waitFor('the files of the pull are gone', async () => (await extra()).length === 0, 5_000).catch(async () => {
    assert.equal((await extra()).slice(0, 10), [])
  })
}

/** A pull that fails by a fault of the registry: code, text, no image, no file, and success once the fault is gone. */
async function failsWhile(
  name: string,
  rule: FaultRule,
  codes: readonly StatusName[],
  ...parts: (string | RegExp)[]
): Promise<void> {
  daemon.registry.faults.add(rule)
  try {
    await expectFailure(
      image.pullImage({ image: imageSpec(name) }, { timeoutMs: 30_000 }),
      daemon.isPeer ? [...codes, 'UNKNOWN', 'NOT_FOUND', 'INTERNAL', 'FAILED_PRECONDITION', 'UNAVAILABLE'] : codes,
      ...parts,
    )
  } finally {
    daemon.registry.faults.clear()
  }
  assert.is((await image.imageStatus({ image: imageSpec(name) })).image, undefined)
  await expectNoFiles()
  await daemon.pull(name)
  await image.removeImage({ image: imageSpec(name) })
}

const repositoryOf = (name: string) => name.slice('registry.local/'.length, name.lastIndexOf(':'))

test('an image that the registry does not have is NOT_FOUND, by name', async () => {
  const name = 'registry.local/no/such/image:1'
  await expectFailure(image.pullImage({ image: imageSpec(name) }), ['NOT_FOUND', 'UNKNOWN'], 'no/such/image')
})

test('a digest that the registry does not have is NOT_FOUND', async () => {
  const name = `registry.local/busybox@sha256:${'0'.repeat(64)}`
  await expectFailure(image.pullImage({ image: imageSpec(name) }), ['NOT_FOUND', 'UNKNOWN'], '0'.repeat(64))
})

test('a registry that nobody listens at is named', async () => {
  const name = '127.0.0.1:1/nobody/home:1'
  await expectFailure(
    image.pullImage({ image: imageSpec(name) }, { timeoutMs: 55_000 }),
    ['UNAVAILABLE', 'UNKNOWN'],
    '127.0.0.1:1',
  )
})

test('a layer with a wrong byte is refused, and its digest named', () =>
  failsWhile(
    victim,
    { kind: 'blob', repository: repositoryOf(victim), fault: { type: 'corrupt', atByte: 40 } },
    ['INTERNAL', 'FAILED_PRECONDITION', 'UNAVAILABLE', 'INVALID_ARGUMENT'],
    daemon.isPeer ? '' : 'sha256:',
  ))

test('a layer that ends too early each time is refused', () =>
  failsWhile(second, { kind: 'blob', repository: repositoryOf(second), fault: { type: 'truncate', afterBytes: 0 } }, [
    'UNAVAILABLE',
    'INTERNAL',
    'FAILED_PRECONDITION',
    'INVALID_ARGUMENT',
  ]))

test('a layer that ends too early once is fetched on', async () => {
  const fault = { type: 'truncate', afterBytes: 30 } as const
  daemon.registry.faults.add({ kind: 'blob', repository: repositoryOf(second), fault, times: 1 })
  try {
    await daemon.pull(second)
    await image.removeImage({ image: imageSpec(second) })
  } finally {
    daemon.registry.faults.clear()
  }
})

test('a manifest with a wrong byte is refused', async () => {
  await daemon.pull(third)
  const digest = (await image.imageStatus({ image: imageSpec(third) })).image?.repoDigests[0] ?? ''
  await image.removeImage({ image: imageSpec(third) })
  await failsWhile(
    digest,
    { kind: 'manifest', method: 'GET', repository: repositoryOf(third), fault: { type: 'corrupt', atByte: 20 } },
    ['INTERNAL', 'FAILED_PRECONDITION', 'UNAVAILABLE', 'INVALID_ARGUMENT'],
  )
})

test('a registry that wants to know who asks is UNAUTHENTICATED, one that refuses is PERMISSION_DENIED', async () => {
  await failsWhile(
    fourth,
    { kind: 'manifest', repository: repositoryOf(fourth), fault: { type: 'status', status: 401 } },
    ['UNAUTHENTICATED', 'PERMISSION_DENIED'],
  )
  await failsWhile(
    fourth,
    { kind: 'manifest', repository: repositoryOf(fourth), fault: { type: 'status', status: 403 } },
    ['PERMISSION_DENIED', 'UNAUTHENTICATED'],
  )
})

test('a registry that breaks is UNAVAILABLE, and one that has too much to do is waited for', async () => {
  await failsWhile(
    fourth,
    { kind: 'manifest', repository: repositoryOf(fourth), fault: { type: 'status', status: 503 } },
    ['UNAVAILABLE'],
  )
})

test('a pull whose caller’s time is over is DEADLINE_EXCEEDED and leaves nothing', async () => {
  const fault = { type: 'stall', afterBytes: 20 } as const
  daemon.registry.faults.add({ kind: 'blob', repository: repositoryOf(victim), fault })
  const call = image.pullImage({ image: imageSpec(victim) }, { timeoutMs: 1_000 })
  await expectFailure(call, ['DEADLINE_EXCEEDED'])
  daemon.registry.faults.clear()
  await expectNoFiles()
  await daemon.pull(victim)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
