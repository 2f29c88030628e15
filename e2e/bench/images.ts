// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { LayoutBuilder } from '../images/build-layout.ts'
import { compileProgram } from '../images/compile.ts'
import { addQuickstartImage, QUICKSTART_IMAGE } from '../images/quickstart-image.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'

/** busybox: a shell, sleep, true. */
export const WORKLOAD_IMAGE = QUICKSTART_IMAGE
/** For the peer that needs one. */
export const PAUSE_IMAGE = `${registryOf(QUICKSTART_IMAGE)}/pause:1`

/** The images' registry, and where runtimes learn the way to it. */
export interface BenchImages {
  readonly registryConfigDir: string
  close(): Promise<void>
}

/** Builds the images below `directory` and serves them on loopback. */
export async function serveImages(directory: string): Promise<BenchImages> {
  const layoutDirectory = join(directory, 'layout')
  const layout = await LayoutBuilder.create(layoutDirectory)
  await addQuickstartImage(layout, join(directory, 'busybox'))
  await addPauseImage(layout, join(directory, 'pause'))
  await layout.finish()
  const registry = await RegistryServer.start({ layouts: [layoutDirectory] })
  const registryConfigDir = join(directory, 'certs.d')
  await writeCertsD(registryConfigDir, { registries: [registryOf(WORKLOAD_IMAGE)], endpoint: registry.endpoint })
  return { registryConfigDir, close: () => registry.close() }
}

async function addPauseImage(layout: LayoutBuilder, workDirectory: string): Promise<void> {
  const content = await compileProgram('pause', workDirectory)
  const layer = await layout.addLayer([{ kind: 'file', path: '/pause', mode: 0o755, content }])
  await layout.addImage({ layers: [layer], config: { Entrypoint: ['/pause'] }, names: [PAUSE_IMAGE] })
}

function registryOf(reference: string): string {
  return reference.slice(0, reference.indexOf('/'))
}
