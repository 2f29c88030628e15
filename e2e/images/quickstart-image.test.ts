// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Descriptor, LayoutBuilder, REF_NAME } from '../../deploy/image/build-layout.ts'
import { addQuickstartImage, QUICKSTART_COMMANDS, QUICKSTART_IMAGE } from './quickstart-image.ts'

const scratch = await mkdtemp(join(tmpdir(), 'gantry-quickstart-image-'))
test.after(() => rm(scratch, { recursive: true }))

const rootfs = join(scratch, 'rootfs')
const bin = join(rootfs, 'bin')

test('without apt the image is one static program under all the names the tour uses', async () => {
  const directory = join(scratch, 'layout')
  const layout = await LayoutBuilder.create(directory)
  assert.is(await addQuickstartImage(layout, join(scratch, 'work'), 'compiled'), 'compiled')
  await layout.finish()
  const blob = (digest: string): string => join(directory, 'blobs', digest.replace(':', '/'))
  const index: { manifests: Descriptor[] } = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'))
  assert.equal(
    index.manifests.map((entry) => entry.annotations?.[REF_NAME]),
    [QUICKSTART_IMAGE],
  )
  const manifest: { layers: Descriptor[] } = JSON.parse(await readFile(blob(index.manifests[0]?.digest ?? ''), 'utf8'))
  await mkdir(rootfs)
  execFileSync('tar', ['--no-same-owner', '-xzf', blob(manifest.layers[0]?.digest ?? ''), '-C', rootfs])
  assert.equal((await readdir(bin)).sort(), [...QUICKSTART_COMMANDS, 'box'].sort())
})

test('its commands do what their names say', async () => {
  const run = (name: string, ...args: string[]): string =>
    execFileSync(join(bin, name), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  await writeFile(join(scratch, 'note'), 'some text\n')
  assert.is(run('echo', 'one', 'two'), 'one two\n')
  assert.is(run('cat', join(scratch, 'note')), 'some text\n')
  assert.is(run('hostname'), `${hostname()}\n`)
  assert.is(run('id'), `uid=${process.getuid?.()} gid=${process.getgid?.()}\n`)
  assert.is(run('ls', rootfs).includes('etc\n'), true)
  assert.is(run('true'), '')
  assert.is(run('sleep', '0'), '')
  assert.throws(() => run('false'))
  assert.throws(() => run('cat', join(scratch, 'absent')))
})

test('tick numbers its lines and ends on SIGTERM', async () => {
  const child = spawn(join(bin, 'tick'), ['beat'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  assert.is(String(line), 'beat 1\n')
  child.kill('SIGTERM')
  assert.equal(await once(child, 'exit'), [143, null])
})

test.run()
