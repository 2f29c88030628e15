// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BusValue } from '../kernel/sd-bus-signature.ts'
import type { OciDeviceRule, OciResources } from '../spec/types.ts'
import type { CgroupHost } from './detect.ts'
import { reduceDeviceRules } from './devices.ts'
import type { UnitProperty } from './plan.ts'
import { annotatedProperties } from './systemd-annotations.ts'
import { deviceProperties } from './systemd-devices.ts'
import { bitmask, resourceProperties } from './systemd-properties.ts'

const V2: CgroupHost = { mode: 'v2', unifiedMount: '/sys/fs/cgroup', v1: new Map(), controllers: [], self: new Map() }
const V1: CgroupHost = { mode: 'v1', v1: new Map(), controllers: [], self: new Map() }
const INFINITY = 2n ** 64n - 1n

function plain(properties: readonly UnitProperty[]): Record<string, [string, BusValue]> {
  return Object.fromEntries(properties.map(([name, { signature, value }]) => [name, [signature, value]]))
}

const of = (host: CgroupHost, resources: OciResources, version = 252) =>
  plain(resourceProperties(host, resources, version))

test('limits are properties of a unit on v2', () => {
  const memory = { limit: 1 << 26, reservation: 1 << 25, swap: 3 << 25 }
  const cpu = { shares: 1024, quota: 33_333, period: 100_000, cpus: '0-1,9', mems: '0' }
  assert.equal(of(V2, { memory, cpu, pids: { limit: 0 }, blockIO: { weight: 10 } }), {
    CPUWeight: ['t', 100],
    MemoryMax: ['t', 1n << 26n],
    MemoryLow: ['t', 1n << 25n],
    MemorySwapMax: ['t', 1n << 25n],
    IOWeight: ['t', 1],
    AllowedCPUs: ['ay', [3, 2]],
    AllowedMemoryNodes: ['ay', [1]],
    CPUQuotaPeriodUSec: ['t', 100_000],
    // Whole percents, upwards: systemd must not be tighter than the file.
    CPUQuotaPerSecUSec: ['t', 340_000],
    TasksMax: ['t', 1n],
  })
})

test('no limit is infinity, and nothing asked for is nothing said', () => {
  assert.equal(of(V2, {}), {})
  const open = of(V2, { memory: { limit: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } })
  for (const name of ['MemoryMax', 'MemorySwapMax', 'CPUQuotaPerSecUSec', 'TasksMax']) {
    assert.equal(open[name], ['t', INFINITY], name)
  }
})

test('files of the unified hierarchy that systemd knows are told to it', () => {
  const unified = {
    'memory.high': 'max',
    'cpu.max': '50000 100000',
    'cpuset.cpus': '1',
    'misc.max': 'x 1',
    'cpu.weight': '7',
  }
  assert.equal(of(V2, { unified }), {
    MemoryHigh: ['t', INFINITY],
    CPUQuotaPeriodUSec: ['t', 100_000],
    CPUQuotaPerSecUSec: ['t', 500_000],
    AllowedCPUs: ['ay', [2]],
    CPUWeight: ['t', 7n],
  })
})

test('an idle container has the weight that systemd has for it, where it has one', () => {
  assert.equal(of(V2, { cpu: { idle: 1, shares: 1024 } }, 252), { CPUWeight: ['t', 0] })
  assert.equal(of(V2, { cpu: { idle: 1, shares: 1024 } }, 251), {})
})

test('v1 has properties of its own', () => {
  assert.equal(
    of(V1, { memory: { limit: 4096, swap: 8192 }, cpu: { shares: 512, cpus: '0' }, blockIO: { weight: 500 } }),
    {
      CPUShares: ['t', 512],
      MemoryLimit: ['t', 4096n],
      BlockIOWeight: ['t', 500],
    },
  )
})

test('a list of processors that no machine has is refused', () => {
  assert.throws(() => bitmask('9000', 'cpu.cpus'), 'linux.resources.cpu.cpus')
  assert.throws(() => bitmask('3-1', 'cpu.cpus'), 'linux.resources.cpu.cpus')
})

test('device rules are told to systemd, wider where its own cannot say them', () => {
  const rules: OciDeviceRule[] = [
    { allow: false },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
    { allow: true, type: 'c', major: 136, access: 'rw' },
    { allow: true, type: 'b', minor: 7, access: 'r' },
  ]
  assert.equal(plain(deviceProperties(reduceDeviceRules(rules))), {
    DevicePolicy: ['s', 'strict'],
    DeviceAllow: [
      'a(ss)',
      [
        ['/dev/char/1:3', 'rwm'],
        ['char-136', 'rw'],
        ['block-*', 'r'],
      ],
    ],
  })
  assert.equal(plain(deviceProperties(reduceDeviceRules([{ allow: true }]))), {
    DevicePolicy: ['s', 'auto'],
    DeviceAllow: ['a(ss)', []],
  })
})

test('annotations become properties of the type that their text has', () => {
  const annotated = {
    'org.systemd.property.RuntimeMaxSec': '1.5',
    'org.systemd.property.TimeoutStopUSec': 'uint64 7',
    'org.systemd.property.CollectMode': "'inactive'",
    'org.systemd.property.After': "['a.service', 'b, c.service']",
    'org.systemd.property.SendSIGHUP': 'true',
    'org.example': 'none of ours',
  }
  assert.equal(plain(annotatedProperties(annotated)), {
    RuntimeMaxUSec: ['t', 1_500_000n],
    TimeoutStopUSec: ['t', 7n],
    CollectMode: ['s', 'inactive'],
    After: ['as', ['a.service', 'b, c.service']],
    SendSIGHUP: ['b', true],
  })
  assert.equal(plain(annotatedProperties({ 'org.systemd.property.RuntimeMaxSec': 'uint64 2' })), {
    RuntimeMaxUSec: ['t', 2_000_000n],
  })
})

test('an annotation that is no property, or is ours to say, is refused by name', () => {
  const refused = (name: string, text: string) =>
    assert.throws(
      () => annotatedProperties({ [`org.systemd.property.${name}`]: text }),
      `read annotation "org.systemd.property.${name}"`,
    )
  refused('Slice', "'other.slice'")
  refused('PIDs', '[1]')
  refused('lower', 'true')
  refused('TasksMax', 'uint16 70000')
  refused('TasksMax', 'many')
  refused('After', "['a' 'b']")
  refused('TimeoutStopSec', "'soon'")
})

test.run()
