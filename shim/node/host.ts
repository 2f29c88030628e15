// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { type CgroupHost, readCgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'
import type { HostFacts as CoreFacts } from '../../runtime-core/plan/compile/input.ts'
import type { OciDevice } from '../../runtime-core/spec/types.ts'
import { resolveDevices } from '../container/host-paths.ts'
import type { HostFacts } from '../translate/host-facts.ts'
import { type RlimitCeilings, rlimitCeilings } from '../translate/rlimits.ts'
import { readAppArmor } from './apparmor.ts'

/** Everything the daemon has to know of the machine, read once at start. */
export interface HostReading {
  readonly core: CoreFacts
  readonly cri: HostFacts
  readonly cgroup: CgroupHost
  readonly bootId: string
  /** What containers may get at most. */
  readonly rlimitCeilings: RlimitCeilings
  /** Text of /proc/cpuinfo. */
  readonly cpuinfo: string
}

/** Not for containers, privileged or not: other instances' terminals, and what every container gets its own of. */
const LEFT_OUT = /^\/dev\/(pts|shm|fd|mqueue|\.lxc|\.lxd-mounts|\.udev)(\/|$)|^\/dev\/console$/

/** capabilities(7): number 24. */
const CAP_SYS_RESOURCE = 1n << 24n

/** @throws GantryError `failed_precondition` where the machine lacks what every container needs. */
export async function readHost(): Promise<HostReading> {
  const [cgroup, lastCap, status, limits, nrOpen, bootId, cpuinfo, devices, lsm] = await Promise.all([
    readCgroupHost(),
    readFile('/proc/sys/kernel/cap_last_cap', 'utf8').then(Number),
    readFile('/proc/self/status', 'utf8'),
    readFile('/proc/self/limits', 'utf8'),
    readFile('/proc/sys/fs/nr_open', 'utf8').then(Number),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile('/proc/cpuinfo', 'utf8'),
    hostDevices(),
    readAppArmor(),
  ])
  const kernelRelease = release()
  return {
    cgroup,
    bootId: bootId.trim(),
    cpuinfo,
    rlimitCeilings: rlimitCeilings(limits, (capabilitySet(status, 'CapEff') & CAP_SYS_RESOURCE) !== 0n, nrOpen),
    core: {
      cgroup,
      overlayLowerdirPlus: isAtLeast(kernelRelease, 6, 5),
      capabilities: { lastCap, bounding: capabilitySet(status, 'CapBnd'), permitted: capabilitySet(status, 'CapPrm') },
    },
    cri: {
      cgroupVersion: cgroup.mode === 'v2' ? 2 : cgroup.mode === 'v1' ? 1 : 'hybrid',
      lastCap,
      devices,
      hugetlb: cgroup.controllers.includes('hugetlb'),
      swapController: await hasSwapController(cgroup),
      kernelRelease,
      arch: process.arch,
      recursiveReadOnly: isAtLeast(kernelRelease, 5, 12),
      userNamespaces: isAtLeast(kernelRelease, 5, 19) && (await maxUserNamespaces()) > 0,
      lsm: { ...lsm, selinux: await exists('/sys/fs/selinux/enforce') },
    },
  }
}

function isAtLeast(release: string, major: number, minor: number): boolean {
  const [have = 0, haveMinor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  return have > major || (have === major && haveMinor >= minor)
}

function capabilitySet(status: string, name: string): bigint {
  const match = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)
  if (match === null)
    throw new GantryError('failed_precondition', { action: 'read capabilities', subject: '/proc/self/status' })
  return BigInt(`0x${match[1]}`)
}

async function hostDevices(): Promise<OciDevice[]> {
  const found = await resolveDevices([{ hostPath: '/dev', containerPath: '/dev', permissions: 'rwm' }])
  return found.filter(({ path }) => !LEFT_OUT.test(path)).map(({ permissions: _, ...device }) => device)
}

async function hasSwapController({ mode, v1 }: CgroupHost): Promise<boolean> {
  // The root of the v2 hierarchy has no memory files; every kernel with the controller and CONFIG_SWAP has the limit.
  if (mode === 'v2') return await exists('/proc/swaps')
  const memory = v1.get('memory')
  return memory !== undefined && (await exists(`${memory}/memory.memsw.limit_in_bytes`))
}

/** 0 where the node's administrator has turned them off, or the kernel was built without. */
async function maxUserNamespaces(): Promise<number> {
  return Number((await readIfThere('/proc/sys/user/max_user_namespaces')) ?? 0)
}

async function exists(path: string): Promise<boolean> {
  return (await readIfThere(path)) !== undefined
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined
    throw error
  }
}
