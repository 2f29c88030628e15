// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { findCriu } from '../checkpoint/criu.ts'
import { CGROUP_MODES, type CgroupMode, EMPTY_NAMESPACES } from '../checkpoint/request.ts'
import { GantryError } from '../errors.ts'
import type { OptionTable, OptionValues } from './arguments.ts'
import type { GlobalOptions } from './global-options.ts'

/** Options of checkpoint and restore. */
export const CRIU_OPTIONS = {
  'image-path': { kind: 'text', value: 'DIR', about: 'where the images are (default: checkpoint)' },
  'work-path': { kind: 'text', value: 'DIR', about: 'where CRIU keeps its logs (default: with the images)' },
  'tcp-established': { kind: 'switch', about: 'with open TCP connections' },
  'ext-unix-sk': { kind: 'switch', about: 'with unix sockets whose other end is outside' },
  'shell-job': { kind: 'switch', about: 'with a terminal of the caller' },
  'lazy-pages': { kind: 'switch', about: 'fetch memory when it is used' },
  'file-locks': { kind: 'switch', about: 'with file locks' },
  'manage-cgroups-mode': { kind: 'text', value: 'soft|full|strict|ignore', about: 'how cgroups are kept' },
  'empty-ns': { kind: 'list', value: 'NAMESPACE', about: 'a namespace that is made anew' },
  'auto-dedup': { kind: 'switch', about: 'give back pages that a later image has' },
} as const satisfies OptionTable

/** Options of restore. */
export const RESTORE_OPTIONS = {
  ...CRIU_OPTIONS,
  'console-socket': { kind: 'text', value: 'PATH', about: 'unix socket to which the master of the terminal is sent' },
  bundle: { kind: 'text', short: 'b', value: 'DIR', about: 'the bundle (default: the working directory)' },
  detach: { kind: 'switch', short: 'd', about: 'do not wait for its end' },
  'pid-file': { kind: 'text', value: 'FILE', about: 'write the pid of the process to this file' },
  'no-subreaper': { kind: 'switch', about: 'leave processes without a parent to the caller' },
  'no-pivot': { kind: 'switch', about: 'without effect: CRIU enters the root by itself', hidden: true },
  'lsm-profile': { kind: 'text', value: 'TYPE:NAME', about: 'another AppArmor or SELinux label' },
  'lsm-mount-context': { kind: 'text', value: 'CONTEXT', about: 'another SELinux label of mounts' },
} as const satisfies OptionTable

export type CriuOptionValues = OptionValues<typeof CRIU_OPTIONS>

/** Absolute; the images' directory need not exist. */
export function directoriesOf(options: CriuOptionValues): { images: string; work: string } {
  const images = resolve(options['image-path'] || 'checkpoint')
  return { images, work: options['work-path'] ? resolve(options['work-path']) : images }
}

/** What checkpoint and restore hand to CRIU alike. */
export function sharedOptions(options: CriuOptionValues) {
  const mode = cgroupMode(options['manage-cgroups-mode'])
  return {
    tcpEstablished: options['tcp-established'],
    extUnixSk: options['ext-unix-sk'],
    shellJob: options['shell-job'],
    lazyPages: options['lazy-pages'],
    fileLocks: options['file-locks'],
    autoDedup: options['auto-dedup'],
    emptyNamespaces: options['empty-ns'].reduce((flags, name) => flags | emptyNamespace(name), 0),
    ...(mode === undefined ? {} : { cgroupMode: mode }),
  }
}

function cgroupMode(text: string | undefined): CgroupMode | undefined {
  if (text === undefined || text === '') return undefined
  if (Object.hasOwn(CGROUP_MODES, text)) return text as CgroupMode
  throw new GantryError('invalid_argument', {
    action: 'read --manage-cgroups-mode',
    subject: text,
    reason: `expected one of ${Object.keys(CGROUP_MODES).join(', ')}`,
  })
}

function emptyNamespace(name: string): number {
  if (Object.hasOwn(EMPTY_NAMESPACES, name)) return EMPTY_NAMESPACES[name as keyof typeof EMPTY_NAMESPACES]
  throw new GantryError('invalid_argument', {
    action: 'read --empty-ns',
    subject: name,
    reason: `expected one of ${Object.keys(EMPTY_NAMESPACES).join(', ')}`,
  })
}

/** `ADDRESS:PORT` of criu(8)'s page server. */
export function pageServer(text: string | undefined): { address: string; port: number } | undefined {
  if (text === undefined || text === '') return undefined
  const [, address, port = ''] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text) ?? []
  if (address !== undefined && Number(port) > 0 && Number(port) < 65_536) return { address, port: Number(port) }
  throw new GantryError('invalid_argument', {
    action: 'read --page-server',
    subject: text,
    reason: 'expected ADDRESS:PORT',
  })
}

/** Images of an earlier pre-dump: CRIU finds them from the new ones. */
export function parentImages(text: string | undefined, images: string): string | undefined {
  if (text === undefined || text === '') return undefined
  const refuse = (reason: string): never => {
    throw new GantryError('invalid_argument', { action: 'read --parent-path', subject: text, reason })
  }
  if (isAbsolute(text)) refuse('it has to be relative to --image-path')
  if (!existsSync(join(images, text))) refuse(`there is nothing at "${join(images, text)}"`)
  return text
}

export function findCriuOf(global: GlobalOptions): string {
  return findCriu(global.criu, process.env['PATH'] ?? '', 'install CRIU, or say where it is with --criu PATH')
}
