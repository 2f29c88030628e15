// SPDX-License-Identifier: Apache-2.0

import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { GantryError } from '../errors.ts'
import { assemble } from '../plan/assemble.ts'
import { operationsOf } from '../plan/failure.ts'
import type { Plan } from '../plan/ops.ts'
import type { After } from './after.ts'
import { KEEPER_PROGRAM } from './keeper-program.ts'

export interface LaunchOptions {
  /** Where the plan is put. */
  readonly plan: string
  readonly times?: string
  readonly unlinkPlan?: boolean
  /** Descriptors from 3 on that are handed to the program. */
  readonly preservedFds: number
  /** Copies between the standard streams and the container's terminal. */
  readonly terminal?: boolean
  /** Becomes the parent of what the program leaves behind. */
  readonly reapOrphans?: boolean
  /** There is more to do after the program's end than the plan does. */
  readonly thenAlways?: boolean
  /** What is done after a failure, or always. */
  readonly after: After
}

/**
 * Has the launcher run the plan: in place of this process, which saves a fork of it and all its memory while the container
 * runs. So it returns only where descriptors are to be handed on, which Node has marked as its own: then as a child.
 *
 * @returns the exit status.
 */
export async function launch(plan: Plan, options: LaunchOptions): Promise<number> {
  writeFileSync(options.plan, Buffer.concat([assemble(plan), purposesOf(plan)]), { mode: 0o600 })
  const args = [
    'launch',
    ...(options.preservedFds > 0 ? [`--preserve-fds=${options.preservedFds}`] : []),
    ...(options.times === undefined ? [] : [`--times=${options.times}`]),
    ...(options.unlinkPlan === true ? ['--unlink'] : []),
    ...(options.terminal === true ? ['--terminal'] : []),
    ...(options.reapOrphans === true ? ['--reap-orphans'] : []),
    ...(options.thenAlways === true ? ['--then-always'] : []),
    options.plan,
    '--',
    process.execPath,
    ...process.execArgv,
    // This program, whether it runs from its sources or bundled.
    process.argv[1] ?? '',
    '__after',
    JSON.stringify(options.after),
  ]
  if (options.preservedFds > 0) return await runAsChild(args, options.preservedFds)
  replaceProcess(args)
}

/** What each operation is for is no business of the interpreter: it stands behind the plan, for the error. */
function purposesOf(plan: Plan): Uint8Array {
  return Buffer.from(JSON.stringify(operationsOf(plan).map(({ purpose }) => purpose ?? 0)))
}

function replaceProcess(args: readonly string[]): never {
  if (process.execve === undefined) throw new GantryError('internal', { action: 'start launcher', reason: 'no execve' })
  process.execve(KEEPER_PROGRAM, ['gantry-keeper', ...args], process.env)
  throw new GantryError('internal', { action: 'start launcher', subject: KEEPER_PROGRAM })
}

/** Signals go to the program, which is the launcher's child and ours only through it. */
async function runAsChild(args: readonly string[], preserved: number): Promise<number> {
  const inherited = Array.from({ length: 3 + preserved }, (_, fd) => fd)
  const child = process
    .getBuiltinModule('node:child_process')
    .spawn(KEEPER_PROGRAM, args, { argv0: 'gantry-keeper', stdio: inherited })
  const forwarded = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const
  for (const signal of forwarded) process.on(signal, () => child.kill(signal))
  return await new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new GantryError('internal', { action: 'start launcher', subject: KEEPER_PROGRAM, cause })),
    )
    child.on('close', (status, signal) => resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])))
  })
}
