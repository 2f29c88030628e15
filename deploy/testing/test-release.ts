// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Architecture } from '../release/architecture.ts'
import { type BuiltRelease, buildRelease } from '../release/build.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** The version of releases that tests build. */
export const TEST_VERSION = '9.8.7-test.1'
/** 2023-11-14 22:13:20 UTC, in seconds. */
export const TEST_CREATED = 1_700_000_000

/** Builds a release into `out`, packed in a hurry. What is fetched for another machine is kept. */
export function buildTestRelease(arch: Architecture, out: string, version = TEST_VERSION): Promise<BuiltRelease> {
  const cache = join(ROOT, 'node_modules/.cache/gantry-release')
  return buildRelease({ root: ROOT, arch, version, cache }, out, { created: TEST_CREATED, level: 1 })
}

/** Unpacks a release as `directory`, and returns that. */
export async function unpackRelease({ archive }: BuiltRelease, directory: string): Promise<string> {
  await mkdir(directory)
  await promisify(execFile)('tar', ['-xzf', archive, '-C', directory, '--strip-components=1'])
  return directory
}
