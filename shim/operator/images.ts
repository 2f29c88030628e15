// SPDX-License-Identifier: Apache-2.0
import type { CriClient, Image } from '../../cri-proto/index.ts'
import { formatBytes, shortId } from './quantities.ts'
import { type Column, formatTable } from './table.ts'

/** One line of `gantry images`. */
export interface ImageRow {
  readonly name: string
  readonly id: string
  readonly sizeBytes: bigint
  readonly pinned: boolean
}

/** `gantry images`: each name of each image. */
export async function images(client: CriClient): Promise<{ rows: ImageRow[]; text: string }> {
  const { images: found } = await client.image.listImages({})
  const rows = imageRowsOf(found)
  return { rows, text: formatTable(COLUMNS, rows) }
}

/** The lines in order of their names; an image without a tag is listed by its digests. Pure. */
export function imageRowsOf(found: readonly Image[]): ImageRow[] {
  return found
    .flatMap(({ id, repoTags, repoDigests, size, pinned }) => {
      const names = repoTags.length > 0 ? repoTags : repoDigests.length > 0 ? repoDigests : ['']
      return names.map((name): ImageRow => ({ name, id, sizeBytes: size, pinned }))
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

const COLUMNS: readonly Column<ImageRow>[] = [
  { title: 'IMAGE', show: ({ name }) => name },
  { title: 'ID', show: ({ id }) => shortId(id) },
  { title: 'SIZE', show: ({ sizeBytes }) => formatBytes(sizeBytes) },
  { title: 'PINNED', show: ({ pinned }) => (pinned ? 'yes' : 'no') },
]
