// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { LayoutBuilder } from '../../deploy/image/build-layout.ts'
import { messageOf } from '../../runtime-core/errors.ts'
import { addBenchImages } from './bench-images.ts'
import { addCritestImages } from './critest-images.ts'
import { addQuickstartImage } from './quickstart-image.ts'

/** Where the images stand unless told otherwise; ignored by git. */
export const IMAGE_CACHE = resolve(import.meta.dirname, '../.cache/images')

const BUILDERS = { bench: addBenchImages, critest: addCritestImages, quickstart: addQuickstartImage } as const

/** A set of images, built into an OCI layout of its own: `<out>/<name>`. */
export type ImageSet = keyof typeof BUILDERS

export const IMAGE_SETS = Object.keys(BUILDERS) as readonly ImageSet[]

/**
 * Makes sure that the layout of `set` exists below `out` and is up to date with this folder's sources. Instant when it is.
 * @returns the layout's directory
 */
export async function ensureImages(
  set: ImageSet,
  options: { readonly out?: string; readonly report?: (line: string) => void } = {},
): Promise<string> {
  const directory = join(resolve(options.out ?? IMAGE_CACHE), set)
  const stamp = join(directory, '.stamp')
  const want = await sourcesDigest()
  if ((await readFile(stamp, 'utf8').catch(() => '')) === want) return directory
  options.report?.(`e2e/images: building the ${set} images into ${directory}`)
  // Another process may build at the same time: each works in a directory of its own, the last one wins.
  const work = `${directory}.work-${process.pid}`
  try {
    await rm(stamp, { force: true })
    await mkdir(work, { recursive: true })
    const layout = await LayoutBuilder.create(directory)
    await BUILDERS[set](layout, work)
    await layout.finish()
    await writeFile(stamp, want)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return directory
}

async function sourcesDigest(): Promise<string> {
  const hash = createHash('sha256').update(process.arch)
  for (const directory of [import.meta.dirname, join(import.meta.dirname, 'programs')]) {
    const names = (await readdir(directory)).filter((name) => /\.(ts|c)$/.test(name) && !name.endsWith('.test.ts'))
    for (const name of names.sort()) hash.update(name).update(await readFile(join(directory, name)))
  }
  return hash.digest('hex')
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string' }, only: { type: 'string' } } })
  const sets = IMAGE_SETS.filter((set) => values.only === undefined || values.only === set)
  if (sets.length === 0) throw new Error(`no image set "${values.only}": ${IMAGE_SETS.join(', ')}`)
  const report = (line: string): boolean => process.stderr.write(`${line}\n`)
  for (const set of sets) await ensureImages(set, { report, ...(values.out === undefined ? {} : { out: values.out }) })
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`e2e/images: ${messageOf(error)}\n`)
    process.exitCode = 1
  })
}
