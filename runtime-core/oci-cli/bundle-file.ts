// SPDX-License-Identifier: Apache-2.0
import { Script } from 'node:vm'

/** program.ts, as a function of what a module has by itself. */
export type BundledProgram = (
  require: NodeJS.Require,
  /** In place of import.meta.dirname: every module of the bundle that uses it is in this directory. */
  directory: string,
) => { main(argv: readonly string[]): Promise<number> }

const HEADER_BYTES = 4

/**
 * Script and compiled code in one file, so that a build under way can never pair one with the other's older version: V8
 * itself compares nothing but their lengths.
 */
export function joinBundle(source: Buffer, code: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(source.length)
  return Buffer.concat([header, source, code])
}

/** Code that was compiled by another Node is left unused. */
export function loadBundle(file: Buffer, name: string): BundledProgram {
  const codeAt = HEADER_BYTES + file.readUInt32LE(0)
  // The bundle is ASCII.
  const source = file.toString('latin1', HEADER_BYTES, codeAt)
  const script = new Script(source, { filename: name, cachedData: file.subarray(codeAt) })
  return script.runInThisContext() as BundledProgram
}
