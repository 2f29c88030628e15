// SPDX-License-Identifier: Apache-2.0
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './command.ts'

const SOURCES = join(import.meta.dirname, 'programs')

/** Compiles one of the C programs beside this file, statically, and returns its bytes. */
export async function compileProgram(name: string, workDirectory: string): Promise<Uint8Array> {
  await mkdir(workDirectory, { recursive: true })
  const output = join(workDirectory, name)
  const flags = ['-std=gnu17', '-Wall', '-Wextra', '-Werror', '-Os', '-s', '-static', '-Wl,--build-id=none']
  await runCommand('cc', [...flags, '-o', output, join(SOURCES, `${name}.c`)])
  return readFile(output)
}
