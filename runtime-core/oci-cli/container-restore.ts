// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readDescriptors } from '../checkpoint/descriptors.ts'
import { refuseUserNamespace } from '../checkpoint/dump.ts'
import { compileRestore, RESTORE_LOG } from '../checkpoint/restore-plan.ts'
import { GantryError } from '../errors.ts'
import { parseMountInfo } from '../kernel/mountinfo.ts'
import { op, type Plan } from '../plan/ops.ts'
import { type ContainerFiles, removeRecord, reserveContainer } from '../state/container-record.ts'
import type { OptionValues } from './arguments.ts'
import { readBundle } from './bundle.ts'
import { type CreateRequest, cleansUpItself, cleanUp, describeContainer, type Made } from './container-start.ts'
import { directoriesOf, findCriuOf, type RESTORE_OPTIONS, sharedOptions } from './criu-options.ts'
import { checkTerminal, linkOps } from './descriptors.ts'
import type { GlobalOptions } from './global-options.ts'
import { hookState } from './hook-state.ts'
import { readHostFacts } from './host.ts'
import { launch } from './launch.ts'

type Options = OptionValues<typeof RESTORE_OPTIONS>

/**
 * Makes a container from a bundle and the images of a checkpoint: it is running then. Does not return where the launcher
 * takes this process's place.
 *
 * @throws GantryError; nothing remains then.
 */
export async function restoreContainer(global: GlobalOptions, id: string, options: Options): Promise<number> {
  refuseSystemdCgroup(global)
  const criu = findCriuOf(global)
  const { images, work } = directoriesOf(options)
  requireImages(images)
  const bundle = readBundle(options.bundle ?? '.')
  refuseUserNamespace({ spec: bundle.spec, id })
  const terminal = bundle.spec.process?.terminal === true
  checkTerminal(terminal, options.detach, options['console-socket'])
  const request: CreateRequest = {
    id,
    bundle: bundle.path,
    noPivot: false,
    noNewKeyring: true,
    mode: options.detach ? 'detached' : 'foreground',
    keep: false,
    subreaper: !options['no-subreaper'],
    'console-socket': options['console-socket'],
    'pidfd-socket': undefined,
    'pid-file': options['pid-file'],
    'preserve-fds': undefined,
  }
  const files = reserveContainer(global.root, id)
  try {
    mkdirSync(work, { recursive: true, mode: 0o700 })
    const host = readHostFacts()
    const made = describeContainer(request, bundle, files, host, undefined)
    const plan = compile(request, made, files, { criu, images, work, host, options })
    const foreground = !options.detach
    return await launch(plan, {
      plan: files.plan,
      times: files.times,
      preservedFds: 0,
      terminal: foreground && terminal,
      reapOrphans: foreground && request.subreaper,
      thenAlways: foreground && !cleansUpItself(bundle.spec, made.record),
      after: { task: 'restore', global, id, plan: files.plan, keep: false, criuLog: join(work, RESTORE_LOG) },
    })
  } catch (error) {
    removeRecord(files)
    throw error
  }
}

function requireImages(images: string): void {
  const refuse = (reason: string): never => {
    throw new GantryError('invalid_argument', { action: 'open images', subject: images, reason })
  }
  if (statSync(images, { throwIfNoEntry: false })?.isDirectory() !== true) refuse('there is no such directory')
  if (statSync(join(images, 'inventory.img'), { throwIfNoEntry: false }) === undefined) {
    refuse('it holds no inventory.img: no checkpoint was written there')
  }
}

interface Place {
  readonly criu: string
  readonly images: string
  readonly work: string
  readonly host: ReturnType<typeof readHostFacts>
  readonly options: Options
}

function compile(request: CreateRequest, made: Made, files: ContainerFiles, place: Place): Plan {
  const { bundle, record, cgroup } = made
  const { options } = place
  return compileRestore({
    spec: { ...bundle.spec, linux: { ...bundle.spec.linux, cgroupsPath: record.cgroupsPath } },
    rootfs: { kind: 'bind', source: bundle.rootfs, hasHostIds: true },
    mountPoint: files.mountPoint,
    cgroup,
    host: place.host,
    podNamespaces: new Map(),
    podShm: undefined,
    makeBindSources: false,
    stdio: 'inherit',
    criu: place.criu,
    searchPath: process.env['PATH'] ?? '',
    images: place.images,
    work: place.work,
    descriptors: readDescriptors(place.images),
    hostMounts: parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')),
    options: {
      ...sharedOptions(options),
      ...(options['lsm-profile'] ? { lsmProfile: options['lsm-profile'] } : {}),
      ...(options['lsm-mount-context'] ? { lsmMountContext: options['lsm-mount-context'] } : {}),
    },
    lifecycle: {
      gate: undefined,
      keyring: undefined,
      preservedFds: 0,
      whenReady: [op('record_process', files.init), ...linkOps(request)],
      afterwards:
        request.mode === 'foreground' ? [op('await_exit'), ...cleanUp(request, bundle.spec, record, files)] : [],
      hookState: (status) => hookState(record, status),
    },
  })
}

/** Who asks for systemd's units counts on systemd to know them: limits set behind its back would be lost at its next reload. */
function refuseSystemdCgroup({ systemdCgroup }: GlobalOptions): void {
  if (!systemdCgroup) return
  throw new GantryError('unimplemented', {
    action: 'restore into a unit of systemd',
    reason: '--systemd-cgroup is not supported by restore',
    hint: 'leave the option out and give linux.cgroupsPath as a path',
  })
}
