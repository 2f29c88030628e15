// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlan } from '../../cgroup/manager.ts'
import type { OciProcess } from '../../spec/types.ts'
import { forPurpose, op, type Plan, SLOTS } from '../ops.ts'
import { compileCgroupJoin } from './cgroup.ts'
import type { HostFacts, SeccompFilter } from './input.ts'
import { compileProcess, compileProcSettings, compileStdio, compileTerminal, type Stdio } from './process.ts'
import { CLONE } from './slots.ts'
import type { UserNamespace } from './user-namespace.ts'

export interface ExecInput {
  readonly process: OciProcess
  readonly seccomp: SeccompFilter | undefined
  readonly cgroup: CgroupPlan
  readonly host: HostFacts
  readonly stdio: Stdio
  /** The container's user namespace, where it is not the host's. */
  readonly user: UserNamespace | undefined
  /** The container is not in the host's PID namespace. */
  readonly pidNamespace: boolean
}

/** All namespaces at once, by the pidfd of the container's init (setns(2), Linux 5.8). */
const JOINED = CLONE.mount | CLONE.uts | CLONE.ipc | CLONE.network | CLONE.cgroup

/** The plan of a further process in a running container: join by pidfd, drop privileges, exec. */
export function compileExec(input: ExecInput): Plan {
  const cgroup = compileCgroupJoin(input.cgroup)
  const { process } = input
  return {
    cloneFlags: cgroup.cloneFlags,
    prepare: [...cgroup.prepare, ...(input.pidNamespace ? [op('setns', SLOTS.target, CLONE.pid)] : [])],
    parent: [],
    child: [
      ...cgroup.child,
      ...compileProcSettings(process),
      // /dev/null and the pipes are put in place on the host: the container may have replaced its own /dev/null.
      ...(process.terminal === true ? [] : [...compileStdio(input.stdio, process, input.user), op('setsid')]),
      ...forPurpose('join the container', [
        op('setns', SLOTS.target, JOINED | (input.user === undefined ? 0n : CLONE.user)),
      ]),
      ...(process.terminal === true ? compileTerminal(process, undefined, false) : []),
      ...compileProcess(process, input.seccomp, input.host),
    ],
  }
}
