// SPDX-License-Identifier: Apache-2.0

import type { LayerEntry } from '../../deploy/image/tar.ts'
import { runCommand } from './command.ts'
import type { DebianFiles } from './debian.ts'

/** Lines a variant of the root file system adds to its account files. */
export interface Accounts {
  readonly passwd?: readonly string[]
  readonly group?: readonly string[]
}

const DIRECTORIES: readonly (readonly [string, number])[] = [
  ['/bin', 0o755],
  ['/dev', 0o755],
  ['/etc', 0o755],
  ['/home', 0o755],
  ['/proc', 0o755],
  ['/root', 0o700],
  ['/run', 0o755],
  ['/sbin', 0o755],
  ['/sys', 0o755],
  ['/tmp', 0o1777],
  ['/usr', 0o755],
  ['/usr/bin', 0o755],
  ['/usr/sbin', 0o755],
  ['/var', 0o755],
  ['/var/log', 0o755],
  ['/var/run', 0o755],
]
const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
  'www-data:x:33:33:www-data:/var/www:/bin/false',
  'nobody:x:65534:65534:nobody:/home:/bin/false',
]
const GROUP = ['root:x:0:', 'daemon:x:1:', 'users:x:100:', 'www-data:x:33:', 'nogroup:x:65534:']

/** Directories and account files every image starts with. */
export function skeleton(): LayerEntry[] {
  const directories = DIRECTORIES.map(([path, mode]): LayerEntry => ({ kind: 'directory', path, mode }))
  return [...directories, ...accounts({})]
}

/** `/etc/passwd`, `/etc/group` and the file that tells glibc to read them. */
export function accounts(extra: Accounts): LayerEntry[] {
  return [
    textFile('/etc/passwd', [...PASSWD, ...(extra.passwd ?? [])]),
    textFile('/etc/group', [...GROUP, ...(extra.group ?? [])]),
    textFile('/etc/nsswitch.conf', ['passwd: files', 'group: files', 'hosts: files dns']),
  ]
}

/** A text file owned by root. */
export function textFile(path: string, lines: readonly string[], mode = 0o644): LayerEntry {
  return { kind: 'file', path, mode, content: `${lines.join('\n')}\n` }
}

/**
 * Debian's dynamic busybox with its libraries, applets as hard links, `pgrep` and `ipcs` beside it. The static build
 * will not do: its shell runs applets without exec, so they keep what the shell may see.
 */
export async function busyboxRootfs(debian: DebianFiles): Promise<LayerEntry[]> {
  const programs = await debian.programs(['/bin/busybox', '/usr/bin/pgrep', '/usr/bin/ipcs'])
  return [...skeleton(), ...programs, ...(await applets(await debian.hostPath('/bin/busybox')))]
}

/** One hard link to `/bin/busybox` per applet the program at `hostPath` reports. */
export async function applets(hostPath: string): Promise<LayerEntry[]> {
  const names = (await runCommand(hostPath, ['--list'])).split('\n').filter((name) => name !== '' && name !== 'busybox')
  return names.sort().map((name) => ({ kind: 'hardlink', path: `/bin/${name}`, target: '/bin/busybox' }))
}
