// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ErrorCode, errnoOf, GantryError } from '../../../runtime-core/errors.ts'
import { type ChildOutcome, runChild } from './child.ts'
import { isPluginType } from './config.ts'
import { PluginFailure, printable, readFailure } from './plugin-failure.ts'

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC' | 'VERSION'

/** The attachment parameters of ADD, DEL and CHECK; absent for the others. */
export interface Attachment {
  readonly containerId: string
  /** Empty when the namespace is gone (DEL only). */
  readonly netnsPath: string
  readonly ifName: string
  readonly args: string
}

/** One execution of one plugin. */
export interface Invocation {
  readonly command: CniCommand
  readonly type: string
  readonly network: string
  readonly path: string
  /** The JSON document for standard input. */
  readonly stdin: string
  readonly attachment?: Attachment | undefined
}

export interface InvokeOptions {
  /** The directories plugins are looked up in; handed on as CNI_PATH for delegated plugins. */
  readonly pluginDirs: readonly string[]
  /** What the plugin inherits, PATH for instance; CNI variables in it are overridden. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Awaited before each start of a process, to spread them (see Turns). */
  readonly turn?: () => Promise<void>
  /** Pause between the attempts to execute a binary that is being written. */
  readonly busyRetryMs?: number
}

const outputLimitBytes = 1024 * 1024
const busyAttempts = 5
const busyRetryMs = 1000

/**
 * Finds a plugin's binary: the first executable file of that name (CNI spec, section 2).
 * Throws invalid_argument for a name with a separator, not_found with the directories searched.
 */
export async function findPlugin(type: string, pluginDirs: readonly string[]): Promise<string> {
  const action = 'find cni plugin'
  if (!isPluginType(type))
    throw new GantryError('invalid_argument', { action, subject: type, reason: 'not a file name' })
  for (const dir of pluginDirs) {
    const path = join(dir, type)
    if (await isExecutable(path)) return path
  }
  throw new GantryError('not_found', {
    action,
    subject: type,
    reason: `no executable of that name in ${pluginDirs.map((dir) => JSON.stringify(dir)).join(', ') || 'an empty list'}`,
    hint: 'install the plugin or set --cni-bin-dir',
  })
}

/**
 * Executes a plugin and returns its standard output. Throws GantryError: deadline_exceeded (killed, with the time),
 * cancelled, or a code made from the plugin's own error object, whose text is in the message; the PluginFailure with
 * the plugin's number is the cause. The message reads `cni ADD "bridge" (network "podnet"): plugin error 7: …`.
 */
export async function invokePlugin(invocation: Invocation, options: InvokeOptions): Promise<string> {
  if (options.timeoutMs <= 0) throw failure(invocation, 'deadline_exceeded', { reason: 'no time left to start it' })
  if (options.signal?.aborted) throw notStarted(invocation, options.signal.reason)
  const started = performance.now()
  const outcome = await runWhenWritten(invocation, options).catch((cause) => {
    throw failure(invocation, cause instanceof GantryError ? cause.code : 'internal', { cause })
  })
  if (outcome.killedFor !== undefined) throw killed(invocation, options, outcome, performance.now() - started)
  if (outcome.exitCode === 0) return outcome.stdout
  const cause = readFailure(outcome)
  throw failure(invocation, codeOf(cause), { cause })
}

/** True when the error is a plugin's own and carries one of the given CNI error numbers. */
export function hasPluginCode(error: unknown, ...codes: readonly number[]): boolean {
  const cause = error instanceof GantryError ? error.cause : error
  return cause instanceof PluginFailure && cause.pluginCode !== undefined && codes.includes(cause.pluginCode)
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

async function runWhenWritten(invocation: Invocation, options: InvokeOptions): Promise<ChildOutcome> {
  const deadline = performance.now() + options.timeoutMs
  for (let attempt = 1; ; attempt++) {
    await options.turn?.()
    try {
      return await runChild({
        path: invocation.path,
        env: environment(invocation, options),
        stdin: invocation.stdin,
        timeoutMs: Math.max(0, deadline - performance.now()),
        limitBytes: outputLimitBytes,
        signal: options.signal,
      })
    } catch (error) {
      // ETXTBSY: someone is installing the binary at this moment
      if (errnoOf(error) !== 'ETXTBSY' || attempt > busyAttempts) throw error
      await pause(Math.min(options.busyRetryMs ?? busyRetryMs, deadline - performance.now()), options.signal)
    }
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0) throw new GantryError('deadline_exceeded', { action: 'execute', errno: 'ETXTBSY' })
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((cause) => {
    throw new GantryError('cancelled', { action: 'execute', errno: 'ETXTBSY', cause })
  })
}

/** All six variables, empty where unused, as libcni sets them: an inherited one must not leak in. */
function environment({ command, attachment }: Invocation, options: InvokeOptions): Record<string, string> {
  return {
    ...options.env,
    CNI_COMMAND: command,
    CNI_CONTAINERID: attachment?.containerId ?? '',
    CNI_NETNS: attachment?.netnsPath ?? '',
    CNI_IFNAME: attachment?.ifName ?? '',
    CNI_ARGS: attachment?.args ?? '',
    CNI_PATH: options.pluginDirs.join(':'),
  }
}

function killed(invocation: Invocation, options: InvokeOptions, outcome: ChildOutcome, tookMs: number): GantryError {
  const said =
    outcome.stderr.trim() === '' ? '' : `; its standard error ends ${printable(outcome.stderr.trim().slice(-200))}`
  const after = `killed after ${Math.round(tookMs)} ms${said}`
  if (outcome.killedFor === 'output') {
    return failure(invocation, 'internal', { reason: `more than ${outputLimitBytes} bytes of output, ${after}` })
  }
  if (outcome.killedFor === 'timeout' || isTimeout(options.signal?.reason)) {
    return failure(invocation, 'deadline_exceeded', { reason: `no answer, ${after}` })
  }
  return failure(invocation, 'cancelled', { reason: `the caller gave up, ${after}`, cause: options.signal?.reason })
}

function notStarted(invocation: Invocation, reason: unknown): GantryError {
  const code = isTimeout(reason) ? 'deadline_exceeded' : 'cancelled'
  return failure(invocation, code, { reason: 'the caller gave up before it started', cause: reason })
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && (reason.name === 'TimeoutError' || errorCodeOf(reason) === 'deadline_exceeded')
}

function errorCodeOf(error: unknown): ErrorCode | undefined {
  return error instanceof GantryError ? error.code : undefined
}

/** CNI spec 1.1.0, section 5, "Error": what a caller can do about each number. */
function codeOf({ pluginCode }: PluginFailure): ErrorCode {
  switch (pluginCode) {
    case 3:
      return 'not_found'
    case 1:
    case 2:
    case 7:
      return 'failed_precondition'
    case 11:
    case 50:
    case 51:
      return 'unavailable'
    default:
      return 'internal'
  }
}

function failure(
  { command, type, network }: Invocation,
  code: ErrorCode,
  detail: { readonly reason?: string; readonly cause?: unknown },
): GantryError {
  return new GantryError(code, {
    action: `cni ${command} ${JSON.stringify(type)} (network ${JSON.stringify(network)})`,
    stage: `cni_${command.toLowerCase()}`,
    ...detail,
  })
}
