// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path'
import { type OptionTable, type OptionValues, UsageError } from './arguments.ts'

export const GLOBAL_OPTIONS = {
  debug: { kind: 'switch', about: 'log more' },
  log: { kind: 'text', value: 'FILE', about: 'log to this file (default: standard error)' },
  'log-format': { kind: 'text', value: 'text|json', about: 'format of the log (default: text)' },
  root: { kind: 'text', value: 'DIR', about: 'where the state of containers is kept (default: /run/gantry-oci)' },
  'systemd-cgroup': { kind: 'switch', about: 'let systemd make the cgroups; cgroupsPath is then slice:prefix:name' },
  rootless: { kind: 'text', value: 'true|false|auto', about: 'do without what only root may (default: auto)' },
  criu: { kind: 'text', value: 'PATH', about: 'CRIU, for checkpoint and restore (default: criu, looked for in PATH)' },
  help: { kind: 'switch', short: 'h', about: 'show this' },
  version: { kind: 'switch', short: 'v', about: 'show the version' },
} as const satisfies OptionTable

/** Options in front of the command, checked. */
export interface GlobalOptions {
  readonly debug: boolean
  /** Absolute; undefined: standard error. */
  readonly log: string | undefined
  readonly logFormat: 'text' | 'json'
  readonly root: string
  readonly systemdCgroup: boolean
  readonly rootless: boolean
  /** A path, or a name to be found in PATH. */
  readonly criu: string
}

/**
 * @param uid of the caller: who is not root has an own default `--root`, and `--rootless auto` means true.
 * @throws UsageError for values that are none.
 */
export function readGlobalOptions(
  options: OptionValues<typeof GLOBAL_OPTIONS>,
  uid: number,
  env: NodeJS.ProcessEnv,
): GlobalOptions {
  const format = options['log-format'] ?? 'text'
  if (format !== 'text' && format !== 'json') throw new UsageError(`invalid log-format: ${format}`)
  const rootless = readRootless(options.rootless ?? 'auto', uid)
  const root = resolve(options.root ?? defaultRoot(rootless, env))
  if (root === '/') throw new UsageError('Option --root argument should not be set to /')
  return {
    debug: options.debug,
    log: options.log === undefined || options.log === '' ? undefined : resolve(options.log),
    logFormat: format,
    root,
    systemdCgroup: options['systemd-cgroup'],
    rootless,
    criu: options.criu || 'criu',
  }
}

function readRootless(text: string, uid: number): boolean {
  if (text === 'auto') return uid !== 0
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw new UsageError(`invalid value for --rootless: ${JSON.stringify(text)}, expected true, false or auto`)
}

function defaultRoot(rootless: boolean, env: NodeJS.ProcessEnv): string {
  const runtimeDirectory = env['XDG_RUNTIME_DIR']
  return rootless && runtimeDirectory ? `${runtimeDirectory}/gantry-oci` : '/run/gantry-oci'
}
