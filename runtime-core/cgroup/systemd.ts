// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { errnoOf, GantryError } from '../errors.ts'
import { loadLibsystemd } from '../kernel/sd-bus.ts'
import type { OciResources } from '../spec/types.ts'
import type { CgroupHost } from './detect.ts'
import { DEFAULT_DEVICE_RULES, reduceDeviceRules } from './devices.ts'
import { type CgroupDriver, CgroupfsDriver, removeEmptyAncestry, withoutDevices } from './driver.ts'
import { killCgroup } from './kill.ts'
import {
  type CgroupOptions,
  type CgroupPlan,
  compileCgroup,
  compileUpdate,
  mergeResources,
  type UpdateOptions,
} from './manager.ts'
import type { CgroupUnit, CgroupWrite, UnitProperty } from './plan.ts'
import { removeCgroup } from './remove.ts'
import { annotatedProperties } from './systemd-annotations.ts'
import { deviceProperties } from './systemd-devices.ts'
import { expandSlice, isScopePath, parseScopePath, type ScopePath, slicesOf } from './systemd-path.ts'
import { property, resourceProperties } from './systemd-properties.ts'
import { SystemdUnits } from './systemd-units.ts'
import { applyUpdate } from './update.ts'
import { writeCgroupFile } from './write-file.ts'

/** sd_booted(3) */
const BOOTED = '/run/systemd/system'
/** AllowedCPUs, the youngest property that is used; char-MAJOR in DeviceAllow is of 240. */
const OLDEST_VERSION = 244
const KILL_TIMEOUT_MS = 5000

/**
 * Containers in transient scopes of systemd. systemd makes the cgroup and knows its limits, so it agrees with what is
 * there after a daemon-reload; `Delegate=yes` makes the cgroup ours from then on, and the exact limits are written to
 * its files.
 *
 * A scope cannot be without a process. A placeholder opens it: the child is then born into the cgroup (v2) or joins it
 * (v1), as with the other driver, and the placeholder goes. Where the launch fails, the scope ends with it.
 *
 * systemd removes the cgroup as soon as its last process is dead. On v2 the keeper still learns of an OOM kill from the
 * cgroup above; on v1 there it may be lost, and the container's end is told as exit code 137 alone.
 */
export class SystemdDriver implements CgroupDriver, AsyncDisposable {
  readonly name = 'systemd'
  readonly #host: CgroupHost
  readonly #units: SystemdUnits
  readonly #version: number
  /** For containers of before this driver was chosen. */
  readonly #before: CgroupDriver

  constructor(host: CgroupHost, units: SystemdUnits, version: number) {
    this.#host = host
    this.#units = units
    this.#version = version
    this.#before = new CgroupfsDriver(host)
  }

  /**
   * The driver of this machine.
   *
   * @throws GantryError failed_precondition where systemd is not the init, cannot be reached, or is too old.
   */
  static async open(host: CgroupHost): Promise<SystemdDriver> {
    if (!existsSync(BOOTED)) {
      throw new GantryError('failed_precondition', {
        action: 'use cgroup driver "systemd"',
        reason: `systemd is not the init of this machine (there is no ${BOOTED})`,
        hint: 'use cgroup-driver cgroupfs, here and in the kubelet',
      })
    }
    const units = new SystemdUnits({ library: loadLibsystemd() })
    const version = await units.version()
    if (version >= OLDEST_VERSION) return new SystemdDriver(host, units, version)
    const reason = `this is systemd ${version}, expected ${OLDEST_VERSION} or newer`
    throw new GantryError('failed_precondition', { action: 'use cgroup driver "systemd"', reason })
  }

  compile(cgroupsPath: string, resources: OciResources, options: CgroupOptions = {}): CgroupPlan {
    if (!isScopePath(cgroupsPath)) return this.#before.compile(cgroupsPath, resources, options)
    const place = parseScopePath(cgroupsPath)
    const plan = compileCgroup(this.#host, place.path, resources, options)
    const unit = this.#unit(place, resources, options)
    return {
      ...plan,
      ...joinNamedHierarchy(this.#host, plan, place.path),
      // Where it is not there systemd has taken it away, and one of our own would be nobody's.
      directories: plan.directories.filter((directory) => !this.#isUnitsOwn(directory)),
      writes: plan.writes.map(withRoomForOne),
      unit: { ...unit, settled: plan.writes.filter((write) => withRoomForOne(write) !== write) },
    }
  }

  async update(
    cgroupsPath: string,
    before: OciResources,
    change: OciResources,
    options: UpdateOptions = {},
  ): Promise<void> {
    if (!isScopePath(cgroupsPath)) return await this.#before.update(cgroupsPath, before, change, options)
    const { path, scope } = parseScopePath(cgroupsPath)
    const forth = compileUpdate(this.#host, path, before, change, options)
    const after = mergeResources(before, change)
    const set = (resources: OciResources) =>
      this.#units.setProperties(scope, resourceProperties(this.#host, resources, this.#version))
    await set(after)
    try {
      await applyUpdate(forth, () => compileUpdate(this.#host, path, after, withoutDevices(before), options))
    } catch (error) {
      await set(before).catch((failure: unknown) => {
        throw new GantryError('internal', {
          action: 'undo update of unit',
          subject: scope,
          cause: error,
          cleanup: [failure],
        })
      })
      throw error
    }
  }

  async startUnit({ name, properties }: CgroupUnit, pid: number): Promise<void> {
    const all = [...properties, property('PIDs', 'au', [pid])]
    await this.#units.startTransient(name, all, async () =>
      (await readFile(`/proc/${pid}/cgroup`, 'utf8')).split('\n').some((line) => line.endsWith(`/${name}`)),
    )
  }

  async settleUnit({ settled }: CgroupUnit): Promise<void> {
    // A container that has ended already has taken its cgroup along.
    for (const write of settled) await writeCgroupFile({ ...write, ignore: ['ENOENT', 'ENODEV'] })
  }

  async remove(cgroupsPath: string): Promise<void> {
    if (!isScopePath(cgroupsPath)) return await this.#before.remove(cgroupsPath)
    const plan = this.compile(cgroupsPath, {})
    // systemd asks nicely first, and waits 90 seconds.
    await killCgroup(plan, KILL_TIMEOUT_MS)
    await this.#units.stop(plan.unit?.name ?? '')
    await removeCgroup(plan.leaves)
  }

  async removeParent(cgroupParent: string): Promise<void> {
    // Without one they are in system.slice, which is not ours.
    if (cgroupParent === '') return
    const last = cgroupParent.slice(cgroupParent.lastIndexOf('/') + 1)
    if (!last.endsWith('.slice')) return await this.#before.removeParent(cgroupParent)
    for (const slice of slicesOf(last).toReversed()) {
      if (!(await this.#isEmptyAndOurs(slice))) break
      await this.#units.stop(slice)
    }
    await removeEmptyAncestry(this.#otherHierarchies, expandSlice(last))
  }

  /** Lets go of the connection to systemd. */
  async close(): Promise<void> {
    await this.#units.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Slices that an administrator or a package made are theirs; one with anything below it is in use. */
  async #isEmptyAndOurs(slice: string): Promise<boolean> {
    const directory = `${this.#unitsRoot ?? ''}${expandSlice(slice)}`
    const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    })
    if (entries.some((entry) => entry.isDirectory())) return false
    return (await this.#units.unitProperty(slice, 'FragmentPath')) === ''
  }

  #unit(place: ScopePath, resources: OciResources, options: CgroupOptions): Omit<CgroupUnit, 'settled'> {
    const devices = reduceDeviceRules([...(resources.devices ?? []), ...DEFAULT_DEVICE_RULES])
    const properties = [
      ...baseProperties(this.#host, place),
      ...resourceProperties(this.#host, resources, this.#version),
      ...deviceProperties(devices),
      ...annotatedProperties(options.annotations ?? {}),
    ]
    return { name: place.scope, properties }
  }

  /** The hierarchies in which systemd makes a directory for every unit; of v1 it knows a few controllers only. */
  #isUnitsOwn(directory: string): boolean {
    const root = this.#unitsRoot
    return root !== undefined && directory.startsWith(`${root}/`)
  }

  /** Where systemd keeps book: the unified hierarchy, or on v1 one that is named after it. */
  get #unitsRoot(): string | undefined {
    return this.#host.unifiedMount ?? this.#host.named?.get('systemd')
  }

  get #otherHierarchies(): CgroupHost {
    const { unifiedMount: _, ...host } = this.#host
    return host
  }
}

function baseProperties(host: CgroupHost, { slice, scope }: ScopePath): UnitProperty[] {
  const accounting = ['CPUAccounting', 'MemoryAccounting', 'TasksAccounting']
  accounting.push(host.mode === 'v2' ? 'IOAccounting' : 'BlockIOAccounting')
  return [
    property('Description', 's', `container ${scope.replace(/\.scope$/, '')}`),
    property('Slice', 's', slice),
    // Else it would be stopped with sysinit.target and started after basic.target.
    property('DefaultDependencies', 'b', false),
    property('Delegate', 'b', true),
    // A failed one, too, is gone with its last process.
    property('CollectMode', 's', 'inactive-or-failed'),
    ...accounting.map((name) => property(name, 'b', true)),
  ]
}

/** The placeholder counts as a task: without room for it, a container of one process could never start. */
function withRoomForOne(write: CgroupWrite): CgroupWrite {
  if (!write.path.endsWith('/pids.max') || !/^\d+$/.test(write.value)) return write
  return { ...write, value: String(BigInt(write.value) + 1n) }
}

/** On v1 and hybrid hosts systemd looks for a unit's processes in the hierarchy that is named after it, as well. */
function joinNamedHierarchy(
  host: CgroupHost,
  plan: CgroupPlan,
  path: string,
): Pick<CgroupPlan, 'joinFiles' | 'leaves'> {
  const mount = host.named?.get('systemd')
  if (mount === undefined) return plan
  return { joinFiles: [...plan.joinFiles, `${mount}${path}/tasks`], leaves: [...plan.leaves, `${mount}${path}`] }
}
