// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlan } from '../../cgroup/manager.ts'
import type { OciSpec } from '../../spec/types.ts'
import { compileCapabilities } from './capabilities.ts'
import type { HostFacts } from './input.ts'
import { bindOptionsWithoutMeaning } from './mounts.ts'

/**
 * What was asked for and is left out, where the runtime-spec wants a warning and no error, or every other runtime goes
 * on: capabilities that nobody knows or that cannot be granted (config.md §process, `capabilities`), what
 * cgroup/manager.ts tolerates, and options of a file system that are given to a bind mount.
 */
export function warningsOf({ process, mounts = [] }: OciSpec, cgroup: CgroupPlan, host: HostFacts): readonly string[] {
  const { warnings } = compileCapabilities(process?.capabilities ?? {}, host.capabilities)
  return [
    ...warnings.map((warning) => `process.capabilities: ${warning}`),
    ...cgroup.warnings,
    ...mounts.flatMap(bindOptionsWithoutMeaning),
  ]
}
