// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../errors.ts'
import type { SeccompFilter } from '../plan/compile/input.ts'
import { decodeRecord, encodeRecord, profileKey } from '../plan/compile/seccomp-wire.ts'
import type { OciSeccomp } from '../spec/types.ts'

const LIBRARIES = [
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/libseccomp.so.2`,
  '/usr/lib64/libseccomp.so.2',
  '/usr/lib/libseccomp.so.2',
]

/**
 * A profile as a filter; from `directory` where this profile was compiled with this libseccomp before. Loading the
 * library and compiling costs 30 ms, reading what came of it one tenth of one.
 *
 * @throws GantryError as compileSeccomp.
 */
export async function compileFilter(profile: OciSeccomp, directory: string): Promise<SeccompFilter> {
  const path = join(directory, profileKey(profile, undefined, libraryIdentity()))
  const stored = read(path)
  if (stored !== undefined) return stored
  const [{ loadLibseccomp }, { compileSeccomp }] = await Promise.all([
    import('../kernel/libseccomp.ts'),
    import('../plan/compile/seccomp.ts'),
  ])
  const compiled = compileSeccomp(profile, { library: loadLibseccomp() })
  store(directory, path, encodeRecord(compiled))
  return compiled
}

/** Which file the library is, without loading it: another release has another name, size or time. */
function libraryIdentity(): string {
  for (const path of LIBRARIES) {
    try {
      const file = realpathSync(path)
      const { size, mtimeMs } = statSync(file)
      return `${file} ${size} ${mtimeMs}`
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT') throw cause
    }
  }
  return 'unknown'
}

function read(path: string): SeccompFilter | undefined {
  try {
    return decodeRecord(readFileSync(path, 'utf8'))
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return undefined
  }
}

/** That it cannot be kept must not keep a container from starting. */
function store(directory: string, path: string, record: string): void {
  const temporary = `${path}.${process.pid}`
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(temporary, record, { mode: 0o600 })
    renameSync(temporary, path)
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    rmSync(temporary, { force: true })
  }
}
