// SPDX-License-Identifier: Apache-2.0
import { access, constants } from 'node:fs/promises'
import type { LayoutBuilder } from '../../deploy/image/build-layout.ts'
import type { LayerEntry } from '../../deploy/image/tar.ts'
import { compileProgram } from './compile.ts'
import { DebianFiles } from './debian.ts'
import { applets, skeleton, textFile } from './rootfs.ts'

/** The name of the quickstart's image; both ways of building it have the commands of `QUICKSTART_COMMANDS`. */
export const QUICKSTART_IMAGE = 'registry.local/busybox:1'

/** Commands that a quickstart may count on. `tick TEXT` prints a numbered line each second, for ever. */
export const QUICKSTART_COMMANDS = ['cat', 'echo', 'false', 'hostname', 'id', 'ls', 'sleep', 'tick', 'true'] as const

// A shell as process 1 gets no signal it has no trap for; waiting for the sleep lets the trap run at once.
const TICK = [
  '#!/bin/sh',
  'trap "exit 143" TERM INT',
  'set -- "$@" tick',
  'n=0',
  'while n=$((n + 1)); do echo "$1 $n"; sleep 1 & wait $!; done',
]

/** What the image is made of: Debian's static busybox, or one small program compiled here. */
export type QuickstartKind = 'busybox' | 'compiled'

/** Adds the quickstart's image; where no kind is given, busybox where there is apt. The kind stands in its title label. */
export async function addQuickstartImage(
  layout: LayoutBuilder,
  workDirectory: string,
  wanted?: QuickstartKind,
): Promise<QuickstartKind> {
  const kind = wanted ?? ((await hasApt()) ? 'busybox' : 'compiled')
  const programs = kind === 'busybox' ? await busybox(workDirectory) : await compiled(workDirectory)
  const layer = await layout.addLayer([...skeleton(), ...programs])
  const config = { Env: ['PATH=/usr/bin:/bin'], Cmd: ['tick'], Labels: { 'org.opencontainers.image.title': kind } }
  await layout.addImage({ layers: [layer], config, names: [QUICKSTART_IMAGE] })
  return kind
}

async function busybox(workDirectory: string): Promise<LayerEntry[]> {
  const debian = await DebianFiles.fetch(['busybox-static'], `${workDirectory}/debian`)
  const hostPath = await debian.hostPath('/bin/busybox')
  const program: LayerEntry = { kind: 'host-file', path: '/bin/busybox', mode: 0o755, hostPath }
  return [program, ...(await applets(hostPath)), textFile('/bin/tick', TICK, 0o755)]
}

async function compiled(workDirectory: string): Promise<LayerEntry[]> {
  const content = await compileProgram('box', workDirectory)
  const links = QUICKSTART_COMMANDS.map(
    (name): LayerEntry => ({ kind: 'hardlink', path: `/bin/${name}`, target: '/bin/box' }),
  )
  return [{ kind: 'file', path: '/bin/box', mode: 0o755, content }, ...links]
}

async function hasApt(): Promise<boolean> {
  const found = await Promise.allSettled(
    ['/usr/bin/apt-get', '/usr/bin/dpkg-deb'].map((p) => access(p, constants.X_OK)),
  )
  return found.every((result) => result.status === 'fulfilled')
}
