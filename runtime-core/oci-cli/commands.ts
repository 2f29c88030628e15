// SPDX-License-Identifier: Apache-2.0
import type { Command } from './command.ts'

/** Every command, by its name; each is loaded when it is asked for. */
export const COMMANDS = {
  create: load(() => import('./create.ts')),
  delete: load(() => import('./delete.ts')),
  exec: load(() => import('./exec.ts')),
  kill: load(() => import('./kill.ts')),
  run: load(() => import('./run.ts')),
  start: load(() => import('./start.ts')),
  state: load(() => import('./state.ts')),
} as const

export type CommandName = keyof typeof COMMANDS

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name)
}

/** Options are checked against the command’s own table before it sees them, so their types may be forgotten here. */
function load(module: () => Promise<{ readonly command: unknown }>): () => Promise<Command> {
  return async () => (await module()).command as Command
}
