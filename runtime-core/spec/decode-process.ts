// SPDX-License-Identifier: Apache-2.0

import {
  absolutePath,
  also,
  array,
  boolean,
  type Decoder,
  distinct,
  integer,
  matching,
  nonEmpty,
  object,
  oneOf,
  text,
  uint32,
  uint64,
  wrong,
} from './decode.ts'
import { IO_PRIORITY_CLASSES, RLIMITS, SCHEDULER_FLAGS, SCHEDULER_POLICIES } from './names.ts'
import type { OciCapabilities, OciHook, OciProcess, OciRlimit, OciScheduler, OciSpec, OciUser } from './types.ts'

/** `process` and `hooks` of config.json (config.md §process, §posix-platform hooks). */

/** cpuset(7), list format. */
export const cpuList = matching(/^\d+(-\d+)?(,\d+(-\d+)?)*$/, 'a list such as 0-3,7')

const environment = array(matching(/^[^=]+=/s, 'NAME=value'))

const user = object<OciUser>({ uid: uint32, gid: uint32, umask: integer(0, 0o777), additionalGids: array(uint32) }, [
  'uid',
  'gid',
])

const rlimit = also(
  object<OciRlimit>({ type: oneOf(...RLIMITS.map((name) => `RLIMIT_${name}`)), soft: uint64, hard: uint64 }, [
    'type',
    'soft',
    'hard',
  ]),
  ({ soft, hard }, path) => {
    if (soft > hard) throw wrong(`${path}.soft`, soft, `at most ${path}.hard (${hard})`)
  },
)

/** Names of capabilities are no part of the check: unknown ones are a warning (config.md §process, `capabilities`). */
const capabilities = object<OciCapabilities>({
  bounding: array(text),
  effective: array(text),
  inheritable: array(text),
  permitted: array(text),
  ambient: array(text),
})

/** sched(7): which settings a policy has. */
const scheduler = also(
  object<OciScheduler>(
    {
      policy: oneOf(...SCHEDULER_POLICIES.keys()),
      nice: integer(-20, 19),
      priority: integer(0, 99),
      flags: array(oneOf(...SCHEDULER_FLAGS.keys())),
      runtime: uint64,
      deadline: uint64,
      period: uint64,
    },
    ['policy'],
  ),
  ({ policy, nice, priority, runtime, deadline, period }, path) => {
    const isFixed = policy === 'SCHED_FIFO' || policy === 'SCHED_RR'
    if (priority && !isFixed) throw wrong(`${path}.priority`, priority, 'it only with SCHED_FIFO and SCHED_RR')
    if (isFixed && !priority) throw wrong(`${path}.priority`, priority, `1 to 99 with ${policy}`)
    if (nice && (isFixed || policy === 'SCHED_DEADLINE')) {
      throw wrong(`${path}.nice`, nice, `it not with ${policy}`)
    }
    for (const [name, value] of Object.entries({ runtime, deadline, period })) {
      if (value && policy !== 'SCHED_DEADLINE') throw wrong(`${path}.${name}`, value, 'it only with SCHED_DEADLINE')
    }
    if (policy === 'SCHED_DEADLINE' && !runtime)
      throw wrong(`${path}.runtime`, runtime, 'nanoseconds, for SCHED_DEADLINE')
  },
)

export const process: Decoder<OciProcess> = object<OciProcess>(
  {
    terminal: boolean,
    consoleSize: object<NonNullable<OciProcess['consoleSize']>>(
      { height: integer(0, 0xffff), width: integer(0, 0xffff) },
      ['height', 'width'],
    ),
    cwd: absolutePath,
    args: array(text),
    env: environment,
    user,
    capabilities,
    rlimits: distinct(array(rlimit), 'type', ({ type }) => type),
    noNewPrivileges: boolean,
    apparmorProfile: text,
    selinuxLabel: text,
    oomScoreAdj: integer(-1000, 1000),
    scheduler,
    ioPriority: object<NonNullable<OciProcess['ioPriority']>>(
      { class: oneOf(...IO_PRIORITY_CLASSES.keys()), priority: integer(0, 7) },
      ['class', 'priority'],
    ),
    execCPUAffinity: object<NonNullable<OciProcess['execCPUAffinity']>>({ initial: cpuList, final: cpuList }),
  },
  ['cwd'],
)

const hookList = array(
  object<OciHook>(
    { path: also(absolutePath, nonEmpty), args: array(text), env: environment, timeout: integer(1, 0x7fff_ffff) },
    ['path'],
  ),
)

export const hooks: Decoder<NonNullable<OciSpec['hooks']>> = object<NonNullable<OciSpec['hooks']>>({
  prestart: hookList,
  createRuntime: hookList,
  createContainer: hookList,
  startContainer: hookList,
  poststart: hookList,
  poststop: hookList,
})
