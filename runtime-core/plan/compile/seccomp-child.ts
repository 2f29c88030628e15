// SPDX-License-Identifier: Apache-2.0

/**
 * Compiles one seccomp profile: request on standard input, record on standard output. A process of its own, because
 * libseccomp needs 12 ms for Docker's default profile and seconds for a large one, and koffi must stay on a main thread.
 */
import { readFileSync } from 'node:fs'
import { GantryError } from '../../errors.ts'
import { loadLibseccomp } from '../../kernel/libseccomp.ts'
import { compileSeccomp } from './seccomp.ts'
import { decodeRequest, encodeRecord } from './seccomp-wire.ts'

try {
  const { profile, arch } = decodeRequest(readFileSync(0, 'utf8'))
  const library = loadLibseccomp()
  process.stdout.write(encodeRecord(compileSeccomp(profile, { library, ...(arch === undefined ? {} : { arch }) })))
} catch (error) {
  if (!(error instanceof GantryError)) throw error
  const { code, action, subject, message } = error
  process.stdout.write(JSON.stringify({ error: { code, action, subject, message } }))
}
