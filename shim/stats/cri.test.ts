// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CgroupStats, MemoryStats } from '../../runtime-core/cgroup/stats.ts'
import { cgroupUsage, layerUsage, networkUsage, summedUsage } from './cri.ts'
import type { InterfaceTraffic } from './net-dev.ts'

const line = { avg10: 1.5, avg60: 0.25, avg300: 0, totalNs: 12_000n }
const psiLine = { Total: 12_000n, Avg10: 1.5, Avg60: 0.25, Avg300: 0 }
const cpu = {
  usageNs: 9_007_199_254_740_993n,
  userNs: 0n,
  systemNs: 0n,
  periods: 0,
  throttledPeriods: 0,
  throttledNs: 0n,
}
const memory: MemoryStats = {
  usage: 1000,
  workingSet: 600,
  rss: 300,
  cache: 400,
  limit: 2000,
  available: 1400,
  pageFaults: 12,
  majorPageFaults: 3,
  oomKills: 0,
  raw: new Map(),
}
const at = (stats: CgroupStats, nanoCores?: bigint) => ({ timestampNs: 77n, stats, nanoCores })
const value = (number: bigint | number) => ({ value: BigInt(number) })

test('figures of a cgroup come in the units of CRI, with the time of their reading', () => {
  const pressure = { some: line, full: line }
  const stats = { cpu: { ...cpu, pressure }, memory, io: { devices: [], pressure: { some: line } } }
  assert.equal(cgroupUsage(at(stats, 250_000_000n)), {
    cpu: {
      timestamp: 77n,
      usageCoreNanoSeconds: value(9_007_199_254_740_993n),
      usageNanoCores: value(250_000_000n),
      psi: { Some: psiLine, Full: psiLine },
    },
    memory: {
      timestamp: 77n,
      workingSetBytes: value(600),
      availableBytes: value(1400),
      usageBytes: value(1000),
      rssBytes: value(300),
      pageFaults: value(12),
      majorPageFaults: value(3),
    },
    io: { timestamp: 77n, psi: { Some: psiLine } },
  })
})

test('what is not known is absent, not zero', () => {
  const usage = cgroupUsage(at({ cpu }))
  assert.equal(Object.keys(usage), ['cpu'])
  assert.not('usageNanoCores' in (usage.cpu ?? {}))
  assert.not('psi' in (usage.cpu ?? {}))
  assert.equal(cgroupUsage(at({})), {})
})

test('what is left of swap is told where it has a limit', () => {
  const swapOf = (swap: NonNullable<MemoryStats['swap']>) => cgroupUsage(at({ memory: { ...memory, swap } })).swap
  const used = { timestamp: 77n, swapUsageBytes: value(5) }
  assert.equal(swapOf({ usage: 5 }), used)
  assert.equal(swapOf({ usage: 5, limit: 20 }), { ...used, swapAvailableBytes: value(15) })
  assert.equal(swapOf({ usage: 5, limit: 0 }), { ...used, swapAvailableBytes: value(0) })
})

test('figures of several cgroups add up', () => {
  const { cpu: sum, memory: held, ...more } = summedUsage([at({ cpu, memory }, 5n), at({ cpu, memory })], 99n)
  assert.equal(
    [sum?.timestamp, sum?.usageCoreNanoSeconds, sum?.usageNanoCores],
    [99n, value(2n * cpu.usageNs), value(5)],
  )
  assert.equal([held?.workingSetBytes, held?.rssBytes, held?.availableBytes], [value(1200), value(600), value(0)])
  assert.equal(more, {})
  assert.not('usageNanoCores' in (summedUsage([], 1n).cpu ?? {}))
})

const traffic = (name: string, rxBytes: bigint): InterfaceTraffic => ({
  name,
  rxBytes,
  rxPackets: 1n,
  rxErrors: 2n,
  rxDropped: 3n,
  txBytes: 4n,
  txPackets: 5n,
  txErrors: 6n,
  txDropped: 7n,
})

test('eth0 is the default interface, else the first; the others are beside it', () => {
  const usage = (...names: string[]) =>
    networkUsage({ timestampNs: 7n, interfaces: names.map((name) => traffic(name, 1n)) })
  const shape = ({ defaultInterface, interfaces }: ReturnType<typeof usage>) => [
    defaultInterface?.name,
    interfaces.map(({ name }) => name),
  ]
  assert.equal(shape(usage('net1', 'eth0', 'net2')), ['eth0', ['net1', 'net2']])
  assert.equal(shape(usage('net1', 'net2')), ['net1', ['net2']])
  assert.equal(shape(usage()), [undefined, []])
  assert.equal(usage('eth0').defaultInterface, {
    name: 'eth0',
    rxBytes: value(1),
    rxErrors: value(2),
    txBytes: value(4),
    txErrors: value(6),
  })
})

test('a writable layer is told with the file system it lies on', () => {
  assert.equal(layerUsage({ bytes: 4096n, inodes: 1n, timestampNs: 8n }, '/root/layers'), {
    timestamp: 8n,
    fsId: { mountpoint: '/root/layers' },
    usedBytes: value(4096),
    inodesUsed: value(1),
  })
})

test.run()
