// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readElfNeeds } from '../../e2e/images/elf.ts'
import { verifyRelease } from '../node/manifest.ts'
import { buildTestRelease, TEST_VERSION, unpackRelease } from '../testing/test-release.ts'
import { architectureOf } from './architecture.ts'

/** A release for the machine that this is not. */

const run = promisify(execFile)
const scratch = await mkdtemp(join(tmpdir(), 'gantry-foreign-'))
test.after(() => rm(scratch, { recursive: true }))

const foreign = architectureOf(process.arch === 'arm64' ? 'amd64' : 'arm64')

test('the release for the other architecture holds programs for that machine only, which run there', async () => {
  const directory = await unpackRelease(
    await buildTestRelease(foreign, join(scratch, 'built')),
    join(scratch, 'release'),
  )
  await verifyRelease(directory)
  const programs = ['runtime-core/keeper/build/gantry-keeper', `node_modules/node-linux-${foreign.node}/bin/node`]
  for (const program of programs) assert.is(await machineOf(join(directory, program)), foreign.gnu)
  assert.equal((await readElfNeeds(join(directory, programs[0] ?? ''))).libraries, [], 'the keeper is static')
  if (foreign.gnu !== 'aarch64') return
  const node = join(directory, programs[1] ?? '')
  const args = ['-L', '/usr/aarch64-linux-gnu', node, join(directory, 'shim/main.ts'), '--version']
  assert.is((await run('qemu-aarch64-static', args, { env: {} })).stdout, `gantryd ${TEST_VERSION}\n`)
})

/** The machine that an ELF file is for. */
async function machineOf(path: string): Promise<string | undefined> {
  return { 62: 'x86_64', 183: 'aarch64' }[(await readFile(path)).readUInt16LE(18)]
}

test.run()
