// SPDX-License-Identifier: Apache-2.0
import type { OciRlimit } from '../../runtime-core/spec/types.ts'

/** setrlimit(2); every limit that Linux has. */
const NAMES =
  'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'.split(' ')
/** Stands for RLIM_INFINITY while limits are compared. */
const UNLIMITED = -1
/** RLIM_INFINITY as config.json has it: an unsigned number (config.md §posix-process). */
const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn

/**
 * What containers get unless the configuration says otherwise: every limit, so that none is what the daemon happened to
 * be started with. The kernel's own defaults, but for those that a node's services are given as a rule: open files, and
 * processes, which the pids controller counts by pod.
 */
export const STANDARD_RLIMITS = [
  ...['CPU=unlimited', 'FSIZE=unlimited', 'DATA=unlimited', 'STACK=8388608:unlimited', 'CORE=0:unlimited'],
  ...['RSS=unlimited', 'NPROC=unlimited', 'NOFILE=1048576', 'MEMLOCK=8388608', 'AS=unlimited', 'LOCKS=unlimited'],
  ...['SIGPENDING=131072', 'MSGQUEUE=819200', 'NICE=0', 'RTPRIO=0', 'RTTIME=unlimited'],
].join(',')

const VALUE = '(?:unlimited|\\d{1,15})'
const ENTRY = `(?:${NAMES.join('|')})=${VALUE}(?::${VALUE})?`
/** `NAME=SOFT:HARD` or `NAME=BOTH`, separated by commas; "" for none. */
export const RLIMITS_FORM = new RegExp(`^(?:${ENTRY}(?:,${ENTRY})*)?$`)

/** The highest hard limit that may be given, by name; absent: any. */
export type RlimitCeilings = Readonly<Record<string, number>>

/**
 * The limits of containers. What is named replaces the standard; what the kernel would not let us give is lowered to the
 * ceiling, as a start that fails on every node that is itself confined would help nobody.
 *
 * @param text In {@link RLIMITS_FORM}.
 */
export function containerRlimits(text: string, ceilings: RlimitCeilings): OciRlimit[] {
  const limits = new Map([...entries(STANDARD_RLIMITS), ...entries(text)])
  return Array.from(limits, ([name, [soft, hard]]) => {
    const ceiling = ceilings[name] ?? UNLIMITED
    const most = lower(hard, ceiling)
    return { type: `RLIMIT_${name}`, soft: toSpec(lower(soft, most)), hard: toSpec(most) }
  })
}

/**
 * What the daemon may give: anything with CAP_SYS_RESOURCE, else no more than it has; never more open files than the
 * kernel has room for (fs.nr_open).
 *
 * @param limits Text of /proc/self/limits. @param mayRaise CAP_SYS_RESOURCE is effective.
 */
export function rlimitCeilings(limits: string, mayRaise: boolean, nrOpen: number): RlimitCeilings {
  const own = Object.entries(ROWS).flatMap(([row, name]) => {
    const [, , hard] = new RegExp(`^${row} +(\\S+) +(\\S+)`, 'm').exec(limits) ?? []
    return hard === undefined || hard === 'unlimited' ? [] : [[name, Number(hard)] as const]
  })
  const ceilings = mayRaise ? {} : Object.fromEntries(own)
  return { ...ceilings, NOFILE: lower(ceilings['NOFILE'] ?? UNLIMITED, nrOpen) }
}

/** How proc_pid_limits(5) calls them. */
const ROWS = {
  'Max cpu time': 'CPU',
  'Max file size': 'FSIZE',
  'Max data size': 'DATA',
  'Max stack size': 'STACK',
  'Max core file size': 'CORE',
  'Max resident set': 'RSS',
  'Max processes': 'NPROC',
  'Max open files': 'NOFILE',
  'Max locked memory': 'MEMLOCK',
  'Max address space': 'AS',
  'Max file locks': 'LOCKS',
  'Max pending signals': 'SIGPENDING',
  'Max msgqueue size': 'MSGQUEUE',
  'Max nice priority': 'NICE',
  'Max realtime priority': 'RTPRIO',
  'Max realtime timeout': 'RTTIME',
} as const

function entries(text: string): (readonly [string, readonly [number, number]])[] {
  return text === ''
    ? []
    : text.split(',').map((entry) => {
        const [name = '', soft = '', hard = soft] = entry.split(/[=:]/)
        return [name, [limitOf(soft), limitOf(hard)]] as const
      })
}

function limitOf(text: string): number {
  return text === 'unlimited' ? UNLIMITED : Number(text)
}

function toSpec(limit: number): number | bigint {
  return limit === UNLIMITED ? RLIM_INFINITY : limit
}

function lower(one: number, other: number): number {
  if (one === UNLIMITED) return other
  return other === UNLIMITED ? one : Math.min(one, other)
}
