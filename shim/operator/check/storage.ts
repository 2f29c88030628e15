// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { errnoOf, messageOf } from '../../../runtime-core/errors.ts'
import { formatBytes } from '../quantities.ts'
import { type Finding, failure, ok, warning } from './finding.ts'

const run = promisify(execFile)
const PROBE_TIMEOUT_MS = 10_000
/** The kubelet begins to evict pods at 10 % of a file system, and images are large. */
const LOW_SHARE = 0.1
const LOW_BYTES = 2n * 1024n ** 3n
const TOO_FEW_BYTES = 64n * 1024n ** 2n
const TOO_FEW_INODES = 1_000n

/** What statfs(2) says of a file system. */
export interface Space {
  readonly freeBytes: bigint
  readonly totalBytes: bigint
  /** 0 where the file system does not count them. */
  readonly totalInodes: bigint
  readonly freeInodes: bigint
}

/** Room and overlay mounts below the daemon's root directory, which need not exist yet. */
export async function checkStorage(root: string): Promise<Finding[]> {
  try {
    const place = await nearestDirectory(root)
    const info = await statfs(place, { bigint: true })
    const space = judgeSpace(place, {
      freeBytes: info.bavail * info.bsize,
      totalBytes: info.blocks * info.bsize,
      totalInodes: info.files,
      freeInodes: info.ffree,
    })
    return [space, await checkOverlay(place)]
  } catch (error) {
    return [failure('storage', `${root}: ${messageOf(error)}`, 'is --root right, and may this process go there?')]
  }
}

/** Whether there is room for images and layers. */
export function judgeSpace(place: string, { freeBytes, totalBytes, totalInodes, freeInodes }: Space): Finding {
  const inodes = totalInodes === 0n ? '' : `, ${freeInodes} inodes free`
  const text = `${place}: ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free${inodes}`
  const hint = 'make room, or give --root another place'
  if (freeBytes < TOO_FEW_BYTES) return failure('storage', text, hint)
  if (totalInodes > 0n && freeInodes < TOO_FEW_INODES) return failure('storage', text, hint)
  const fewInodes = totalInodes > 0n && Number(freeInodes) < Number(totalInodes) * LOW_SHARE
  const low = freeBytes < LOW_BYTES || Number(freeBytes) < Number(totalBytes) * LOW_SHARE || fewInodes
  return low ? warning('storage', text, hint) : ok('storage', text)
}

/**
 * Mounts an overlay in a mount namespace of its own, as a container's start does. Nothing else tells for certain: a
 * file system may lack extended attributes, d_type, or be an overlay itself.
 */
async function checkOverlay(place: string): Promise<Finding> {
  const directory = await mkdtemp(join(place, '.gantry-check-'))
  try {
    const [lower, upper, work, target] = ['lower', 'upper', 'work', 'target'].map((name) => join(directory, name))
    for (const path of [lower, upper, work, target]) await mkdir(path ?? directory)
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
    const args = [
      '--mount',
      '--propagation',
      'private',
      'mount',
      '-t',
      'overlay',
      'overlay',
      '-o',
      options,
      target ?? '',
    ]
    await run('unshare', args, { timeout: PROBE_TIMEOUT_MS })
    return ok('overlay', `mounts below ${place}`)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return judgeFilesystems(await readFile('/proc/filesystems', 'utf8'))
    const said =
      error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n')[0] : messageOf(error)
    const hint = 'it needs the overlay module, root, and a file system such as ext4 or xfs below --root'
    return failure('overlay', `no overlay can be mounted below ${place}: ${said}`, hint)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Without unshare(1) only what the kernel lists is known. */
export function judgeFilesystems(filesystems: string): Finding {
  if (/^nodev\toverlay$/m.test(filesystems)) {
    return warning('overlay', 'the kernel has it; not tried, as unshare is missing', 'install util-linux')
  }
  return failure('overlay', 'the kernel lists no overlay file system', 'modprobe overlay')
}

async function nearestDirectory(path: string): Promise<string> {
  const found = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
  return found === undefined ? nearestDirectory(dirname(path)) : path
}
