// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import type { LayoutBuilder } from '../../deploy/image/build-layout.ts'
import { compileProgram } from './compile.ts'
import { addQuickstartImage, QUICKSTART_IMAGE } from './quickstart-image.ts'

/** Where all of them come from. */
export const BENCH_REGISTRY = QUICKSTART_IMAGE.slice(0, QUICKSTART_IMAGE.indexOf('/'))
/** busybox: a shell, sleep, true. */
export const WORKLOAD_IMAGE = QUICKSTART_IMAGE
/** For the peer that needs one. */
export const PAUSE_IMAGE = `${BENCH_REGISTRY}/pause:1`

/** The images that runtimes are measured with. `workDirectory` is made, used and left. */
export async function addBenchImages(layout: LayoutBuilder, workDirectory: string): Promise<void> {
  await addQuickstartImage(layout, join(workDirectory, 'busybox'))
  const content = await compileProgram('pause', join(workDirectory, 'pause'))
  const layer = await layout.addLayer([{ kind: 'file', path: '/pause', mode: 0o755, content }])
  await layout.addImage({ layers: [layer], config: { Entrypoint: ['/pause'] }, names: [PAUSE_IMAGE] })
}
