// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { entriesOfDirectory } from '../../e2e/images/directory.ts'
import { hasCode } from '../../runtime-core/errors.ts'
import { type Descriptor, type Layer, LayoutBuilder, REF_NAME } from './build-layout.ts'
import { type LayerEntry, packTar } from './tar.ts'

const scratch = await mkdtemp(join(tmpdir(), 'gantry-layout-'))
test.after(() => rm(scratch, { recursive: true }))

const LONG = `/deep/${'directory/'.repeat(20)}file`
const ENTRIES: readonly LayerEntry[] = [
  { kind: 'directory', path: '/tmp', mode: 0o1777 },
  { kind: 'file', path: '/bin/su', mode: 0o4755, content: 'su', uid: 0, gid: 42, mtime: 1_000_000_000 },
  { kind: 'hardlink', path: '/bin/sudo', target: '/bin/su' },
  { kind: 'symlink', path: '/sh', target: '../bin/su' },
  { kind: 'char', path: '/null', mode: 0o666, major: 1, minor: 3 },
  { kind: 'fifo', path: '/pipe', mode: 0o600 },
  { kind: 'file', path: LONG, mode: 0o644, content: 'x'.repeat(513), uid: 4_000_000 },
  { kind: 'file', path: '/größe', mode: 0o644, content: '' },
  {
    kind: 'file',
    path: '/ping',
    mode: 0o755,
    content: 'p',
    xattrs: { 'security.capability': Buffer.from([1, 0, 0, 2, 10, 0]) },
  },
]

async function tarOf(entries: Iterable<LayerEntry>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of packTar(entries)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function readBlob(layout: string, digest: string): Promise<Buffer> {
  return readFile(join(layout, 'blobs', digest.replace(':', '/')))
}

async function readDocument<T>(layout: string, digest: string): Promise<T> {
  return JSON.parse(String(await readBlob(layout, digest)))
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

test('GNU tar reads every kind of entry back as it was given', async () => {
  const archive = join(scratch, 'all.tar')
  await writeFile(archive, await tarOf(ENTRIES))
  const listing = execFileSync('tar', ['--numeric-owner', '--utc', '-tvf', archive], {
    encoding: 'utf8',
    env: { LC_ALL: 'C.UTF-8', PATH: process.env['PATH'] },
  })
  const lines = listing
    .trim()
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' '))
  assert.equal(lines, [
    'drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/',
    '-rwsr-xr-x 0/42 2 2001-09-09 01:46 bin/su',
    'hrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/sudo link to bin/su',
    'lrwxrwxrwx 0/0 0 1970-01-01 00:00 sh -> ../bin/su',
    'crw-rw-rw- 0/0 1,3 1970-01-01 00:00 null',
    'prw------- 0/0 0 1970-01-01 00:00 pipe',
    `-rw-r--r-- 4000000/0 513 1970-01-01 00:00 ${LONG.slice(1)}`,
    '-rw-r--r-- 0/0 0 1970-01-01 00:00 größe',
    '-rwxr-xr-x 0/0 1 1970-01-01 00:00 ping',
  ])
})

test('an extended attribute keeps its bytes', async () => {
  const archive = await tarOf(ENTRIES)
  const record = Buffer.concat([Buffer.from('SCHILY.xattr.security.capability='), Buffer.from([1, 0, 0, 2, 10, 0, 10])])
  const at = archive.indexOf(record)
  assert.ok(at > 0)
  const length = Number(/(\d+) $/.exec(archive.toString('latin1', at - 8, at))?.[1])
  assert.is(length, record.length + String(length).length + 1)
})

test('a path that climbs out of the image is refused', async () => {
  for (const path of ['/../etc/passwd', 'a/../../b', '', '/']) {
    try {
      await tarOf([{ kind: 'directory', path, mode: 0o755 }])
      assert.unreachable(path)
    } catch (error) {
      assert.ok(hasCode(error, 'invalid_argument'), path)
    }
  }
})

test('a directory of the host becomes a layer with its links and modes', async () => {
  const directory = join(scratch, 'tree')
  await mkdir(join(directory, 'b'), { recursive: true })
  await writeFile(join(directory, 'b', 'file'), 'content')
  await link(join(directory, 'b', 'file'), join(directory, 'again'))
  await symlink('b/file', join(directory, 'soft'))
  for (const path of [directory, join(directory, 'b')]) await chmod(path, 0o755)
  await chmod(join(directory, 'again'), 0o640)
  const entries = await entriesOfDirectory(directory, { under: '/opt' })
  assert.equal(
    entries.map((entry) => [entry.kind, entry.path, 'target' in entry ? entry.target : entry.mode]),
    [
      ['directory', '/opt', 0o755],
      ['host-file', '/opt/again', 0o640],
      ['directory', '/opt/b', 0o755],
      ['hardlink', '/opt/b/file', '/opt/again'],
      ['symlink', '/opt/soft', 'b/file'],
    ],
  )
})

test('layer digests are those of the blob and of the archive inside it', async () => {
  const directory = join(scratch, 'layers')
  const layout = await LayoutBuilder.create(directory)
  const expected = await tarOf(ENTRIES)
  const unpack = { gzip: gunzipSync, zstd: zstdDecompressSync, none: (bytes: Buffer) => bytes }
  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    const { descriptor, diffId } = await layout.addLayer(ENTRIES, { compression })
    const blob = await readBlob(directory, descriptor.digest)
    assert.is(descriptor.digest, sha256(blob))
    assert.is(descriptor.size, blob.length)
    assert.is(diffId, sha256(expected))
    assert.ok(unpack[compression](blob).equals(expected), compression)
  }
})

test('the same input gives the same image on every build', async () => {
  const build = async (name: string): Promise<Descriptor> => {
    const layout = await LayoutBuilder.create(join(scratch, name))
    const layer = await layout.addLayer(ENTRIES)
    return layout.addImage({ layers: [layer], config: { Cmd: ['sh'] }, names: ['example.test/a:1'] })
  }
  assert.equal(await build('one'), await build('two'))
})

test('an index lists one image per platform under each of its names', async () => {
  const directory = join(scratch, 'multi')
  const layout = await LayoutBuilder.create(directory)
  const layer: Layer = await layout.addLayer([{ kind: 'file', path: '/a', mode: 0o644, content: 'a' }])
  const amd64 = await layout.addImage({ layers: [layer], platform: { os: 'linux', architecture: 'amd64' } })
  const arm64 = await layout.addImage({ layers: [layer], platform: { os: 'linux', architecture: 'arm64' } })
  const index = await layout.addIndex([amd64, arm64], ['r.test/x:1', 'r.test/x:2'])
  await layout.finish()

  const top: { manifests: Descriptor[] } = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'))
  assert.equal(
    top.manifests.map((entry) => [entry.annotations?.[REF_NAME], entry.digest]),
    [
      ['r.test/x:1', index.digest],
      ['r.test/x:2', index.digest],
    ],
  )
  const { manifests } = await readDocument<{ manifests: Descriptor[] }>(directory, index.digest)
  assert.equal(
    manifests.map((entry) => entry.platform?.architecture),
    ['amd64', 'arm64'],
  )
  const manifest = await readDocument<{ config: Descriptor; layers: Descriptor[] }>(directory, arm64.digest)
  const config = await readDocument<{ architecture: string; rootfs: object }>(directory, manifest.config.digest)
  assert.is(config.architecture, 'arm64')
  assert.equal(config.rootfs, { type: 'layers', diff_ids: [layer.diffId] })
})

test.run()
