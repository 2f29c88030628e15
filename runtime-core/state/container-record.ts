// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CgroupPlan } from '../cgroup/manager.ts'
import { errnoOf, GantryError } from '../errors.ts'
import type { OciResources } from '../spec/types.ts'
import type { ProcessIdentity } from './process-stat.ts'

/** What is needed of a container's cgroup after its start. */
export type CgroupRecord = Pick<
  CgroupPlan,
  'leaves' | 'joinFiles' | 'unifiedDirectory' | 'killFile' | 'procsFile' | 'freezer' | 'oomFile'
>

/** A container of the command line: `state.json`. Written before its process is made; what happens after that is in files of its own. */
export interface ContainerRecord {
  readonly ociVersion: string
  readonly id: string
  /** Absolute. */
  readonly bundle: string
  readonly rootfs: string
  /** RFC 3339. */
  readonly created: string
  /** Who made it. */
  readonly owner: number
  readonly annotations?: Readonly<Record<string, string>>
  /** The process that makes it: while there is no init, the container is being created as long as this one lives. */
  readonly creator: { readonly pid: number; readonly startTime: string }
  /** Below the cgroup mounts. */
  readonly cgroupsPath: string
  /** `slice:prefix:name`, where systemd has made the cgroup. */
  readonly scopePath?: string
  readonly cgroup: CgroupRecord
  /** Limits in force where they differ from config.json's: after `update`. */
  readonly resources?: OciResources
}

/** Places of one container below `--root`. */
export class ContainerFiles {
  readonly directory: string

  constructor(root: string, id: string) {
    this.directory = join(root, id)
  }

  get state(): string {
    return join(this.directory, 'state.json')
  }
  /** A copy: later changes to the bundle's have no effect (runtime.md §lifecycle). */
  get config(): string {
    return join(this.directory, 'config.json')
  }
  /** Pid and start time of the container's first process. */
  get init(): string {
    return join(this.directory, 'init')
  }
  /** There between create and start. */
  get startGate(): string {
    return join(this.directory, 'exec.fifo')
  }
  get startAnswer(): string {
    return join(this.directory, 'exec.answer')
  }
  get plan(): string {
    return join(this.directory, 'plan')
  }
  get times(): string {
    return join(this.directory, 'times')
  }
  /** The container's root is mounted on it, in the container's mount namespace only. */
  get mountPoint(): string {
    return join(this.directory, 'rootfs')
  }
}

/**
 * A container id: one or more of letters, digits and `_+.-`, and not a name that stands for a directory.
 *
 * @throws GantryError `invalid_argument`.
 */
export function checkContainerId(id: string): void {
  if (/^[\w+.-]+$/.test(id) && id !== '.' && id !== '..') return
  throw new GantryError('invalid_argument', { action: 'invalid container ID format', subject: id })
}

/**
 * Takes the id for a new container by making its directory.
 *
 * @throws GantryError `already_exists`.
 */
export function reserveContainer(root: string, id: string): ContainerFiles {
  checkContainerId(id)
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const files = new ContainerFiles(root, id)
  try {
    mkdirSync(files.directory, { mode: 0o711 })
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST') throw cause
    throw new GantryError('already_exists', { action: 'container with given ID already exists', subject: id })
  }
  mkdirSync(files.mountPoint, { mode: 0o711 })
  return files
}

/** Whole or not at all. */
export function writeRecord(files: ContainerFiles, record: ContainerRecord): void {
  const temporary = `${files.state}.${process.pid}`
  writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 })
  renameSync(temporary, files.state)
}

/**
 * @throws GantryError `not_found` for an id nobody has.
 */
export function readRecord(root: string, id: string): { files: ContainerFiles; record: ContainerRecord } {
  checkContainerId(id)
  const files = new ContainerFiles(root, id)
  try {
    return { files, record: JSON.parse(readFileSync(files.state, 'utf8')) as ContainerRecord }
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw new GantryError('not_found', { action: 'container does not exist' })
    throw new GantryError('internal', { action: 'read state of container', subject: id, cause })
  }
}

/** Ids of all containers, in the order of their names. */
export function listContainerIds(root: string): readonly string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return []
    throw cause
  }
}

/** The container's first process; undefined before there is one. */
export function readInit(files: ContainerFiles): ProcessIdentity | undefined {
  const text = readIfThere(files.init)
  const [, pid, startTime] = /^(\d+) (\d+)\n$/.exec(text ?? '') ?? []
  return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime: BigInt(startTime) }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw cause
  }
}

/** Forgets a container. */
export function removeRecord(files: ContainerFiles): void {
  rmSync(files.directory, { recursive: true, force: true })
}
