// SPDX-License-Identifier: Apache-2.0
import { errnoName } from '../kernel/errno.ts'
import { RLIMITS } from '../spec/names.ts'
import { PLAN_SLOTS } from './compile/slots.ts'
import { type NumberFormat, OPS, type Op, type Operand, type Plan, SLOTS } from './ops.ts'

/** What the keeper measured of one start. */
export interface PlanTimes {
  /** Nanoseconds each operation took: prepare, parent, child, in the order of the plan; 0 where it did not run. */
  readonly ns: readonly number[]
  /** Index of the operation that failed, and its errno's name. */
  readonly failed?: { readonly index: number; readonly errno: string }
}

/** `free` and `spare` begin ranges: those slots are printed by number. */
const SLOT_NAMES = new Map<number, string>(
  [...Object.entries(SLOTS), ...Object.entries(PLAN_SLOTS)]
    .filter(([name]) => name !== 'free' && name !== 'spare')
    .map(([name, number]) => [number, name]),
)

const FLAGS: Readonly<Record<string, readonly (readonly [bigint, string])[]>> = {
  cloneflags: [
    [0x20000n, 'mount'],
    [0x2000000n, 'cgroup'],
    [0x4000000n, 'uts'],
    [0x8000000n, 'ipc'],
    [0x10000000n, 'user'],
    [0x20000000n, 'pid'],
    [0x40000000n, 'net'],
    [0x80n, 'time'],
    [0x200000000n, 'into-cgroup'],
  ],
  msflags: [
    [1n, 'ro'],
    [2n, 'nosuid'],
    [4n, 'nodev'],
    [8n, 'noexec'],
    [16n, 'sync'],
    [32n, 'remount'],
    [64n, 'mand'],
    [128n, 'dirsync'],
    [256n, 'nosymfollow'],
    [1024n, 'noatime'],
    [2048n, 'nodiratime'],
    [4096n, 'bind'],
    [16384n, 'rec'],
    [1n << 17n, 'unbindable'],
    [1n << 18n, 'private'],
    [1n << 19n, 'slave'],
    [1n << 20n, 'shared'],
    [1n << 21n, 'relatime'],
    [1n << 23n, 'iversion'],
    [1n << 24n, 'strictatime'],
    [1n << 25n, 'lazytime'],
  ],
  attr: [
    [1n, 'ro'],
    [2n, 'nosuid'],
    [4n, 'nodev'],
    [8n, 'noexec'],
    [0x10n, 'noatime'],
    [0x20n, 'strictatime'],
    [0x80n, 'nodiratime'],
    [0x100000n, 'idmap'],
    [0x200000n, 'nosymfollow'],
  ],
  propagation: [
    [1n << 17n, 'unbindable'],
    [1n << 18n, 'private'],
    [1n << 19n, 'slave'],
    [1n << 20n, 'shared'],
  ],
  openflags: [
    [0o1n, 'wronly'],
    [0o2n, 'rdwr'],
    [0o100n, 'creat'],
    [0o4000n, 'nonblock'],
    [0o200000n, 'directory'],
    [0o400000n, 'nofollow'],
    [0o2000000n, 'cloexec'],
    [0o10000000n, 'path'],
  ],
}

const PRCTLS: Readonly<Record<string, string>> = {
  '1': 'PDEATHSIG',
  '4': 'DUMPABLE',
  '8': 'KEEPCAPS',
  '38': 'NO_NEW_PRIVS',
}

/**
 * Prints a plan as readable lines, one an operation, with the time each took where it is known.
 * Plans are golden text: a change of the launch order is a readable diff of this.
 */
export function explain(plan: Plan, times?: PlanTimes): string {
  const lines: string[] = []
  let index = 0
  const section = (title: string, ops: readonly Op[]): void => {
    if (ops.length === 0) return
    lines.push(`${title}:`)
    for (const operation of ops) {
      lines.push(`  ${timeColumn(times, index)}${printOp(operation)}${failureNote(times, index)}`)
      index++
    }
  }
  section('keeper, before the clone', plan.prepare)
  section('keeper, on sync_parent', plan.parent)
  section(`child of clone3(${printNumber(plan.cloneFlags, 'cloneflags')})`, plan.child)
  return `${lines.join('\n')}\n`
}

/** One operation as one line: `mkdir_host path="/x" mode=0755`. */
export function printOp(operation: Op): string {
  const operands: readonly Operand[] = OPS[operation.name].operands
  const parts = operands.map((operand, index) => `${operand.name}=${printArgument(operand, operation.args[index])}`)
  const tolerate = operation.tolerate.length === 0 ? [] : [`tolerate=${operation.tolerate.map(errnoName).join(',')}`]
  return [operation.name, ...parts, ...tolerate].join(' ')
}

function printArgument(operand: Operand, value: Op['args'][number]): string {
  if (value === undefined) return '-'
  if (Array.isArray(value)) return JSON.stringify(value.map(asText))
  if (operand.kind === 'data') return printData(Buffer.from(value as string | Uint8Array))
  if (typeof value === 'string' || value instanceof Uint8Array) return JSON.stringify(asText(value))
  if (operand.kind === 'slot' || operand.kind === 'oslot') return `@${SLOT_NAMES.get(Number(value)) ?? value}`
  return printNumber(BigInt(value as number | bigint), operand.format ?? 'dec')
}

function asText(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('utf8')
}

function printData(value: Buffer): string {
  const text = value.toString('latin1')
  return value.length <= 256 && /^[\t\n\x20-\x7e]*$/.test(text) ? JSON.stringify(text) : `<${value.length} bytes>`
}

function printNumber(value: bigint, format: NumberFormat): string {
  const unsigned = BigInt.asUintN(64, value)
  const names = FLAGS[format]
  if (names !== undefined) return printFlags(unsigned, names)
  switch (format) {
    case 'oct':
      return `0${unsigned.toString(8)}`
    case 'hex':
      return `0x${unsigned.toString(16)}`
    case 'dev':
      return `${(unsigned >> 8n) & 0xfffn}:${(unsigned & 0xffn) | ((unsigned >> 12n) & 0xfff00n)}`
    case 'rlimit':
      return RLIMITS[Number(unsigned)] ?? unsigned.toString()
    case 'prctl':
      return PRCTLS[unsigned.toString()] ?? unsigned.toString()
    default:
      return BigInt.asIntN(64, unsigned).toString()
  }
}

function printFlags(value: bigint, names: readonly (readonly [bigint, string])[]): string {
  const found = names.filter(([bit]) => (value & bit) !== 0n)
  const rest = found.reduce((left, [bit]) => left & ~bit, value)
  const words = found.map(([, name]) => name)
  if (rest !== 0n) words.push(`0x${rest.toString(16)}`)
  return words.length === 0 ? '0' : words.join('|')
}

function timeColumn(times: PlanTimes | undefined, index: number): string {
  if (times === undefined) return ''
  const ns = times.ns[index] ?? 0
  return `${ns === 0 ? '·' : (ns / 1000).toFixed(1)} µs  `.padStart(14)
}

function failureNote(times: PlanTimes | undefined, index: number): string {
  return times?.failed?.index === index ? `   ← ${times.failed.errno}` : ''
}
