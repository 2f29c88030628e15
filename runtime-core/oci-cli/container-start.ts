// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CgroupPlan } from '../cgroup/manager.ts'
import type { SystemdDriver } from '../cgroup/systemd.ts'
import { errnoOf, GantryError } from '../errors.ts'
import { CGROUP_LIMIT } from '../plan/compile/cgroup.ts'
import { compileContainer } from '../plan/compile/container.ts'
import type { HostFacts } from '../plan/compile/input.ts'
import { intelRdtLeftovers } from '../plan/compile/intel-rdt.ts'
import { warningsOf } from '../plan/compile/warnings.ts'
import { forPurpose, type Op, op, type Plan } from '../plan/ops.ts'
import type { OciProcess, OciSpec } from '../spec/types.ts'
import {
  type CgroupRecord,
  type ContainerFiles,
  type ContainerRecord,
  removeRecord,
  reserveContainer,
  writeRecord,
} from '../state/container-record.ts'
import { readProcessStat } from '../state/process-stat.ts'
import { type Bundle, readBundle } from './bundle.ts'
import { openSystemd, placeCgroup, requireSystemSystemd } from './cgroup.ts'
import { checkTerminal, inheritDescriptors, linkOps, type ProcessLinks } from './descriptors.ts'
import type { GlobalOptions } from './global-options.ts'
import { withHome } from './home.ts'
import { hookState } from './hook-state.ts'
import { readHostFacts } from './host.ts'
import { launch } from './launch.ts'
import { Log } from './log.ts'
import { compileFilter } from './seccomp.ts'
import { UnitHolder } from './unit-holder.ts'

export interface CreateRequest extends ProcessLinks {
  readonly id: string
  readonly bundle: string
  readonly noPivot: boolean
  readonly noNewKeyring: boolean
  /** `create`: waits to be started; `detached`: runs on its own; `foreground`: this process stays with it. */
  readonly mode: 'create' | 'detached' | 'foreground'
  /** foreground: the container stays when its process has ended. */
  readonly keep: boolean
  /** foreground: what the program leaves behind becomes this process's. */
  readonly subreaper: boolean
}

/**
 * Makes a container from a bundle (runtime.md §create). Does not return where the launcher takes this process's place.
 *
 * @throws GantryError; nothing remains then.
 */
export async function startContainer(global: GlobalOptions, request: CreateRequest): Promise<number> {
  if (global.systemdCgroup) requireSystemSystemd(global)
  const bundle = readBundle(request.bundle)
  const { process: process_ } = bundle.spec
  if (process_ === undefined) {
    throw new GantryError('invalid_argument', { action: 'read process', reason: 'it is missing' })
  }
  checkTerminal(process_.terminal === true, request.mode !== 'foreground', request['console-socket'])
  const inherited = inheritDescriptors(withHome(process_, bundle.rootfs), request['preserve-fds'], process.env)
  const files = reserveContainer(global.root, request.id)
  let holder: UnitHolder | undefined
  try {
    const host = readHostFacts()
    await using systemd = global.systemdCgroup ? await openSystemd(host.cgroup) : undefined
    const made = describeContainer(request, bundle, files, host, systemd)
    const warnings = warningsOf(bundle.spec, made.cgroup, host)
    if (warnings.length > 0) new Log(global).write('warning', warnings.join('; '))
    holder = systemd === undefined ? undefined : await openUnit(systemd, made.cgroup)
    const plan = await compile(global, request, {
      ...made,
      files,
      host,
      process: inherited.process,
      count: inherited.count,
      holder: holder?.pid,
    })
    await systemd?.close()
    return await launch(plan, {
      plan: files.plan,
      times: files.times,
      preservedFds: inherited.count,
      terminal: request.mode === 'foreground' && process_.terminal === true,
      reapOrphans: request.mode === 'foreground' && request.subreaper,
      thenAlways: request.mode === 'foreground' && !request.keep && !cleansUpItself(bundle.spec, made.record),
      after: { task: 'create', global, id: request.id, plan: files.plan, keep: request.keep },
    })
  } catch (error) {
    await holder?.end()
    removeRecord(files)
    throw error
  }
}

/** The unit is there, with its limits, before the container is born into its cgroup. */
async function openUnit(systemd: SystemdDriver, { unit }: CgroupPlan): Promise<UnitHolder | undefined> {
  if (unit === undefined) return undefined
  const holder = await UnitHolder.start()
  try {
    await systemd.startUnit(unit, holder.pid)
    return holder
  } catch (error) {
    await holder.end()
    throw error
  }
}

export interface Made {
  readonly bundle: Bundle
  readonly record: ContainerRecord
  readonly cgroup: CgroupPlan
}

/** Records the container before there is anything of it that could be left behind. */
export function describeContainer(
  request: CreateRequest,
  bundle: Bundle,
  files: ContainerFiles,
  host: HostFacts,
  systemd: SystemdDriver | undefined,
): Made {
  const { spec } = bundle
  const { plan: cgroup, path: cgroupsPath, scopePath } = placeCgroup(request.id, spec, host.cgroup, systemd)
  requireEmpty(cgroup)
  const record: ContainerRecord = {
    ociVersion: spec.ociVersion,
    id: request.id,
    bundle: bundle.path,
    rootfs: bundle.rootfs,
    created: new Date().toISOString(),
    owner: process.getuid?.() ?? 0,
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    creator: { pid: process.pid, startTime: String(readProcessStat(process.pid)?.startTime ?? 0) },
    cgroupsPath,
    ...(scopePath === undefined ? {} : { scopePath }),
    cgroup: toRecord(cgroup),
  }
  writeFileSync(files.config, bundle.text, { mode: 0o600 })
  writeRecord(files, record)
  return { bundle, record, cgroup }
}

function toRecord(plan: CgroupPlan): CgroupRecord {
  const { leaves, joinFiles, unifiedDirectory, killFile, procsFile, freezer, oomFile } = plan
  return {
    leaves,
    joinFiles,
    procsFile,
    ...(unifiedDirectory === undefined ? {} : { unifiedDirectory }),
    ...(killFile === undefined ? {} : { killFile }),
    ...(freezer === undefined ? {} : { freezer }),
    ...(oomFile === undefined ? {} : { oomFile }),
  }
}

/** Deleting a container ends everything in its cgroup: one that is somebody else's is refused. */
function requireEmpty({ procsFile }: CgroupPlan): void {
  let text: string
  try {
    text = readFileSync(procsFile, 'latin1')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return
    throw cause
  }
  const count = text.split('\n').length - 1
  if (count === 0) return
  throw new GantryError('failed_precondition', {
    action: `container's cgroup is not empty: ${count} process(es) found`,
    subject: procsFile,
  })
}

interface CompileContext extends Made {
  readonly files: ContainerFiles
  readonly host: HostFacts
  readonly process: OciProcess
  readonly count: number
  /** Pid of the process that holds the cgroup's unit. */
  readonly holder: number | undefined
}

async function compile(global: GlobalOptions, request: CreateRequest, context: CompileContext): Promise<Plan> {
  const { bundle, record, cgroup, files, host } = context
  const { spec } = bundle
  const seccomp = spec.linux?.seccomp
  return compileContainer({
    spec: { ...spec, process: context.process },
    identity: { id: request.id, bundle: bundle.path },
    rootfs: { kind: 'bind', source: bundle.rootfs, hasHostIds: true },
    mountPoint: files.mountPoint,
    cgroup,
    host,
    podNamespaces: new Map(),
    podShm: undefined,
    seccomp: seccomp === undefined ? undefined : await compileFilter(seccomp, filterDirectory(global)),
    makeBindSources: false,
    copyUpSources: new Set(),
    stdio: 'inherit',
    noPivot: request.noPivot,
    lifecycle: {
      gate: request.mode === 'create' ? { go: files.startGate, answer: files.startAnswer } : undefined,
      keyring: request.noNewKeyring ? undefined : `_ses.${request.id}`,
      preservedFds: context.count,
      whenReady: [...settleUnit(context), op('record_process', files.init), ...linkOps(request)],
      afterwards: request.mode === 'foreground' ? [op('await_exit'), ...cleanUp(request, spec, record, files)] : [],
      hookState: (status) => hookState(record, status),
    },
  })
}

/** The container is in its unit: the holder goes, and with it the room that was left for it. */
function settleUnit({ holder, cgroup: { unit } }: CompileContext): Op[] {
  if (holder === undefined) return []
  const exact = (unit?.settled ?? []).map(({ path, value }) => op('write_file', undefined, path, value))
  return [op('end_holder', holder), ...forPurpose(CGROUP_LIMIT, exact)]
}

/** Compiled filters of all containers, whatever their root. */
export function filterDirectory(global: GlobalOptions): string {
  const base = global.rootless ? (process.env['XDG_RUNTIME_DIR'] ?? global.root) : '/run'
  return join(base, 'gantry-seccomp')
}

/**
 * After the first process of a PID namespace nothing of the container is left, and a plan can remove its traces; but not a
 * unit of systemd.
 */
export function cleansUpItself(spec: OciSpec, { scopePath }: ContainerRecord): boolean {
  if (scopePath !== undefined) return false
  const ownPids = spec.linux?.namespaces?.some(({ type, path }) => type === 'pid' && path === undefined) === true
  return ownPids && (spec.hooks?.poststop?.length ?? 0) === 0
}

export function cleanUp(request: CreateRequest, spec: OciSpec, record: ContainerRecord, files: ContainerFiles): Op[] {
  if (request.keep || !cleansUpItself(spec, record)) return []
  return [
    ...record.cgroup.leaves.map((leaf) => op('rmdir_host', leaf)),
    ...intelRdtLeftovers(spec, record).map((directory) => op('rmdir_host', directory)),
    op('rmdir_host', files.mountPoint),
    ...[files.plan, files.times, files.init, files.config, files.state].map((path) => op('unlink_host', path)),
    op('rmdir_host', files.directory),
  ]
}
