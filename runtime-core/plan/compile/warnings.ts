// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlan } from '../../cgroup/manager.ts'
import type { OciProcess } from '../../spec/types.ts'
import { compileCapabilities } from './capabilities.ts'
import type { HostFacts } from './input.ts'

/**
 * What was asked for and is left out, where the runtime-spec wants a warning and no error: capabilities that nobody
 * knows or that cannot be granted (config.md §process, `capabilities`), and what cgroup/manager.ts tolerates.
 */
export function warningsOf(process: OciProcess, cgroup: CgroupPlan, host: HostFacts): readonly string[] {
  const { warnings } = compileCapabilities(process.capabilities ?? {}, host.capabilities)
  return [...warnings.map((warning) => `process.capabilities: ${warning}`), ...cgroup.warnings]
}
