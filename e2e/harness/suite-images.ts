// SPDX-License-Identifier: Apache-2.0
import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ImageConfig, type Layer, LayoutBuilder } from '../../deploy/image/build-layout.ts'
import { ensureImages } from '../images/build.ts'
import { compileProgram } from '../images/compile.ts'
import { QUICKSTART_IMAGE } from '../images/quickstart-image.ts'
import { accounts, textFile } from '../images/rootfs.ts'

/** The registry whose name all images of the suites carry. */
export const SUITE_REGISTRY = 'registry.local'
/** Another one, with the same content under other names. */
export const OTHER_REGISTRY = 'elsewhere.local'

/** Images of the suites. Each content differs, but for the two tags of one. */
export const IMAGES = {
  /** busybox as root, without entrypoint; Cmd is `tick`. */
  busybox: QUICKSTART_IMAGE,
  /** Entrypoint, Cmd, Env, WorkingDir, User, StopSignal and a volume. */
  configured: `${SUITE_REGISTRY}/suite/configured:1`,
  /** Two names of one image. */
  tagged: `${SUITE_REGISTRY}/suite/tagged:1`,
  taggedToo: `${SUITE_REGISTRY}/suite/tagged:2`,
  /** The same image in another registry. */
  taggedElsewhere: `${OTHER_REGISTRY}/mirrored/tagged:1`,
  /** A set-uid program `/nnp` that prints `Effective uid: N`. */
  setUid: `${SUITE_REGISTRY}/suite/setuid:1`,
  /** Its upper layer removes `/lower/gone` of the one below. */
  layered: `${SUITE_REGISTRY}/suite/layered:1`,
  /** For faults of the registry: nobody has pulled their layers before. */
  victims: [1, 2, 3, 4].map((n) => `${SUITE_REGISTRY}/suite/victim${n}:1`),
  /** A layer of a few megabytes that does not compress, for pulls that take a moment. */
  large: `${SUITE_REGISTRY}/suite/large:1`,
  pause: `${SUITE_REGISTRY}/pause:1`,
} as const

const PATH_ENV = 'PATH=/usr/bin:/bin'
const LARGE_BYTES = 8 * 1024 * 1024

/** Builds the images of the suites below `directory`; returns the layouts to serve. */
export async function buildSuiteImages(directory: string): Promise<string[]> {
  const quickstart = await ensureImages('quickstart')
  const own = join(directory, 'layout')
  const layout = await LayoutBuilder.create(own)
  const base = await borrowLayer(quickstart, own)
  const add = (name: string, layers: readonly Layer[], config: ImageConfig = {}) =>
    layout.addImage({ layers, config: { Env: [PATH_ENV], Cmd: ['/bin/sh'], ...config }, names: [name] })
  await add(IMAGES.configured, [base, await layout.addLayer(accounts(ACCOUNTS))], CONFIGURED)
  const mark = (text: string) => layout.addLayer([textFile('/mark', [text])])
  const tagged = await mark('tagged')
  await layout.addImage({
    layers: [base, tagged],
    config: { Cmd: ['/bin/sh'] },
    names: [IMAGES.tagged, IMAGES.taggedToo, IMAGES.taggedElsewhere],
  })
  const nnp = await compileProgram('nonewprivs', join(directory, 'nnp'))
  await add(IMAGES.setUid, [base, await layout.addLayer([{ kind: 'file', path: '/nnp', mode: 0o4755, content: nnp }])])
  await add(IMAGES.layered, [base, ...(await layersWithWhiteout(layout))])
  for (const name of IMAGES.victims) await add(name, [base, await mark(name)])
  await add(IMAGES.large, [base, await layout.addLayer([noise()])])
  const pause = await compileProgram('pause', join(directory, 'pause'))
  const pauseLayer = await layout.addLayer([{ kind: 'file', path: '/pause', mode: 0o755, content: pause }])
  await layout.addImage({ layers: [pauseLayer], config: { Entrypoint: ['/pause'] }, names: [IMAGES.pause] })
  await layout.finish()
  return [quickstart, own]
}

const ACCOUNTS = {
  passwd: ['app:x:1000:1000::/home/app:/bin/sh'],
  group: ['app:x:1000:', 'extra:x:2000:app', 'other:x:2001:nobody'],
}

const CONFIGURED: ImageConfig = {
  Env: [PATH_ENV, 'GREETING=hello'],
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: ['echo "$GREETING from $PWD as $(id -u)"; trap "exit 7" USR1; sleep 3600 & wait'],
  WorkingDir: '/work',
  User: 'app',
  StopSignal: 'SIGUSR1',
  Volumes: { '/data': {} },
}

async function layersWithWhiteout(layout: LayoutBuilder): Promise<Layer[]> {
  const lower = await layout.addLayer([
    { kind: 'directory', path: '/lower', mode: 0o755 },
    textFile('/lower/gone', ['lower']),
    textFile('/lower/kept', ['lower']),
  ])
  return [lower, await layout.addLayer([textFile('/lower/.wh.gone', ['']), textFile('/upper', ['upper'])])]
}

// The same on every machine, so that digests are too.
function noise() {
  const content = Buffer.alloc(LARGE_BYTES)
  let state = 0x2545f491
  for (let at = 0; at < LARGE_BYTES; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    content.writeInt32LE(state | 0, at)
  }
  return { kind: 'file', path: '/noise', mode: 0o644, content } as const
}

interface Manifest {
  readonly config: { readonly digest: string }
  readonly layers: readonly Layer['descriptor'][]
}

/** The layer of the quickstart's image, so that it is built once for all. */
async function borrowLayer(from: string, to: string): Promise<Layer> {
  const read = async <T>(path: string): Promise<T> => JSON.parse(await readFile(join(from, path), 'utf8')) as T
  const index = await read<{ manifests: { digest: string }[] }>('index.json')
  const manifest = await read<Manifest>(blobPath(index.manifests[0]?.digest ?? ''))
  const config = await read<{ rootfs: { diff_ids: string[] } }>(blobPath(manifest.config.digest))
  const [descriptor] = manifest.layers
  const [diffId] = config.rootfs.diff_ids
  if (descriptor === undefined || diffId === undefined) throw new Error(`${from}: its image has no layer`)
  await mkdir(join(to, 'blobs/sha256'), { recursive: true })
  await copyFile(join(from, blobPath(descriptor.digest)), join(to, blobPath(descriptor.digest)))
  return { descriptor, diffId }
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}
