// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import type { CgroupHost } from '../cgroup/detect.ts'
import { GantryError } from '../errors.ts'
import type { OciCapabilities, OciProcess, OciSpec, OciUser } from '../spec/types.ts'
import { parseProcess } from '../spec/validate.ts'
import type { CgroupRecord } from '../state/container-record.ts'
import type { OptionTable, OptionValues } from './arguments.ts'
import { PROCESS_OPTIONS } from './start-options.ts'

export const EXEC_OPTIONS = {
  ...PROCESS_OPTIONS,
  cwd: { kind: 'text', value: 'DIR', about: 'working directory in the container' },
  env: { kind: 'list', short: 'e', value: 'NAME=VALUE', about: 'a further environment variable' },
  tty: { kind: 'switch', short: 't', about: 'with a terminal' },
  user: { kind: 'text', short: 'u', value: 'UID[:GID]', about: 'user and group' },
  'additional-gids': { kind: 'list', short: 'g', value: 'GID', about: 'a further group' },
  process: { kind: 'text', short: 'p', value: 'FILE', about: 'the whole process as JSON, as in config.json' },
  detach: { kind: 'switch', short: 'd', about: 'do not wait for its end' },
  'process-label': { kind: 'text', value: 'LABEL', about: 'SELinux label' },
  apparmor: { kind: 'text', value: 'PROFILE', about: 'AppArmor profile' },
  'no-new-privs': { kind: 'switch', about: 'without gaining privileges by an execve' },
  cap: { kind: 'list', short: 'c', value: 'CAP_NAME', about: 'a further capability' },
  cgroup: { kind: 'list', value: '[CONTROLLER:]PATH', about: 'a cgroup below the container’s' },
  'ignore-paused': { kind: 'switch', about: 'also in a paused container; it waits until that is resumed' },
  'no-subreaper': { kind: 'switch', about: 'leave processes without a parent to the caller' },
} as const satisfies OptionTable

export type ExecOptions = OptionValues<typeof EXEC_OPTIONS>

/**
 * The process to run: the file of `--process`, or the container's own with what the options change.
 *
 * @throws GantryError `invalid_argument`.
 */
export function readExecProcess(spec: OciSpec, options: ExecOptions, args: readonly string[]): OciProcess {
  if (options.process !== undefined) return readProcessFile(options.process)
  if (args.length === 0) throw wrong('exec args cannot be empty')
  const base = spec.process ?? { cwd: '/' }
  const user = options.user === undefined ? base.user : parseUser(options.user, base.user)
  const gids = [...(user?.additionalGids ?? []), ...options['additional-gids'].map((text) => parseId(text, 'gid'))]
  return {
    ...base,
    args,
    terminal: options.tty,
    env: [...(base.env ?? []), ...options.env],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.apparmor === undefined ? {} : { apparmorProfile: options.apparmor }),
    ...(options['process-label'] === undefined ? {} : { selinuxLabel: options['process-label'] }),
    ...(options['no-new-privs'] ? { noNewPrivileges: true } : {}),
    ...(options.cap.length === 0 ? {} : { capabilities: withCapabilities(base.capabilities ?? {}, options.cap) }),
    user: { uid: 0, gid: 0, ...user, ...(gids.length === 0 ? {} : { additionalGids: gids }) },
  }
}

function readProcessFile(path: string): OciProcess {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read process', subject: path, cause })
  }
  return parseProcess(text)
}

function parseUser(text: string, base: OciUser | undefined): OciUser {
  const [uid = '', gid] = text.split(':')
  return { gid: 0, ...base, uid: parseId(uid, 'uid'), ...(gid === undefined ? {} : { gid: parseId(gid, 'gid') }) }
}

function parseId(text: string, kind: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text)
  throw wrong(`parsing ${text} as int for ${kind} failed`)
}

/** runc gives them to all sets but the inheritable, and to the ambient where the user is not root. */
function withCapabilities(base: OciCapabilities, names: readonly string[]): OciCapabilities {
  const all = names.map((name) =>
    name.toUpperCase().startsWith('CAP_') ? name.toUpperCase() : `CAP_${name.toUpperCase()}`,
  )
  const add = (set: readonly string[] | undefined): string[] => [...new Set([...(set ?? []), ...all])]
  return {
    ...base,
    bounding: add(base.bounding),
    effective: add(base.effective),
    permitted: add(base.permitted),
  }
}

/**
 * The cgroup of an exec: the container's, or one below it.
 *
 * @throws GantryError `invalid_argument` for a path that leads out of the container's, or controllers that are not there.
 */
export function execCgroup(own: CgroupRecord, host: CgroupHost, paths: readonly string[]): CgroupRecord {
  let cgroup = own
  for (const text of paths) {
    const colon = text.indexOf(':')
    const [controllers, path] = colon < 0 ? [undefined, text] : [text.slice(0, colon).split(','), text.slice(colon + 1)]
    if (path.split('/').includes('..')) throw wrong(`bad sub cgroup path: ${path}`)
    cgroup = below(cgroup, host, controllers, path.replace(/^\/+|\/+$/g, ''))
  }
  return cgroup
}

function below(
  cgroup: CgroupRecord,
  host: CgroupHost,
  controllers: readonly string[] | undefined,
  path: string,
): CgroupRecord {
  if (host.mode === 'v2' && controllers !== undefined && controllers.some((name) => name !== '')) {
    throw wrong('cgroup: controllers cannot be named on a unified hierarchy')
  }
  const chosen = controllers?.map((name) => {
    const mount = host.v1.get(name)
    if (mount === undefined) throw wrong(`unknown controller ${name} in --cgroup`)
    return mount
  })
  if (path === '') return cgroup
  const joinFiles = cgroup.joinFiles.map((file) => {
    if (chosen !== undefined && !chosen.some((mount) => file.startsWith(`${mount}/`))) return file
    const slash = file.lastIndexOf('/')
    return `${file.slice(0, slash)}/${path}${file.slice(slash)}`
  })
  const unified = cgroup.unifiedDirectory
  return {
    ...cgroup,
    joinFiles,
    ...(unified === undefined || chosen !== undefined ? {} : { unifiedDirectory: `${unified}/${path}` }),
  }
}

function wrong(text: string): GantryError {
  return new GantryError('invalid_argument', { action: text })
}
