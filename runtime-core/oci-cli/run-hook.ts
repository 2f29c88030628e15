// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'
import type { OciHook, OciHookName } from '../spec/types.ts'

/** What a failing hook prints is kept up to this many bytes. */
const MAX_OUTPUT_BYTES = 4096

/**
 * Runs a hook in the runtime's own namespaces: poststart and poststop (config.md §hooks). Those that come before are run
 * by the launcher.
 *
 * @throws GantryError with the hook's exit status and what it printed.
 */
export async function runHook(name: OciHookName, hook: OciHook, state: string): Promise<void> {
  const [argv0 = hook.path, ...args] = hook.args ?? []
  const env = Object.fromEntries((hook.env ?? []).map(splitEntry))
  const child = process
    .getBuiltinModule('node:child_process')
    .spawn(hook.path, args, { argv0, env, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  const collect = (chunk: Buffer): void => {
    if (output.length < MAX_OUTPUT_BYTES) output += chunk.toString('utf8')
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  // A hook need not read its state.
  child.stdin.on('error', () => undefined)
  child.stdin.end(state)
  let expired = false
  const timer =
    hook.timeout === undefined
      ? undefined
      : setTimeout(() => {
          expired = true
          child.kill('SIGKILL')
        }, hook.timeout * 1000)
  const failure = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('exit', (status, signal) => {
      if (expired) resolve('it did not end in time')
      else if (signal !== null) resolve(`killed by ${signal}`)
      else resolve(status === 0 ? undefined : `exit status ${status}`)
    })
  })
  clearTimeout(timer)
  child.stdout.destroy()
  child.stderr.destroy()
  if (failure === undefined) return
  const said = output.trim()
  throw new GantryError('failed_precondition', {
    action: `run ${name} hook`,
    subject: hook.path,
    reason: said === '' ? failure : `${failure}: ${said}`,
  })
}

function splitEntry(entry: string): [string, string] {
  const equals = entry.indexOf('=')
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)]
}
