// SPDX-License-Identifier: Apache-2.0

import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const BUSYBOX = '/bin/busybox'

/** Makes the root file system of a small image: a static busybox under its names. */
export function makeImage(directory: string): void {
  for (const name of ['bin', 'etc', 'dev', 'proc', 'sys', 'tmp', 'root']) {
    mkdirSync(join(directory, name), { recursive: true, mode: 0o755 })
  }
  chmodSync(join(directory, 'tmp'), 0o1777)
  writeFileSync(join(directory, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n')
  copyFileSync(BUSYBOX, join(directory, 'bin/busybox'))
  for (const name of COMMANDS) symlinkSync('busybox', join(directory, 'bin', name))
}

const COMMANDS =
  'sh true false cat echo ls sleep id hostname mount grep head yes stty kill ps dd wc stat readlink seq touch chmod mkdir ln cp rm env pwd tr awk sed setsid nproc mkfifo umask test printf dmesg'.split(
    ' ',
  )
