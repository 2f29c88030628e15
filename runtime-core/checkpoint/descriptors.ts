// SPDX-License-Identifier: Apache-2.0
import { readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, GantryError } from '../errors.ts'
import type { MountEntry } from '../kernel/mountinfo.ts'

/** Beside the images: what the standard streams were, so that a restore can put its own in their place. runc has it too. */
const FILE = 'descriptors.json'

/**
 * The names by which CRIU knows the standard streams of a process: `pipe:[inode]`, `file[mount:inode]` for a file that
 * is on no mount of the container; else what the link says.
 */
export function describeStdio(pid: number, mounts: readonly MountEntry[]): readonly string[] {
  const own = new Set(mounts.map(({ id }) => id))
  return [0, 1, 2].map((fd) => describe(pid, fd, own))
}

function describe(pid: number, fd: number, ownMounts: ReadonlySet<number>): string {
  let target: string
  try {
    target = readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
  if (!target.startsWith('/')) return target
  const [, mount = ''] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1')) ?? []
  if (ownMounts.has(Number(mount))) return target
  const { ino } = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true })
  return `file[${Number(mount).toString(16)}:${ino.toString(16)}]`
}

/** Those that are files outside of the container: CRIU is told not to look for them inside. */
export function externalFiles(descriptors: readonly string[]): readonly string[] {
  return [...new Set(descriptors.filter((name) => name.startsWith('file[')))]
}

export function writeDescriptors(images: string, descriptors: readonly string[]): void {
  writeFileSync(join(images, FILE), JSON.stringify(descriptors), { mode: 0o600 })
}

/** @throws GantryError `invalid_argument` for a file that is none. */
export function readDescriptors(images: string): readonly string[] {
  const path = join(images, FILE)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read', subject: path, cause })
  }
  throw new GantryError('invalid_argument', { action: 'read', subject: path, reason: 'expected a list of texts' })
}

/** Which stream stands for which name: the first of those that were one. */
export function inheritedStdio(
  descriptors: readonly string[],
): readonly { readonly key: string; readonly fd: number }[] {
  const streams = descriptors.slice(0, 3)
  return streams.flatMap((key, fd) => (/^(pipe:|file)\[/.test(key) && streams.indexOf(key) === fd ? [{ key, fd }] : []))
}
