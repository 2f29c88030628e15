// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlan } from '../../cgroup/manager.ts'
import type { OciProcess, OciSpec } from '../../spec/types.ts'
import { forPurpose, op, type Plan, SLOTS } from '../ops.ts'
import { compileCgroupJoin, compileLateCgroupJoin } from './cgroup.ts'
import type { ContainerIdentity, HostFacts, SeccompFilter } from './input.ts'
import { compileLifecycle, type Lifecycle } from './lifecycle.ts'
import {
  compileProcess,
  compileProcSettings,
  compileRlimits,
  compileStdio,
  compileTerminal,
  inheritStdio,
  type Stdio,
} from './process.ts'
import { compileAffinity } from './scheduling.ts'
import { compileListener } from './seccomp-listener.ts'
import { CLONE } from './slots.ts'
import type { UserNamespace } from './user-namespace.ts'

export interface ExecInput {
  readonly process: OciProcess
  readonly seccomp: SeccompFilter | undefined
  readonly cgroup: CgroupPlan
  readonly host: HostFacts
  readonly stdio: Stdio | 'inherit'
  /** The container's user namespace, where it is not the host's. */
  readonly user: UserNamespace | undefined
  /** The container's own configuration: what each of its processes gets. */
  readonly spec?: OciSpec
  readonly identity?: ContainerIdentity
  /** The container is not in the host's PID namespace. */
  readonly pidNamespace: boolean
  /** Absent: a child of the keeper. */
  readonly lifecycle?: Lifecycle
  /** The container’s init, where no keeper holds it: its pid and start time. */
  readonly init?: { readonly pid: number; readonly startTime: bigint }
}

/** All namespaces at once, by the pidfd of the container's init (setns(2), Linux 5.8). */
const JOINED = CLONE.mount | CLONE.uts | CLONE.ipc | CLONE.network | CLONE.cgroup

/** The plan of a further process in a running container: join by pidfd, drop privileges, exec. */
export function compileExec(input: ExecInput): Plan {
  const { process, init } = input
  const { initial, final } = process.execCPUAffinity ?? {}
  const cgroup = initial === undefined ? compileCgroupJoin(input.cgroup) : compileLateCgroupJoin(input.cgroup)
  const listener = compileListener(input.seccomp, { spec: input.spec, identity: input.identity, status: 'running' })
  const lifecycle = compileLifecycle(undefined, input.lifecycle)
  const stdio =
    input.stdio === 'inherit' ? inheritStdio(process, input.user) : compileStdio(input.stdio, process, input.user)
  return {
    cloneFlags: cgroup.cloneFlags,
    prepare: [
      ...(init === undefined ? [] : [op('open_process', SLOTS.target, init.pid, init.startTime)]),
      ...cgroup.prepare,
      ...(input.pidNamespace ? [op('setns', SLOTS.target, CLONE.pid)] : []),
    ],
    parent: [...listener.parent, ...lifecycle.parent],
    child: [
      ...listener.child,
      ...compileAffinity('initial', initial),
      ...cgroup.child,
      ...compileAffinity('final', final),
      ...lifecycle.early,
      ...compileProcSettings(process, input.spec?.linux ?? {}, input.host),
      // /dev/null and the pipes are put in place on the host: the container may have replaced its own /dev/null.
      ...(process.terminal === true ? [] : [...stdio, op('setsid')]),
      ...(input.user === undefined ? [] : compileRlimits(process)),
      ...forPurpose('join the container', [
        op('setns', SLOTS.target, JOINED | (input.user === undefined ? 0n : CLONE.user) | ownTime(input)),
      ]),
      ...(process.terminal === true ? compileTerminal(process, undefined, false) : []),
      ...compileProcess(
        input.user === undefined ? process : { ...process, rlimits: [] },
        input.seccomp,
        input.host,
        input.lifecycle,
        lifecycle.beforeExec,
      ),
    ],
  }
}

/** Asked for only where there is one: kernels can be built without. */
function ownTime({ spec }: ExecInput): bigint {
  return spec?.linux?.namespaces?.some(({ type }) => type === 'time') === true ? CLONE.time : 0n
}
