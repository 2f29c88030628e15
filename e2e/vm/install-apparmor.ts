// SPDX-License-Identifier: Apache-2.0
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** Where main.ts unpacked Debian's package. */
const PACKAGE = resolve(import.meta.dirname, '../.cache/vm/apparmor')

/**
 * In the guest: puts apparmor_parser and what it reads into place, and a `sudo` that does nothing, by which critest
 * calls it. `bin` is made, and looked into first by this process and those it starts.
 */
export async function installAppArmor(bin: string): Promise<void> {
  await mkdir(bin, { recursive: true })
  await writeFile(join(bin, 'sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 })
  for (const name of ['etc', 'usr/share']) await cp(join(PACKAGE, name), `/${name}`, { recursive: true })
  process.env['PATH'] = [bin, join(PACKAGE, 'sbin'), process.env['PATH']].join(':')
}
