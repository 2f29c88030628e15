// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { errnoOf, GantryError } from '../errors.ts'
import { decodeExit, type ProcessExit } from '../keeper/protocol.ts'

export interface ExitRecord {
  readonly startedAtNs: bigint
  readonly exit: ProcessExit
}

/**
 * Reads the exit record a keeper left on disk: `<wait status> <oom> <started ns> <finished ns>`; undefined where there is
 * none.
 *
 * @throws GantryError `internal` for a record that cannot be read.
 */
export async function readExitRecord(path: string): Promise<ExitRecord | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw new GantryError('internal', { action: 'read exit record', subject: path, cause })
  }
  const match = /^(\d+) ([01]) (\d+) (\d+)\n$/.exec(text)
  if (match === null)
    throw new GantryError('internal', { action: 'read exit record', subject: path, reason: 'it is malformed' })
  const [, status = '0', oom, started = '0', finished = '0'] = match
  return { startedAtNs: BigInt(started), exit: decodeExit(Number(status), oom === '1', BigInt(finished)) }
}
