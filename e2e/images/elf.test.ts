// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { runCommand } from './command.ts'
import { compileProgram } from './compile.ts'
import { readElfNeeds } from './elf.ts'

const scratch = await mkdtemp(join(tmpdir(), 'gantry-elf-'))
test.after(() => rm(scratch, { recursive: true }))

test('a dynamic program names its linker and its libraries', async () => {
  const program = join(scratch, 'dynamic')
  await writeFile(
    join(scratch, 'main.c'),
    '#include <math.h>\nint main(int n, char **a) { (void)a; return (int)cos(n); }\n',
  )
  await runCommand('cc', ['-o', program, join(scratch, 'main.c'), '-Wl,--no-as-needed', '-lm'])
  const needs = await readElfNeeds(program)
  assert.match(needs.interpreter ?? '', /^\/.*\/ld-/)
  assert.ok(needs.libraries.some((name) => name.startsWith('libm.')))
  assert.ok(needs.libraries.some((name) => name.startsWith('libc.')))
})

test('a static program needs nothing', async () => {
  await compileProgram('pause', scratch)
  assert.equal(await readElfNeeds(join(scratch, 'pause')), { libraries: [] })
})

test('a script is no ELF file', async () => {
  const path = join(scratch, 'script')
  await writeFile(path, '#!/bin/sh\n')
  try {
    await readElfNeeds(path)
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'invalid_argument'))
  }
})

test.run()
