// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlan, CgroupWrite } from '../../cgroup/manager.ts'
import { errnoNumber } from '../../kernel/errno.ts'
import { forPurpose, type Op, op, SLOTS, tolerating } from '../ops.ts'
import { CLONE, OPEN } from './slots.ts'

/** What a refused write to a cgroup's file was for. */
export const CGROUP_LIMIT = 'set cgroup limit'

export interface CgroupOps {
  /** CLONE_INTO_CGROUP where the host has the unified hierarchy. */
  readonly cloneFlags: bigint
  /** By the keeper: directories, limits, device program. */
  readonly prepare: readonly Op[]
  /** By the child: joining the hierarchies of v1. */
  readonly child: readonly Op[]
}

/** Makes a container's cgroup and puts the child into it. */
export function compileCgroupOps(plan: CgroupPlan): CgroupOps {
  const join = compileCgroupJoin(plan)
  return {
    ...join,
    prepare: [
      ...plan.directories.map((directory) => op('mkdir_host', directory, 0o755)),
      ...plan.writes.flatMap(compileWrite),
      ...join.prepare,
      ...(plan.deviceProgram === undefined
        ? []
        : forPurpose('restrict devices', [op('attach_device_program', SLOTS.cgroup, plan.deviceProgram)])),
    ],
  }
}

/** Puts a child into a cgroup that exists: exec. */
export function compileCgroupJoin(plan: CgroupPlan): CgroupOps {
  const unified = plan.unifiedDirectory
  return {
    cloneFlags: unified === undefined ? 0n : CLONE.intoCgroup,
    prepare: unified === undefined ? [] : [op('open', SLOTS.cgroup, unified, OPEN.path | OPEN.directory, 0)],
    child: forPurpose(
      'join cgroup',
      plan.joinFiles.map((path) => op('write_file', undefined, path, '0')),
    ),
  }
}

/**
 * The same for a child that has to do something before: it is born where its parent is, and moves itself.
 * config.md §process, `execCPUAffinity.initial`.
 */
export function compileLateCgroupJoin(plan: CgroupPlan): CgroupOps {
  const unified = plan.unifiedDirectory === undefined ? [] : [`${plan.unifiedDirectory}/cgroup.procs`]
  const files = [...plan.joinFiles, ...unified]
  return {
    cloneFlags: 0n,
    prepare: [],
    child: forPurpose(
      'join cgroup',
      files.map((path) => op('write_file', undefined, path, '0')),
    ),
  }
}

function compileWrite(write: CgroupWrite): Op[] {
  const ignored = (write.ignore ?? []).map(errnoNumber)
  return forPurpose(CGROUP_LIMIT, [tolerating(operationOf(write), ...ignored)])
}

function operationOf({ path, value, copyFrom, orElse }: CgroupWrite): Op {
  if (copyFrom !== undefined) return op('copy_file', copyFrom, path)
  if (orElse !== undefined) return op('write_first', path, value, orElse.path, orElse.value)
  return op('write_file', undefined, path, value)
}
