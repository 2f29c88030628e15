// SPDX-License-Identifier: Apache-2.0

import { cpus } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../pod.ts'
import type { OciLinux, OciProcess } from '../spec/types.ts'
import { Room } from './test/room.ts'

/** The fields of `process` (config.md §process) as a running program finds them. */

const room = new Room()
let pod: Pod

test.before(async () => {
  pod = await room.pod()
})

test.after(() => room.leave(pod))

/** What a program prints that is the container's first process, without a shell between. */
async function said(
  args: readonly string[],
  process: Partial<OciProcess>,
  linux: Partial<OciLinux> = {},
): Promise<string> {
  const { containerId } = await room.start(pod, args, { process, linux: { ...LINUX, ...linux } })
  await room.ended(containerId)
  await pod.forget(containerId)
  return room.log(containerId).replaceAll('stdout F ', '').trim()
}

const LINUX: Partial<OciLinux> = { namespaces: [{ type: 'mount' }, { type: 'pid' }] }

async function errorOf(process: Partial<OciProcess>, linux: Partial<OciLinux> = {}): Promise<string> {
  return await said(['true'], process, linux).then(
    () => 'it ran',
    (error: unknown) => `${error} (${(error as { hint?: string }).hint})`,
  )
}

/** nice, real-time priority and policy of proc_pid_stat(5). */
async function scheduling(scheduler: NonNullable<OciProcess['scheduler']>): Promise<string> {
  const fields = (await said(['cat', '/proc/self/stat'], { scheduler })).split(' ')
  return [fields[18], fields[39], fields[40]].join(' ')
}

test('a scheduler of every policy that Linux has', async () => {
  assert.is(await scheduling({ policy: 'SCHED_OTHER', nice: 7 }), '7 0 0')
  assert.is(await scheduling({ policy: 'SCHED_OTHER', nice: -3 }), '-3 0 0')
  assert.is(await scheduling({ policy: 'SCHED_BATCH', nice: 2 }), '2 0 3')
  assert.is(await scheduling({ policy: 'SCHED_IDLE' }), '0 0 5')
  assert.is(await scheduling({ policy: 'SCHED_FIFO', priority: 11 }), '0 11 1')
  assert.is(await scheduling({ policy: 'SCHED_RR', priority: 12, flags: ['SCHED_FLAG_RESET_ON_FORK'] }), '0 12 2')
  const deadline = { runtime: 5_000_000, deadline: 9_000_000, period: 10_000_000 }
  assert.is(await scheduling({ policy: 'SCHED_DEADLINE', ...deadline }), '0 0 6')
})

test('a scheduler that the kernel refuses is named', async () => {
  assert.match(
    await errorOf({ scheduler: { policy: 'SCHED_ISO' } }),
    /set scheduler SCHED_ISO: sched_setattr .*: EINVAL/,
  )
  const deadline = { policy: 'SCHED_DEADLINE', runtime: 2n ** 62n, deadline: 1, period: 1 }
  assert.match(await errorOf({ scheduler: deadline }), /set scheduler SCHED_DEADLINE: .*: EINVAL/)
})

test('an I/O priority of every class', async () => {
  const ionice = (name: string, priority: number) =>
    said(['busybox', 'ionice', '-p', '1'], { ioPriority: { class: name, priority } })
  assert.is(await ionice('IOPRIO_CLASS_RT', 2), 'realtime: prio 2')
  assert.is(await ionice('IOPRIO_CLASS_BE', 6), 'best-effort: prio 6')
  assert.match(await ionice('IOPRIO_CLASS_IDLE', 0), /^idle/)
})

test('a personality, and the memory of the nodes it was given', async () => {
  assert.match(await said(['busybox', 'uname', '-m'], {}, { personality: { domain: 'LINUX32' } }), /^(i686|armv8l)$/)
  assert.match(await said(['busybox', 'uname', '-m'], {}, { personality: { domain: 'LINUX' } }), /^(x86_64|aarch64)$/)
  const numa = (mode: string, nodes: string, flags: readonly string[] = []) =>
    said(['cat', '/proc/self/numa_maps'], {}, { memoryPolicy: { mode, nodes, flags } })
  assert.match(await numa('MPOL_BIND', '0'), / bind:0 /)
  assert.match(await numa('MPOL_PREFERRED', '0', ['MPOL_F_STATIC_NODES']), / prefer=static:0 /)
  assert.match(await numa('MPOL_INTERLEAVE', '0'), / interleave:0 /)
  assert.match(await numa('MPOL_LOCAL', ''), / local /)
  assert.match(
    await errorOf({}, { memoryPolicy: { mode: 'MPOL_BIND', nodes: '1000' } }),
    /set memory policy MPOL_BIND of nodes "1000": set_mempolicy .*: EINVAL/,
  )
})

test('limits of 64 bits, umask, groups and oom_score_adj are just what was asked for', async () => {
  const rlimits = [
    { type: 'RLIMIT_CORE', soft: 2n ** 63n + 1n, hard: 2n ** 64n - 2n },
    { type: 'RLIMIT_DATA', soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n },
    { type: 'RLIMIT_RTTIME', soft: 5, hard: 6 },
  ]
  const limits = await said(['cat', '/proc/self/limits'], { rlimits })
  assert.match(limits, /Max core file size +9223372036854775809 +18446744073709551614 /)
  assert.match(limits, /Max data size +unlimited +unlimited /)
  assert.match(limits, /Max realtime timeout +5 +6 /)
  const user = { uid: 7, gid: 8, umask: 0o27, additionalGids: [9, 4294967294] }
  const script = 'umask; id -u; id -g; id -G; cat /proc/self/oom_score_adj'
  const lines = (await said(['sh', '-c', script], { user, oomScoreAdj: 500 })).split('\n')
  assert.equal(lines, ['0027', '7', '8', '8 9 4294967294', '500'])
})

test('a label that this host has no use for is an error that says why', async () => {
  const apparmor = await errorOf({ apparmorProfile: 'none-such' })
  assert.match(apparmor, /apply AppArmor profile "none-such": write_file .*: ENOENT \(AppArmor is not enabled/)
  assert.match(await errorOf({ selinuxLabel: 'a:b:c:s0' }), /apply SELinux label "a:b:c:s0": .*ENOENT \(SELinux is not/)
  assert.match(await errorOf({}, { mountLabel: 'a:b:c:s0' }), /mount "tmpfs" on "\/dev": .* key="context" .*: EINVAL/)
})

test('an exec runs where execCPUAffinity says', async () => {
  if (cpus().length < 2) return
  const container = await room.start(pod, ['sleep', '1000'], { linux: LINUX })
  const allowed = async (execCPUAffinity: OciProcess['execCPUAffinity']) => {
    const { process = { cwd: '/' } } = room.execRequest(container, ['grep', 'Cpus_allowed_list', '/proc/self/status'])
    const { stdout } = await room.exec(pod, container, process.args ?? [], {
      process: { ...process, ...(execCPUAffinity && { execCPUAffinity }) },
    })
    return stdout.split(/\s+/)[1]
  }
  assert.is(await allowed({ initial: '0' }), '0')
  assert.is(await allowed({ initial: '0', final: '1' }), '1')
  assert.is(await allowed({ final: '1' }), '1')
  assert.is.not(await allowed(undefined), '1')
  await pod.signal(container.containerId, 9)
  await room.ended(container.containerId)
  await pod.forget(container.containerId)
})

test.run()
