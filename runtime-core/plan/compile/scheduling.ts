// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import {
  IO_PRIORITY_CLASSES,
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  PERSONALITY_DOMAINS,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
} from '../../spec/names.ts'
import type { OciMemoryPolicy, OciPersonality, OciProcess, OciScheduler } from '../../spec/types.ts'
import { forPurpose, type Op, op } from '../ops.ts'
import { bitmap } from './bitmap.ts'

/** struct sched_attr up to and with `sched_period`; the clamps behind it came with Linux 5.3. */
const SCHED_ATTR_BYTES = 48
const SCHED_ATTR_WITH_CLAMPS_BYTES = 56
const ANY_CLAMP = 0x60n
const IOPRIO_CLASS_SHIFT = 13

/** How a process gets processors, disks and memory: `process.scheduler`, `ioPriority`, `linux.personality`, `memoryPolicy`. */
export function compileScheduling(
  { scheduler, ioPriority }: OciProcess,
  linux: { readonly personality?: OciPersonality; readonly memoryPolicy?: OciMemoryPolicy },
): Op[] {
  return [
    ...(scheduler === undefined ? [] : compileScheduler(scheduler)),
    ...(ioPriority === undefined ? [] : compileIoPriority(ioPriority)),
    ...(linux.memoryPolicy === undefined ? [] : compileMemoryPolicy(linux.memoryPolicy)),
    ...(linux.personality === undefined ? [] : compilePersonality(linux.personality)),
  ]
}

/** `process.execCPUAffinity`: where a further process runs, before and after it joins the container's cgroup. */
export function compileAffinity(name: 'initial' | 'final', cpus: string | undefined): Op[] {
  if (cpus === undefined) return []
  return forPurpose(`run on processors ${cpus} (execCPUAffinity.${name})`, [
    op('sched_setaffinity', bitmap(cpus, `process.execCPUAffinity.${name}`)),
  ])
}

/** sched_setattr(2); what a policy has no use for is 0 (spec/decode-process.ts refuses it where it is set). */
function compileScheduler({ policy, nice = 0, priority = 0, flags = [], ...deadline }: OciScheduler): Op[] {
  const mask = flags.reduce((all, name) => all | BigInt(numberOf(SCHEDULER_FLAGS, name, 'process.scheduler.flags')), 0n)
  const attr = Buffer.alloc((mask & ANY_CLAMP) === 0n ? SCHED_ATTR_BYTES : SCHED_ATTR_WITH_CLAMPS_BYTES)
  attr.writeUInt32LE(attr.length, 0)
  attr.writeUInt32LE(numberOf(SCHEDULER_POLICIES, policy, 'process.scheduler.policy'), 4)
  attr.writeBigUInt64LE(mask, 8)
  attr.writeInt32LE(nice, 16)
  attr.writeUInt32LE(priority, 20)
  for (const [index, name] of (['runtime', 'deadline', 'period'] as const).entries()) {
    attr.writeBigUInt64LE(BigInt(deadline[name] ?? 0), 24 + 8 * index)
  }
  return forPurpose(`set scheduler ${policy}`, [op('sched_setattr', attr)])
}

function compileIoPriority({ class: name, priority }: NonNullable<OciProcess['ioPriority']>): Op[] {
  const number = numberOf(IO_PRIORITY_CLASSES, name, 'process.ioPriority.class')
  return forPurpose(`set I/O priority ${name} ${priority}`, [
    op('ioprio_set', (number << IOPRIO_CLASS_SHIFT) | priority),
  ])
}

/** set_mempolicy(2): the flags are part of the mode. */
function compileMemoryPolicy({ mode, nodes = '', flags = [] }: OciMemoryPolicy): Op[] {
  const value = flags.reduce(
    (all, name) => all | numberOf(MEMORY_POLICY_FLAGS, name, 'linux.memoryPolicy.flags'),
    numberOf(MEMORY_POLICY_MODES, mode, 'linux.memoryPolicy.mode'),
  )
  return forPurpose(`set memory policy ${mode} of nodes "${nodes}"`, [
    op('set_mempolicy', value, bitmap(nodes, 'linux.memoryPolicy.nodes')),
  ])
}

/** personality(2); config-linux.md §personality defines no flags. */
function compilePersonality({ domain, flags = [] }: OciPersonality): Op[] {
  const [flag] = flags
  if (flag !== undefined) throw unknown('linux.personality.flags', flag, [])
  const persona = numberOf(PERSONALITY_DOMAINS, domain, 'linux.personality.domain')
  return forPurpose(`set personality ${domain}`, [op('personality', persona)])
}

function numberOf(names: ReadonlyMap<string, number>, name: string, field: string): number {
  const number = names.get(name)
  if (number === undefined) throw unknown(field, name, [...names.keys()])
  return number
}

function unknown(field: string, value: string, known: readonly string[]): GantryError {
  return new GantryError('invalid_argument', {
    action: `read ${field}`,
    subject: value,
    reason: `unknown, expected ${known.length === 0 ? 'none' : `one of ${known.join(', ')}`}`,
  })
}
