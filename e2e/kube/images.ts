// SPDX-License-Identifier: Apache-2.0
import { createCipheriv, createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LayoutBuilder } from '../../deploy/image/build-layout.ts'
import { textFile } from '../images/rootfs.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'
import { programPath } from './programs.ts'

/** Images of the scenarios beside those of all suites. */
export const KUBE_IMAGES = {
  /** Only to be had with the credentials below; an image that has `/word`, and nothing that could run. */
  private: 'private.local/team/words:1',
  /** The same content under names that nobody has pulled. */
  fresh: (n: number): string => `kube.local/fresh/f${n}:1`,
  /** Answers gRPC health checks: `/grpc-health ADDRESS SICK-FILE`. */
  grpc: 'kube.local/grpc-health:1',
  /** Megabytes that do not compress, for the collection of images; of eight each its own. */
  ballast: (n: number): string => `kube.local/ballast/b${n}:1`,
} as const

export const PRIVATE_CREDENTIALS = { username: 'team', password: 'open-sesame' } as const

const FRESH = 6
const BALLASTS = 8
const BALLAST_BYTES = 24 * 1024 * 1024

/** The registries of one cluster: an open one and one that asks who is there. */
export class ClusterRegistries implements AsyncDisposable {
  readonly #servers: readonly RegistryServer[]

  private constructor(servers: readonly RegistryServer[]) {
    this.#servers = servers
  }

  /** Builds the images below `directory`, serves them, and leads the runtime to them by its certs.d. */
  static async start(directory: string, certsDirectory: string): Promise<ClusterRegistries> {
    const layouts = [await buildImages(join(directory, 'kube-images'))]
    const auth = { scheme: 'basic', ...PRIVATE_CREDENTIALS } as const
    const open = await RegistryServer.start({ layouts })
    const closed = await RegistryServer.start({ layouts, auth })
    await writeCertsD(certsDirectory, { registries: ['kube.local'], endpoint: open.endpoint })
    await writeCertsD(certsDirectory, { registries: ['private.local'], endpoint: closed.endpoint })
    return new ClusterRegistries([open, closed])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.close()
  }
}

async function buildImages(directory: string): Promise<string> {
  const layout = await LayoutBuilder.create(directory)
  const words = await layout.addLayer([textFile('/word', ['sesame']), textFile('/folder/inner', ['inner'])])
  const fresh = Array.from({ length: FRESH }, (_, n) => KUBE_IMAGES.fresh(n))
  await layout.addImage({ layers: [words], names: [KUBE_IMAGES.private] })
  for (const name of fresh) {
    await layout.addImage({ layers: [words], config: { Labels: { name } }, names: [name] })
  }
  const program = await readFile(programPath('grpc-health'))
  const health = await layout.addLayer([{ kind: 'file', path: '/grpc-health', mode: 0o755, content: program }])
  await layout.addImage({ layers: [health], config: { Entrypoint: ['/grpc-health'] }, names: [KUBE_IMAGES.grpc] })
  for (let n = 0; n < BALLASTS; n++) {
    const layer = await layout.addLayer([{ kind: 'file', path: '/ballast', mode: 0o644, content: noise(n) }], {
      compression: 'none',
    })
    await layout.addImage({ layers: [layer], names: [KUBE_IMAGES.ballast(n)] })
  }
  await layout.finish()
  return directory
}

/** Bytes without pattern, the same on every machine. */
function noise(seed: number): Buffer {
  const key = createHash('sha256').update(`ballast ${seed}`).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(BALLAST_BYTES))
}
