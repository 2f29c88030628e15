// SPDX-License-Identifier: Apache-2.0

import { writeFile } from 'node:fs/promises'
import { errnoOf, GantryError } from '../errors.ts'
import { cgroupWriteHint } from './hint.ts'
import type { CgroupWrite } from './plan.ts'

/** What a caller can mend by another value. */
const OF_THE_VALUE: ReadonlySet<string> = new Set(['EINVAL', 'ERANGE', 'EBUSY'])

/**
 * Writes one limit of a living container (compileUpdate); new ones are written by the launch plan.
 *
 * @throws GantryError that names file, value and errno, with a hint where the errno misleads.
 */
export async function writeCgroupFile({ path, value, orElse, ignore = [] }: CgroupWrite): Promise<void> {
  try {
    await writeFile(path, value, { flag: 'r+' })
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === 'ENOENT' && orElse !== undefined) return writeCgroupFile({ ...orElse, ignore })
    if (errno !== undefined && ignore.includes(errno)) return
    const hint = errno === undefined ? undefined : cgroupWriteHint(path, errno)
    throw new GantryError(OF_THE_VALUE.has(errno ?? '') ? 'invalid_argument' : 'internal', {
      action: `write ${JSON.stringify(value)} to`,
      subject: path,
      cause,
      ...(hint === undefined ? {} : { hint }),
    })
  }
}
