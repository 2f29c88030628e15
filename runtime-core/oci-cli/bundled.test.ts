// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Script } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { joinBundle, loadBundle } from './bundle-file.ts'

const BUILD = join(import.meta.dirname, 'build')

/** Runs a main module with the Node that runs this test. */
function run(main: string, ...args: readonly string[]) {
  const argv = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, main), ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('the bundled program says what its sources say', () => {
  for (const args of [['--version'], ['--help'], ['run', '--help'], ['nonsense'], ['state']]) {
    const ofSources = run('main.ts', ...args)
    const time = /time="[^"]*" /g
    const bundled = run('build/gantry-oci.cjs', ...args)
    assert.is(bundled.status, ofSources.status, args.join(' '))
    assert.is(bundled.stdout, ofSources.stdout)
    assert.is(bundled.stderr.replace(time, ''), ofSources.stderr.replace(time, ''))
  }
})

test('this Node takes the compiled code that was built', () => {
  const file = readFileSync(join(BUILD, 'gantry-oci.bin'))
  const codeAt = 4 + file.readUInt32LE(0)
  const script = new Script(file.toString('latin1', 4, codeAt), { cachedData: file.subarray(codeAt) })
  assert.is(script.cachedDataRejected, false)
})

test('a bundle whose code was compiled by another Node still runs', () => {
  const source = '(function (require, directory) { return { main: async (argv) => argv.length + directory.length } })'
  const program = loadBundle(joinBundle(Buffer.from(source), Buffer.from('not code')), 'x.js')
  return program(createRequire(import.meta.url), 'ab')
    .main(['c'])
    .then((status) => assert.is(status, 3))
})

test.run()
