// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { errnoOf } from '../errors.ts'
import type { OciResources } from '../spec/types.ts'
import { applyWrites, attachDeviceProgram, lineOf, spawnInside } from './apply.testing.ts'
import { onEveryHost, readOf } from './contract.testing.ts'
import { DEFAULT_DEVICE_RULES, reduceDeviceRules } from './devices.ts'
import { compileDeviceProgram } from './devices-ebpf.ts'
import { processesOf } from './kill.ts'
import { compileUpdate } from './manager.ts'

const MiB = 2 ** 20

/** The first block device of this machine. */
function disk(): { major: number; minor: number } {
  const [, major = '7', minor = '0'] = /^ *(\d+) +(\d+) +\d+ /m.exec(readFileSync('/proc/partitions', 'utf8')) ?? []
  return { major: Number(major), minor: Number(minor) }
}

/** c 1:11, which no default allows and every machine has. */
const OPEN_DEVICES = 'true < /dev/null && echo null; (true < /dev/kmsg) 2>/dev/null && echo kmsg; echo done; read wait'

await onEveryHost('a cgroup', ({ test, host, make }) => {
  const v2 = host.mode === 'v2'

  test('has the limits it was asked for', (context) => {
    const plan = make(context, {
      memory: { limit: 64 * MiB, swap: 64 * MiB, reservation: 32 * MiB },
      cpu: { shares: 512, quota: 50_000, period: 200_000, burst: 10_000, cpus: '0', mems: '0' },
      pids: { limit: 33 },
    })
    const expected: Record<string, string> = v2
      ? {
          'memory.max': `${64 * MiB}`,
          'memory.low': `${32 * MiB}`,
          'cpu.weight': '59',
          'cpu.max': '50000 200000',
          'cpu.max.burst': '10000',
        }
      : {
          'memory.limit_in_bytes': `${64 * MiB}`,
          'memory.soft_limit_in_bytes': `${32 * MiB}`,
          'cpu.shares': '512',
          'cpu.cfs_quota_us': '50000',
          'cpu.cfs_period_us': '200000',
          'cpu.cfs_burst_us': '10000',
        }
    for (const [file, value] of Object.entries({
      ...expected,
      'pids.max': '33',
      'cpuset.cpus': '0',
      'cpuset.mems': '0',
    })) {
      assert.is(readOf(plan, file), value, file)
    }
    const swap = v2 ? readOf(plan, 'memory.swap.max') : readOf(plan, 'memory.memsw.limit_in_bytes')
    assert.ok(['missing', v2 ? '0' : `${64 * MiB}`].includes(swap), swap)
  })

  test('has the limits that only its version has', (context) => {
    if (v2) return
    const plan = make(context, {
      memory: { limit: 64 * MiB, swappiness: 7, disableOOMKiller: true, useHierarchy: true, kernelTCP: 8 * MiB },
      cpu: { idle: 1 },
      blockIO: {
        throttleReadBpsDevice: [{ ...disk(), rate: 1_000_000 }],
        throttleWriteIOPSDevice: [{ ...disk(), rate: 9 }],
      },
    })
    const { major, minor } = disk()
    for (const [file, value] of Object.entries({
      'cpu.idle': '1',
      'memory.swappiness': '7',
      'memory.use_hierarchy': '1',
      'memory.kmem.tcp.limit_in_bytes': `${8 * MiB}`,
      'blkio.throttle.read_bps_device': `${major}:${minor} 1000000`,
      'blkio.throttle.write_iops_device': `${major}:${minor} 9`,
    })) {
      assert.is(readOf(plan, file), value, file)
    }
    assert.match(readOf(plan, 'memory.oom_control'), /oom_kill_disable 1/)
  })

  test('is refused a limit that this kernel does not have', (context) => {
    if (v2) return
    const errnoOfMaking = (resources: OciResources, n: number): string | undefined => {
      try {
        make({ ...context, path: `${context.path}-${n}` }, resources)
      } catch (error) {
        return errnoOf(error)
      }
      return undefined
    }
    assert.is(errnoOfMaking({ memory: { useHierarchy: false } }, 2), 'EINVAL')
    assert.is(errnoOfMaking({ blockIO: { leafWeight: 100 } }, 3), 'ENOENT')
  })

  test('holds the process in every hierarchy, and none without controllers', async (context) => {
    const plan = make(context)
    const child = await spawnInside(plan, 'exec sleep 1000')
    const lines = readFileSync(`/proc/${child.pid}/cgroup`, 'utf8').trim().split('\n')
    for (const line of lines) {
      const [, controllers = '', path] = line.split(':')
      const ours = controllers === '' ? plan.unifiedDirectory !== undefined : !controllers.startsWith('name=')
      assert.is(path === context.path, ours, line)
    }
    assert.equal(await processesOf(plan.procsFile.replace('/cgroup.procs', '')), [child.pid])
  })

  test('takes an update while its process runs, up and down', async (context) => {
    const memory = (limit: number, swap: number) => ({ memory: { limit: limit * MiB, swap: swap * MiB } })
    let current: OciResources = { ...memory(64, 64), cpu: { quota: 20_000, period: 100_000 }, pids: { limit: 10 } }
    const plan = make(context, current)
    await spawnInside(plan, 'exec sleep 1000')
    const steps: OciResources[] = [
      { ...memory(256, 512), cpu: { quota: 100_000, period: 50_000 }, pids: { limit: 20 } },
      { ...memory(32, 32), cpu: { quota: 5000, period: 200_000 }, pids: { limit: 5 } },
      { cpu: { quota: -1 }, pids: { limit: -1 } },
    ]
    const seen: string[] = []
    for (const change of steps) {
      applyWrites(compileUpdate(host, context.path, current, change))
      current = { ...current, ...change }
      const limit = Number(readOf(plan, v2 ? 'memory.max' : 'memory.limit_in_bytes')) / MiB
      const cpu = v2
        ? readOf(plan, 'cpu.max')
        : `${readOf(plan, 'cpu.cfs_quota_us')} ${readOf(plan, 'cpu.cfs_period_us')}`
      seen.push(`${limit} ${cpu.replace('max', '-1')} ${readOf(plan, 'pids.max')}`)
    }
    assert.equal(seen.slice(0, 2), ['256 100000 50000 20', '32 5000 200000 5'])
    assert.match(seen[2] ?? '', /^32 -1 \d+ max$/)
  })

  test('keeps a cpuset its parents already have', async (context) => {
    if (v2) return // v2 inherits by itself
    const plan = make(context)
    const parent = `${host.v1.get('cpuset')}${context.path.slice(0, context.path.lastIndexOf('/'))}/cpuset.cpus`
    const all = readFileSync(parent, 'utf8').trim()
    applyWrites([{ path: `${plan.leaves.find((leaf) => leaf.includes('/cpuset/'))}/cpuset.cpus`, value: '0' }])
    applyWrites(plan.writes)
    assert.is(readOf(plan, 'cpuset.cpus'), '0')
    assert.is(readFileSync(parent, 'utf8').trim(), all)
  })

  test('keeps devices from the process that are not allowed', async (context) => {
    const plan = make(context, { devices: [{ allow: false, access: 'rwm' }] })
    const child = await spawnInside(plan, `{ ${OPEN_DEVICES}; } | tr '\\n' ' '; echo; exec sleep 1000`)
    child.stdin?.end('\n')
    assert.is(await lineOf(child), 'null done')
  })

  test('gives the process a device that is allowed, and all where all are', async (context) => {
    const kmsg = { allow: true, type: 'c', major: 1, minor: 11, access: 'r' } as const
    for (const devices of [[{ allow: false }, kmsg], [{ allow: true, access: 'rwm' }]]) {
      const plan = make({ ...context, path: `${context.path}-${devices.length}` }, { devices })
      const child = await spawnInside(plan, `{ ${OPEN_DEVICES}; } | tr '\\n' ' '; echo; exec sleep 1000`)
      child.stdin?.end('\n')
      assert.is(await lineOf(child), 'null kmsg done')
    }
  })

  test('accepts device programs of every shape: the verifier agrees and the kernel obeys', async (context) => {
    const all = { allow: true, access: 'rwm' } as const
    const plan = make(context, { devices: [all] })
    if (plan.unifiedDirectory === undefined) return // v1 alone has no place to attach a program
    const narrow = Array.from(
      { length: 1000 },
      (_, n) => ({ allow: true, type: 'b', major: 9, minor: n, access: 'r' }) as const,
    )
    const anyOf = (major: number, access: string) => ({ allow: true, type: 'c', major, access }) as const
    const nullDevice = { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' } as const
    const lists = [
      [nullDevice, ...narrow],
      [...DEFAULT_DEVICE_RULES],
      [nullDevice, ...[4, 5, 136].flatMap((major) => [anyOf(major, 'rwm'), { ...anyOf(major, 'r'), minor: 7 }])],
      [
        all,
        { allow: false, type: 'c', major: 1, minor: 11 } as const,
        { allow: false, type: 'b', access: 'w' } as const,
      ],
    ]
    for (const rules of lists) {
      const program = compileDeviceProgram(reduceDeviceRules(rules))
      const followed = attachDeviceProgram(plan.unifiedDirectory, program ?? new Uint8Array())
      assert.ok(followed < 20_000, `the verifier followed ${followed} instructions; at 1,000,000 it gives up`)
    }
    const child = await spawnInside(plan, `{ ${OPEN_DEVICES}; } | tr '\\n' ' '; echo; exec sleep 1000`)
    child.stdin?.end('\n')
    assert.is(await lineOf(child), 'null done')
  })
})
