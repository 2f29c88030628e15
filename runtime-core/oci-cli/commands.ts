// SPDX-License-Identifier: Apache-2.0
import type { Command } from './command.ts'

/** Every command, by its name; each is loaded when it is asked for. */
export const COMMANDS = {
  checkpoint: load(() => import('./checkpoint.ts')),
  create: load(() => import('./create.ts')),
  delete: load(() => import('./delete.ts')),
  events: load(() => import('./events.ts')),
  exec: load(() => import('./exec.ts')),
  features: load(() => import('./features.ts')),
  kill: load(() => import('./kill.ts')),
  list: load(() => import('./list.ts')),
  pause: load(() => import('./pause.ts')),
  ps: load(() => import('./ps.ts')),
  restore: load(() => import('./restore.ts')),
  resume: load(() => import('./resume.ts')),
  run: load(() => import('./run.ts')),
  spec: load(() => import('./spec.ts')),
  start: load(() => import('./start.ts')),
  state: load(() => import('./state.ts')),
  update: load(() => import('./update.ts')),
} as const

export type CommandName = keyof typeof COMMANDS

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name)
}

/** Options are checked against the command’s own table before it sees them, so their types may be forgotten here. */
function load(module: () => Promise<{ readonly command: unknown }>): () => Promise<Command> {
  return async () => (await module()).command as Command
}
