// SPDX-License-Identifier: Apache-2.0

import { messageOf } from '../errors.ts'
import { type OptionTable, parseOptions, UsageError } from './arguments.ts'
import type { Command } from './command.ts'
import { COMMANDS, isCommandName } from './commands.ts'
import { failureText } from './failure-text.ts'
import { GLOBAL_OPTIONS, type GlobalOptions, readGlobalOptions } from './global-options.ts'
import { Log } from './log.ts'
import { print, printError } from './print.ts'

/**
 * gantry-oci: an OCI runtime with runc's command line. One file a command; only that of the command given is loaded,
 * for callers start this program for every container and every exec.
 *
 * @returns the exit status.
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === '__after') return (await import('./after.ts')).after(argv.slice(1))
  let global: GlobalOptions
  let rest: readonly string[]
  try {
    const parsed = parseOptions(GLOBAL_OPTIONS, argv, false)
    if (parsed.options.version) return await printVersion()
    if (parsed.options.help || parsed.rest.length === 0) return await printHelp()
    global = readGlobalOptions(parsed.options, process.getuid?.() ?? 0, process.env)
    rest = parsed.rest
  } catch (error) {
    printError(`${messageOf(error)}\n`)
    return 1
  }
  return runCommand(global, rest[0] ?? '', rest.slice(1))
}

async function runCommand(global: GlobalOptions, name: string, args: readonly string[]): Promise<number> {
  if (name === 'help' || name === 'h') return await printHelp(args[0])
  const log = new Log(global)
  if (!isCommandName(name)) {
    log.fail(`No help topic for '${name}'`)
    return 3
  }
  const command: Command = await COMMANDS[name]()
  try {
    if (args.some((arg) => arg === '--help' || arg === '-h') && !command.passesOn) return await printHelp(name)
    const parsed = parseOptions(command.options as OptionTable, args, command.passesOn !== true)
    checkCount(name, command, parsed.rest.length)
    return await command.run({ global, options: parsed.options, given: parsed.given, args: parsed.rest })
  } catch (error) {
    if (error instanceof UsageError) printError('Incorrect Usage.\n\n')
    log.fail(failureText(error))
    if (global.debug && error instanceof Error) log.write('debug', error.stack ?? '')
    return error instanceof UsageError ? 1 : (command.failureStatus ?? 1)
  }
}

function checkCount(name: string, { args }: Command, count: number): void {
  if (count >= args.min && count <= args.max) return
  const wanted =
    args.min === args.max
      ? `exactly ${args.min}`
      : count < args.min
        ? `a minimum of ${args.min}`
        : `a maximum of ${args.max}`
  throw new UsageError(`gantry-oci: ${JSON.stringify(name)} requires ${wanted} argument(s)`)
}

async function printHelp(name?: string): Promise<number> {
  const { commandHelp, generalHelp } = await import('./help.ts')
  print(name !== undefined && isCommandName(name) ? await commandHelp(name) : await generalHelp())
  return 0
}

async function printVersion(): Promise<number> {
  print(await (await import('./help.ts')).versionText())
  return 0
}
