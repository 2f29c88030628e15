// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from './manifest.ts'
import { buildTar } from './testing/tar-builder.ts'
import { never, Workbench } from './testing/workbench.ts'

const PROGRAM = '/usr/bin/docker-registry'
const TAR = buildTar([{ name: 'hello', data: 'from a real registry' }])
const DEADLINE_MS = 10_000

// apt-get install docker-registry
const withRegistry = existsSync(PROGRAM) ? test : test.skip

withRegistry(
  'an image pushed to the distribution project’s registry is pulled by tag and by digest, through its redirects and ranges',
  async () => {
    const registry = await startRegistry()
    const bench = await new Workbench().start()
    try {
      const { digest, id } = await push(registry.origin, 'team/app', 'v1')
      const reference = `${registry.host}/team/app:v1`
      const record = await bench.images.pull({ reference, signal: never() })
      assert.is(record.id, id)
      assert.equal(record.tags, [reference])
      const [layer = ''] = bench.images.resolve(reference).layerDirectories
      assert.is(readFileSync(path.join(layer, 'hello'), 'utf8'), 'from a real registry')
      await bench.images.remove(id)
      const byDigest = await bench.images.pull({ reference: `${registry.host}/team/app@${digest}`, signal: never() })
      assert.equal([byDigest.tags, byDigest.digests], [[], [`${registry.host}/team/app@${digest}`]])
      const error = await bench.images
        .pull({ reference: `${registry.host}/team/app:v2`, signal: never() })
        .catch((e) => e)
      assert.is(error.code, 'not_found')
      assert.match(error.message, 'manifest unknown (404)')
    } finally {
      await bench.close()
      await registry.stop()
    }
  },
)

async function startRegistry(): Promise<{ host: string; origin: string; stop: () => Promise<void> }> {
  const directory = mkdtempSync(path.join(tmpdir(), 'gantry-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  const config = `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${directory}/data}}\nhttp: {addr: "${host}"}\n`
  writeFileSync(path.join(directory, 'config.yml'), config)
  const child: ChildProcess = spawn(PROGRAM, ['serve', path.join(directory, 'config.yml')], { stdio: 'ignore' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
    rmSync(directory, { recursive: true, force: true })
  }
  // The registry tells nobody when it listens: ask until it answers.
  for (const startedMs = Date.now(); ; ) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined)
    if (answer?.ok) return { host, origin: `http://${host}`, stop }
    if (Date.now() - startedMs > DEADLINE_MS) {
      await stop()
      throw new Error('the registry does not answer')
    }
  }
}

async function push(origin: string, repository: string, tag: string): Promise<{ digest: string; id: string }> {
  const blob = gzipSync(TAR)
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const config = Buffer.from(
    JSON.stringify({ os: 'linux', architecture, config: {}, rootfs: { type: 'layers', diff_ids: [digestOf(TAR)] } }),
  )
  for (const bytes of [blob, config]) await pushBlob(origin, repository, bytes)
  const type = 'application/vnd.docker.distribution.manifest.v2+json'
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
    layers: [
      { mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', digest: digestOf(blob), size: blob.length },
    ],
  })
  const url = `${origin}/v2/${repository}/manifests/${tag}`
  const answer = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body: manifest })
  assert.is(answer.status, 201, await answer.text())
  return { digest: digestOf(manifest), id: digestOf(config) }
}

async function pushBlob(origin: string, repository: string, bytes: Buffer): Promise<void> {
  const begun = await fetch(`${origin}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
  const url = new URL(begun.headers.get('location') ?? '', origin)
  url.searchParams.set('digest', digestOf(bytes))
  const answer = await fetch(url, { method: 'PUT', body: new Uint8Array(bytes) })
  assert.is(answer.status, 201, await answer.text())
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test.run()
