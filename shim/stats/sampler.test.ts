// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { CgroupSampler } from './sampler.ts'

const root = mkdtempSync(join(tmpdir(), 'gantry-sampler-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

const host: CgroupHost = { mode: 'v2', unifiedMount: root, v1: new Map(), controllers: [], self: new Map() }
const MS = 1_000_000n
const target = (path: string) => ({ path, startedAtNs: 0n })

function use(path: string, microseconds: number): void {
  mkdirSync(join(root, path), { recursive: true })
  writeFileSync(join(root, path, 'cpu.stat'), `usage_usec ${microseconds}\n`)
}

function sampler(errors: string[] = []) {
  const clock = { nowNs: 1_000_000n * MS }
  const made = new CgroupSampler({ host, now: () => clock.nowNs, onError: (path) => errors.push(path) })
  return { clock, read: (...paths: string[]) => made.read(paths.map(target)), close: () => made.close() }
}

test('a sample is given again for half a second, then read anew', async () => {
  const { clock, read, close } = sampler()
  use('/a', 1_000_000)
  const usageOf = async () => (await read('/a')).get('/a')?.stats.cpu?.usageNs
  assert.is(await usageOf(), 1_000_000_000n)
  use('/a', 1_500_000)
  clock.nowNs += 400n * MS
  assert.is(await usageOf(), 1_000_000_000n)
  clock.nowNs += 600n * MS
  const sample = (await read('/a')).get('/a')
  assert.equal([sample?.stats.cpu?.usageNs, sample?.timestampNs], [1_500_000_000n, clock.nowNs])
  assert.is(sample?.nanoCores, 500_000_000n)
  close()
})

test('those who ask at the same time share one reading, and each gets what it asked for', async () => {
  const { read, close } = sampler()
  use('/b', 1)
  use('/c', 2)
  const [first, second, both] = await Promise.all([read('/b'), read('/c'), read('/b', '/c', '/gone')])
  assert.equal([[...first.keys()], [...second.keys()], [...both.keys()]], [['/b'], ['/c'], ['/b', '/c']])
  assert.is(both.get('/b'), first.get('/b'))
  close()
})

test('a cgroup that cannot be read is told, and does not take the others along', async () => {
  const errors: string[] = []
  const { read, close } = sampler(errors)
  use('/d', 1)
  // A directory in a file's place cannot be read, whoever asks.
  mkdirSync(join(root, 'broken/cpu.stat'), { recursive: true })
  assert.equal([...(await read('/broken', '/d')).keys()], ['/d'])
  assert.equal(errors, ['/broken'])
  close()
})

test('a cgroup that is gone is forgotten, and starts anew when it is back', async () => {
  const { clock, read, close } = sampler()
  use('/e', 5_000_000)
  await read('/e')
  rmSync(join(root, 'e'), { recursive: true })
  clock.nowNs += 1000n * MS
  assert.is((await read('/e')).size, 0)
  use('/e', 10)
  clock.nowNs += 1000n * MS
  assert.is((await read('/e')).get('/e')?.nanoCores, undefined)
  close()
})

test('a container that has just started is compared with its start', async () => {
  const clock = { nowNs: 1_000_000n * MS }
  const made = new CgroupSampler({ host, now: () => clock.nowNs, onError: () => undefined })
  use('/f', 500_000)
  const young = await made.read([{ path: '/f', startedAtNs: clock.nowNs - 1000n * MS }])
  assert.is(young.get('/f')?.nanoCores, 500_000_000n)
  use('/g', 500_000)
  const old = await made.read([{ path: '/g', startedAtNs: clock.nowNs - 3_600_000n * MS }])
  assert.is(old.get('/g')?.nanoCores, undefined)
  made.close()
})

test.run()
