// SPDX-License-Identifier: Apache-2.0
import type { OciSeccomp, OciSeccompRule } from '../../runtime-core/spec/types.ts'
import table from '../facts/seccomp-default.json' with { type: 'json' }
import { seccompArch } from './seccomp-arch.ts'
import { type ConditionalRule, ruleApplies, type SeccompTarget } from './seccomp-conditions.ts'

type TableRule = OciSeccompRule & ConditionalRule

interface Table {
  readonly semantics: { readonly default_action: OciSeccomp['defaultAction']; readonly default_errno: number }
  readonly arch_map: Readonly<Record<string, readonly string[]>>
  readonly allow_unconditional: readonly string[]
  readonly by_args: readonly TableRule[]
  readonly by_min_kernel: readonly TableRule[]
  readonly by_arch: readonly TableRule[]
  readonly by_capability_present: readonly TableRule[]
  readonly by_capability_absent: readonly TableRule[]
}

const { semantics, arch_map, allow_unconditional, ...groups } = table as Table

/** The default profile (Docker's), for one machine and one set of capabilities. */
export function defaultSeccomp(target: SeccompTarget): OciSeccomp {
  const conditional = [
    ...groups.by_args,
    ...groups.by_min_kernel,
    ...groups.by_arch,
    ...groups.by_capability_present,
    ...groups.by_capability_absent,
  ]
  return {
    defaultAction: semantics.default_action,
    defaultErrnoRet: semantics.default_errno,
    architectures: architectures(target.arch),
    syscalls: [
      { names: allow_unconditional, action: 'SCMP_ACT_ALLOW' },
      ...conditional.filter((rule) => ruleApplies(rule, target)).map(({ includes, excludes, ...rule }) => rule),
    ],
  }
}

/** The native architecture and those whose programs it runs too; none listed means the native one only. */
function architectures(arch: string): readonly string[] {
  const native = seccompArch(arch)?.native
  if (native === undefined || !Object.hasOwn(arch_map, native)) return []
  return [native, ...(arch_map[native] ?? [])]
}
