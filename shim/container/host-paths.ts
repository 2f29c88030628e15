// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import type { BigIntStats } from 'node:fs'
import { lstat, open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Device, type Mount, MountPropagation } from '../../cri-proto/index.ts'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'
import type { ResolvedDevice } from '../translate/devices.ts'
import { invalidField } from '../translate/invalid-field.ts'
import { mountPropagation } from '../translate/mount-propagation.ts'
import type { MountSource } from '../translate/mounts.ts'

/** A host path that takes longer hangs: a dead file server, as a rule. */
const STAT_TIMEOUT_MS = 10_000
const MAX_DEVICES = 1024
const MAX_PROFILE_BYTES = 4 << 20

/**
 * What each requested mount mounts. A private one is left to the container's own child, which follows symbolic links and
 * makes a missing directory; only where mounts are to propagate the host has to be looked at here.
 */
export async function resolveMountSources(
  mounts: readonly Mount[],
  ofImage: (mount: Mount) => Promise<MountSource>,
): Promise<(MountSource | undefined)[]> {
  const isPrivate = ({ propagation }: Mount): boolean => propagation === MountPropagation.PROPAGATION_PRIVATE
  const mountinfo = mounts.every(isPrivate) ? '' : await readFile('/proc/self/mountinfo', 'utf8')
  return Promise.all(
    mounts.map(async (mount, index) => {
      const { hostPath } = mount
      if (mount.image !== undefined) return ofImage(mount)
      if (isPrivate(mount)) return { hostPath }
      const field = `config.mounts[${index}].host_path`
      const real = await withinTime((late) => realPathOf(hostPath, late), hostPath, field)
      return { hostPath: real, propagation: mountPropagation(mountinfo, real) }
    }),
  )
}

/**
 * The device nodes that a container asks for; a directory stands for all nodes below it.
 *
 * @throws GantryError `invalid_argument` for a path that is missing or no device.
 */
export async function resolveDevices(devices: readonly Device[]): Promise<ResolvedDevice[]> {
  const found = await Promise.all(devices.map((device, index) => resolveDevice(device, `config.devices[${index}]`)))
  return found.flat()
}

async function resolveDevice(
  { hostPath, containerPath, permissions }: Device,
  field: string,
): Promise<ResolvedDevice[]> {
  const path = containerPath === '' ? hostPath : containerPath
  const stats = await withinTime(() => stat(hostPath, { bigint: true }), hostPath, `${field}.host_path`)
  if (!stats.isDirectory()) {
    const device = describeDevice(path, stats, permissions)
    if (device === undefined) throw invalidField(`${field}.host_path`, hostPath, 'a device or a directory of devices')
    return [device]
  }
  const names = await readdir(hostPath, { recursive: true })
  if (names.length > MAX_DEVICES)
    throw invalidField(`${field}.host_path`, hostPath, `at most ${MAX_DEVICES} devices below it`)
  const nodes = await Promise.all(
    names.map((name) => describeEntry(join(hostPath, name), join(path, name), permissions)),
  )
  return nodes.filter((node) => node !== undefined)
}

/** Links are left out, as they lead to what is listed anyway; so is what went away since the listing. */
async function describeEntry(hostPath: string, path: string, permissions: string): Promise<ResolvedDevice | undefined> {
  try {
    return describeDevice(path, await lstat(hostPath, { bigint: true }), permissions)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A device of the host as a container may get it; undefined for anything else. */
export function describeDevice(path: string, stats: BigIntStats, permissions: string): ResolvedDevice | undefined {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return undefined
  const { rdev } = stats
  return {
    path,
    type: stats.isBlockDevice() ? 'b' : 'c',
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
    fileMode: Number(stats.mode & 0o777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    permissions,
  }
}

/** The text of a Localhost seccomp profile. */
export async function readSeccompFile(path: string): Promise<string> {
  const field = 'config.linux.security_context.seccomp.localhost_ref'
  const file = await withinTime(() => open(path), path, field)
  try {
    const { size } = await file.stat()
    if (size > MAX_PROFILE_BYTES) throw invalidField(field, path, `a profile of at most ${MAX_PROFILE_BYTES} bytes`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/**
 * A path of the host without its links. Looked up by a child: on a dead file server the call never returns, and four of
 * them would take all the threads that this process has for files. Whoever answered the child answers us too.
 */
async function realPathOf(path: string, late: AbortSignal): Promise<string> {
  const child = spawn('realpath', ['-e', '-z', '--', path], { stdio: ['ignore', 'pipe', 'ignore'] })
  const giveUp = () => {
    child.kill('SIGKILL')
    // One that hangs in the kernel does not end; nothing is kept for it.
    child.unref()
    child.stdout.destroy()
  }
  late.addEventListener('abort', giveUp, { once: true })
  try {
    const [output, code] = await Promise.all([
      text(child.stdout),
      new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve)),
    ])
    return code === 0 ? output.slice(0, -1) : await realpath(path)
  } finally {
    late.removeEventListener('abort', giveUp)
  }
}

/**
 * Bounds an operation on a path of the host that may be on a file server; the error says which path hung.
 *
 * @param work told by the signal when nobody waits for it any more
 */
export async function withinTime<T>(work: (late: AbortSignal) => Promise<T>, path: string, field: string): Promise<T> {
  const abandoned = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new GantryError('deadline_exceeded', {
          action: `look at ${field}`,
          subject: path,
          reason: `no answer from the file system within ${STAT_TIMEOUT_MS / 1000} s`,
          hint: 'a file server that does not answer, as a rule',
        }),
      )
      abandoned.abort()
    }, STAT_TIMEOUT_MS)
  })
  try {
    return await Promise.race([work(abandoned.signal), late])
  } catch (cause) {
    if (cause instanceof GantryError) throw cause
    const missing = errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR'
    throw new GantryError(missing ? 'invalid_argument' : 'internal', {
      action: `look at ${field}`,
      subject: path,
      cause,
    })
  } finally {
    clearTimeout(timer)
  }
}
