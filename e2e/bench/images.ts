// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { BENCH_REGISTRY } from '../images/bench-images.ts'
import { ensureImages } from '../images/build.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'

/** The images' registry, and where runtimes learn the way to it. */
export interface BenchImages {
  readonly registryConfigDir: string
  close(): Promise<void>
}

/** Serves the images on loopback; what tells runtimes of it is written below `directory`. */
export async function serveImages(directory: string): Promise<BenchImages> {
  const registry = await RegistryServer.start({ layouts: [await ensureImages('bench')] })
  const registryConfigDir = join(directory, 'certs.d')
  await writeCertsD(registryConfigDir, { registries: [BENCH_REGISTRY], endpoint: registry.endpoint })
  return { registryConfigDir, close: () => registry.close() }
}
