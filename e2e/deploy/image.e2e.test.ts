// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildImage } from '../../deploy/image/build.ts'
import { pushIndex } from '../../deploy/image/push.ts'
import { ARCHITECTURES, architectureOf } from '../../deploy/release/architecture.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { waitFor } from '../harness/wait.ts'
import { containerConfig, podConfig } from '../harness/workloads.ts'
import { readElfNeeds } from '../images/elf.ts'
import { writeCertsD } from '../registry/certs-d.ts'

/** The image of the DaemonSet: built, pushed to another's registry, pulled by Gantry, its programs run in a pod. */

const ROOT = resolve(import.meta.dirname, '../..')
const VERSION = '9.8.7-test.2'
const PORT = 41_700 + (process.pid % 200)
const NAME = `registry.test/gantry:${VERSION}`
const scratch = await mkdtemp(join(tmpdir(), 'ge-image-'))
const undo = new AsyncDisposableStack()
undo.defer(() => rm(scratch, { recursive: true }))
test.after(() => undo.disposeAsync())

const input = {
  root: ROOT,
  version: VERSION,
  cache: join(ROOT, 'node_modules/.cache/gantry-release'),
  names: [NAME],
  created: 1_700_000_000,
}
const layout = join(scratch, 'layout')
const index = await buildImage(input, layout)

interface Document {
  readonly manifests: { readonly digest: string; readonly platform: { readonly architecture: string } }[]
}

test('the image is an index over both architectures', async () => {
  const text = await readFile(join(layout, 'blobs', index.digest.replace(':', '/')), 'utf8')
  const document: Document = JSON.parse(text)
  assert.equal(
    document.manifests.map(({ platform }) => platform.architecture),
    ARCHITECTURES.map(({ oci }) => oci),
  )
})

test('it is the same on every build', async () => {
  const host = architectureOf(process.arch)
  const again = join(scratch, 'again')
  await buildImage({ ...input, architectures: [host] }, again)
  const [only] = await manifestsOf(again)
  const known = await manifestsOf(layout)
  assert.ok(known.includes(only ?? ''))
})

test('all that Node loads is in it', async () => {
  const debian = join(input.cache, `debian-${architectureOf(process.arch).oci}`)
  const { libraries } = await readElfNeeds(process.execPath)
  const listing = execFileSync('find', [debian, '-name', '*.so*'], { encoding: 'utf8' })
  for (const name of libraries.filter((library) => !library.startsWith('ld-linux'))) {
    assert.ok(listing.includes(`/${name}`), name)
  }
})

test('it goes by way of a registry to a pod, where its programs run', async () => {
  await startRegistry()
  await pushIndex(layout, index, { endpoint: `http://127.0.0.1:${PORT}`, repository: 'gantry', tag: VERSION })
  const certs = join(scratch, 'certs.d')
  await writeCertsD(certs, { registries: ['registry.test'], endpoint: `http://127.0.0.1:${PORT}` })
  const daemon = await DaemonUnderTest.start({
    network: 'none',
    images: 'quickstart',
    flags: { 'registry-config-dir': certs },
  })
  undo.use(daemon)
  await daemon.client.image.pullImage({ image: imageSpec(NAME) }, { timeoutMs: 120_000 })
  const pod = podConfig(daemon.place, 'image')
  const sandbox = await daemon.workloads.runPod(pod)
  const run = (name: string, ...command: string[]) =>
    daemon.workloads.runToEnd(sandbox, containerConfig(name, { image: imageSpec(NAME), command }), pod)
  const version = await run('version', 'gantryd', '--version')
  assert.is(version.stdout, `gantryd ${VERSION}\n`, version.stderr)
  const agent = await run('agent', 'gantry-agent', '--help')
  assert.match(agent.stdout, /^usage: gantry-agent/, agent.stderr)
  // What the init container does, with a directory in place of the node.
  const install = await run(
    'install',
    'sh',
    '-c',
    'gantry-node install --root /tmp/node && gantry-node status --root /tmp/node',
  )
  assert.match(install.stderr, /sync/, 'a node without programs cannot take a release')
})

async function manifestsOf(directory: string): Promise<string[]> {
  const top = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'))
  const digest: string = top.manifests[0].digest
  const document: Document = JSON.parse(await readFile(join(directory, 'blobs', digest.replace(':', '/')), 'utf8'))
  return document.manifests.map((manifest) => manifest.digest)
}

/** Docker's registry, from the distribution, on a port of the loopback. */
async function startRegistry(): Promise<void> {
  await mkdir(join(scratch, 'registry'))
  const config = join(scratch, 'registry.yml')
  const storage = { filesystem: { rootdirectory: join(scratch, 'registry') } }
  await writeFile(
    config,
    JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http: { addr: `127.0.0.1:${PORT}` } }),
  )
  const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
  undo.defer(async () => {
    const ended = once(registry, 'exit')
    registry.kill()
    await ended
  })
  await waitFor(
    'the registry answers',
    async () => (await fetch(`http://127.0.0.1:${PORT}/v2/`).catch(() => undefined))?.ok || undefined,
  )
}

test.run()
