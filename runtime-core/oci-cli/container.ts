// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { GantryError } from '../errors.ts'
import { parseExact } from '../spec/json.ts'
import type { OciSpec } from '../spec/types.ts'
import { withLock } from '../state/container-lock.ts'
import { type ContainerFiles, type ContainerRecord, readRecord } from '../state/container-record.ts'
import { type ContainerState, readStatus } from '../state/container-status.ts'

/** How long a command waits for another one on the same container. */
const LOCK_DEADLINE_MS = 30_000

export interface FoundContainer extends ContainerState {
  readonly files: ContainerFiles
  readonly record: ContainerRecord
}

/** @throws GantryError `not_found` with runc's words. */
export function findContainer(root: string, id: string): FoundContainer {
  const { files, record } = readRecord(root, id)
  return { files, record, ...readStatus(files, record) }
}

/**
 * Runs `action` on a container that no other command changes meanwhile; its state is read under the lock.
 *
 * @throws GantryError `not_found` as findContainer; `deadline_exceeded` where another command takes too long.
 */
export async function withContainer<T>(
  root: string,
  id: string,
  action: (container: FoundContainer) => Promise<T>,
): Promise<T> {
  const { files } = findContainer(root, id)
  return withLock(files.directory, LOCK_DEADLINE_MS, () => action(findContainer(root, id)))
}

/** config.json as it was at create, when it was found to be valid. */
export function readConfig(files: ContainerFiles): OciSpec {
  return parseExact(readFileSync(files.config, 'utf8')) as OciSpec
}

/** The error of a command that the container's status forbids. */
export function forbidden(text: string): GantryError {
  return new GantryError('failed_precondition', { action: text })
}
