// SPDX-License-Identifier: Apache-2.0
import type { OciHook, OciHookName, OciSpec } from '../../spec/types.ts'
import { forPurpose, type Op, op, SLOTS } from '../ops.ts'
import { OPEN } from './slots.ts'

/** Who starts a container's process and how it goes on from there; without one it is a keeper's child from its first breath. */
export interface Lifecycle {
  /** OCI create: the process waits at these fifos until somebody starts it. */
  readonly gate: { readonly go: string; readonly answer: string } | undefined
  /** Name of the session keyring it gets; undefined: it stays in the caller’s. */
  readonly keyring: string | undefined
  /** Descriptors from 3 on that are the program's (`--preserve-fds`, LISTEN_FDS). */
  readonly preservedFds: number
  /** What the parent does once everything but the program is there: pid files, the terminal's other end. */
  readonly whenReady: readonly Op[]
  /** What the parent does after the program runs, and after it ended. */
  readonly afterwards: readonly Op[]
  /** The hooks' state as JSON; a zero byte stands for the pid. */
  readonly hookState: (status: 'creating' | 'created' | 'running') => Uint8Array
}

/** Where hooks and waits are in a container's plan; all empty for a process that has no lifecycle of its own. */
export interface LifecycleOps {
  readonly prepare: readonly Op[]
  /** Parent section, in the order in which the child asks. */
  readonly parent: readonly Op[]
  /** Child: before any mount is changed; the fifos are the host's. */
  readonly early: readonly Op[]
  /** Child: all is mounted, the root not yet changed. */
  readonly beforePivot: readonly Op[]
  /** Child: nothing is left but the program. */
  readonly beforeExec: readonly Op[]
}

/** Milliseconds stand for "no limit". */
const NO_TIMEOUT_MS = 0

/**
 * The order of runtime-spec runtime.md §lifecycle: prestart and createRuntime in the runtime's namespaces, createContainer
 * in the container's, all before pivot_root; startContainer in the container after the start; poststart in the runtime's.
 *
 * @param joining The program is a further one of a running container: no hooks.
 */
export function compileLifecycle(hooks: OciSpec['hooks'], lifecycle: Lifecycle | undefined): LifecycleOps {
  if (lifecycle === undefined) return { prepare: [], parent: [], early: [], beforePivot: [], beforeExec: [] }
  const run = (name: OciHookName, status: 'creating' | 'created' | 'running'): Op[] =>
    (hooks?.[name] ?? []).flatMap((hook, index) => compileHook(name, index, hook, lifecycle.hookState(status)))
  const runtimeHooks = [...run('prestart', 'creating'), ...run('createRuntime', 'creating')]
  const containerHooks = run('createContainer', 'creating')
  const poststart = lifecycle.gate === undefined ? run('poststart', 'running') : []
  // The state that createContainer hooks read has the pid, which the child learns while it waits.
  const meets = runtimeHooks.length + containerHooks.length > 0
  return {
    prepare: lifecycle.gate === undefined ? [] : makeGate(lifecycle.gate),
    parent: [
      ...(meets ? [...runtimeHooks, op('resume_child')] : []),
      ...lifecycle.whenReady,
      op('resume_child'),
      ...(lifecycle.gate === undefined ? [] : [op('leave_child')]),
      ...(poststart.length === 0 ? [] : [op('await_exec'), ...poststart]),
      ...lifecycle.afterwards,
    ],
    early: [
      ...(lifecycle.keyring === undefined ? [] : [op('join_keyring', lifecycle.keyring)]),
      ...(lifecycle.gate === undefined ? [] : openGate(lifecycle.gate)),
    ],
    beforePivot: [...(meets ? [op('sync_parent')] : []), ...containerHooks],
    beforeExec: [
      op('sync_parent'),
      ...(lifecycle.gate === undefined ? [] : [op('await_start', SLOTS.startGate, SLOTS.startAnswer)]),
      ...run('startContainer', 'created'),
    ],
  }
}

/** One hook of config.json (config.md §posix-platform hooks). */
function compileHook(name: OciHookName, index: number, hook: OciHook, state: Uint8Array): Op[] {
  const timeoutMs = hook.timeout === undefined ? NO_TIMEOUT_MS : hook.timeout * 1000
  // args has execv's meaning: the first is the program's own name.
  const args = hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args
  return forPurpose(`run ${name} hook #${index} "${hook.path}"`, [
    op('run_hook', hook.path, args, hook.env ?? [], timeoutMs, state),
  ])
}

function makeGate({ go, answer }: NonNullable<Lifecycle['gate']>): Op[] {
  return [op('make_fifo', go, 0o600), op('make_fifo', answer, 0o600)]
}

/** For reading and writing: neither blocks, and nobody's leaving ends them. */
function openGate({ go, answer }: NonNullable<Lifecycle['gate']>): Op[] {
  return [op('open', SLOTS.startGate, go, OPEN.rdwr, 0), op('open', SLOTS.startAnswer, answer, OPEN.rdwr, 0)]
}
