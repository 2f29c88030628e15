// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, GantryError, messageOf } from '../../runtime-core/errors.ts'
import { withinTime } from '../container/host-paths.ts'
import { type CdiDocument, type CdiEdits, parseCdiDocument } from './document.ts'
import type { CdiName } from './names.ts'

const MAX_FILES = 1024
const MAX_FILE_BYTES = 4 << 20
const FIELD = 'CDI specifications'

/** One file: its document, or why it has none. */
type CdiFile = { readonly path: string } & (
  | { readonly document: CdiDocument; readonly problem?: undefined }
  | { readonly document?: undefined; readonly problem: string }
)

/**
 * The edits that make a container have the devices: of each file first what it wants for any of its devices, once.
 * Directories are read anew each time; a container without CDI devices costs nothing.
 *
 * @param directories A device of a later one covers that of an earlier one (CDI specification, "Overview").
 * @throws GantryError not_found naming the device, the directories, and the files that could not be read;
 * failed_precondition where two files of one directory have it.
 */
export async function cdiEdits(names: readonly CdiName[], directories: readonly string[]): Promise<CdiEdits[]> {
  if (names.length === 0) return []
  const levels = await Promise.all(directories.map(readDirectory))
  const seen = new Set<CdiDocument>()
  return names.flatMap((name) => {
    const { document, edits } = find(name, levels, directories)
    if (seen.has(document)) return [edits]
    seen.add(document)
    return [document.edits, edits]
  })
}

function find(
  { text, kind, device }: CdiName,
  levels: readonly (readonly CdiFile[])[],
  directories: readonly string[],
): { readonly document: CdiDocument; readonly edits: CdiEdits } {
  for (const files of levels.toReversed()) {
    const found = files.flatMap(({ path, document }) => {
      const edits = document?.kind === kind ? document.devices.get(device) : undefined
      return document === undefined || edits === undefined ? [] : [{ path, document, edits }]
    })
    if (found.length > 1) {
      const reason = `it is in ${found.map(({ path }) => JSON.stringify(path)).join(' and in ')}`
      throw new GantryError('failed_precondition', { action: 'resolve CDI device', subject: text, reason })
    }
    if (found[0] !== undefined) return found[0]
  }
  const broken = levels.flat().flatMap(({ problem }) => (problem === undefined ? [] : [problem]))
  throw new GantryError('not_found', {
    action: 'resolve CDI device',
    subject: text,
    reason: [`no specification in ${directories.join(' or ')} has it`, ...broken].join('; '),
  })
}

/** Every specification of a directory, in the order of its names; one that is not there has none. */
async function readDirectory(directory: string): Promise<CdiFile[]> {
  const names = await withinTime(() => listIfThere(directory), directory, FIELD)
  const specifications = names.filter((name) => /\.(json|yaml)$/.test(name)).sort()
  if (specifications.length > MAX_FILES) {
    const reason = `${specifications.length} files, more than ${MAX_FILES}`
    throw new GantryError('failed_precondition', { action: 'read CDI specifications', subject: directory, reason })
  }
  return Promise.all(
    specifications
      .map((name) => join(directory, name))
      .map((path) => withinTime(() => readSpecification(path), path, FIELD)),
  )
}

/** A file that is broken costs the devices that are in it, and no other. */
async function readSpecification(path: string): Promise<CdiFile> {
  try {
    const stats = await stat(path)
    // A FIFO would hold the reader for ever.
    if (!stats.isFile() || stats.size > MAX_FILE_BYTES) throw new Error(`no file of at most ${MAX_FILE_BYTES} bytes`)
    return { path, document: parseCdiDocument(await parse(await readFile(path, 'utf8'), path), path) }
  } catch (error) {
    return { path, problem: error instanceof GantryError ? error.message : `${path}: ${messageOf(error)}` }
  }
}

async function parse(text: string, path: string): Promise<unknown> {
  if (path.endsWith('.json')) return JSON.parse(text)
  // Few nodes have devices, and fewer write of them in YAML: the parser is loaded where it is needed.
  const yaml = await import('yaml')
  return yaml.parse(text, { maxAliasCount: 100 })
}

async function listIfThere(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
