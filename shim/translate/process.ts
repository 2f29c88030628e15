// SPDX-License-Identifier: Apache-2.0
import { posix } from 'node:path'
import type { ContainerConfig, KeyValue } from '../../cri-proto/index.ts'
import { textFromBytes } from '../../runtime-core/spec/raw-text.ts'
import type { ImageConfig } from './host-facts.ts'
import { invalidField } from './invalid-field.ts'

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * The program and its arguments: `command` replaces the image's entry point and with it the image's command; `args`
 * replaces the image's command.
 *
 * @throws GantryError invalid_argument when nothing is left to run, or an argument holds a NUL.
 */
export function processArgs(config: Pick<ContainerConfig, 'command' | 'args'>, image: ImageConfig): string[] {
  const imageDecides = config.command.length === 0
  const command = imageDecides ? entrypoint(image) : config.command
  const args = imageDecides && config.args.length === 0 ? (image.Cmd ?? []) : config.args
  const argv = [...command, ...args]
  if (argv.length === 0) {
    throw invalidField('config.command', '', 'a command, or an image with an entry point or command')
  }
  for (const argument of argv) {
    if (argument.includes('\0')) throw invalidField('config.command', argument, 'arguments without NUL')
  }
  return argv
}

/** Docker writes `ENTRYPOINT [""]` to say "none"; containerd follows. */
function entrypoint({ Entrypoint = [] }: ImageConfig): readonly string[] {
  return Entrypoint.length === 1 && Entrypoint[0] === '' ? [] : Entrypoint
}

/**
 * The working directory: the request's, else the image's, else `/`.
 *
 * @throws GantryError invalid_argument when the request's is not an absolute path.
 */
export function processCwd(workingDir: string, image: ImageConfig): string {
  if (workingDir !== '' && !workingDir.startsWith('/')) {
    throw invalidField('config.working_dir', workingDir, 'an absolute path')
  }
  const cwd = workingDir || posix.resolve('/', image.WorkingDir ?? '')
  if (cwd.includes('\0')) throw invalidField('config.working_dir', cwd, 'a path without NUL')
  return cwd
}

export interface EnvironmentInput {
  readonly tty: boolean
  /** Of the pod; the node's on the host network. */
  readonly hostname: string
  readonly imageEnv: readonly string[]
  readonly envs: readonly KeyValue[]
  /** Value of HOME where nobody sets it. */
  readonly home: string
}

/**
 * The environment: PATH, TERM with a terminal, HOSTNAME, then the image's, then the request's; a later variable replaces
 * an earlier one in its place. An image entry without `=` removes the variable, as containerd has it.
 *
 * @throws GantryError invalid_argument for a name that is empty or holds `=` or NUL, and for a value that holds NUL.
 */
export function processEnv({ tty, hostname, imageEnv, envs, home }: EnvironmentInput): string[] {
  const values = new Map<string, string>([['PATH', DEFAULT_PATH]])
  if (tty) values.set('TERM', 'xterm')
  values.set('HOSTNAME', hostname)
  for (const entry of imageEnv) setFromImage(values, entry)
  for (const { key, value } of envs) setFromRequest(values, key, value)
  if (!values.has('HOME')) values.set('HOME', home)
  return Array.from(values, ([name, value]) => `${name}=${value}`)
}

function setFromImage(values: Map<string, string>, entry: string): void {
  if (entry.includes('\0')) throw invalidField('image.config.Env', entry, 'variables without NUL')
  const equals = entry.indexOf('=')
  if (equals === -1) values.delete(entry)
  else values.set(entry.slice(0, equals), entry.slice(equals + 1))
}

function setFromRequest(values: Map<string, string>, name: string, value: Uint8Array): void {
  if (name === '' || /[=\0]/.test(name)) throw invalidField('config.envs.key', name, 'a name without "=" and NUL')
  if (value.includes(0)) throw invalidField(`config.envs[${name}]`, textFromBytes(value), 'a value without NUL')
  values.set(name, textFromBytes(value))
}
