// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type UnpackedLayer, UnpackWorker } from '../unpack/worker.ts'

/** An archive unpacked by a real, confined process; `directory` is the layer's. */
export interface Unpacked extends UnpackedLayer, Disposable {
  readonly directory: string
}

const LIMITS = { algorithm: 'sha256', limitBytes: 1 << 30, limitEntries: 100_000 }

/** Unpack bytes as one layer. What goes wrong is thrown, and nothing is left. */
export async function unpack(bytes: Buffer, limits: Partial<typeof LIMITS> = {}): Promise<Unpacked> {
  const directory = mkdtempSync(path.join(tmpdir(), 'gantry-unpack-'))
  const worker = new UnpackWorker(directory, process.execPath)
  const dispose = () => rmSync(directory, { recursive: true, force: true })
  try {
    const layer = await worker.unpack({ name: 'fs', ...LIMITS, ...limits }, pieces(bytes), 30_000)
    await worker.close()
    return { ...layer, directory: path.join(directory, 'fs'), [Symbol.dispose]: dispose }
  } catch (error) {
    await worker.kill()
    dispose()
    throw error
  }
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}
