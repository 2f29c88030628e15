// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { type CgroupHost, detectCgroups } from '../cgroup/detect.ts'
import { errnoOf } from '../errors.ts'
import { parseCapabilityHost } from '../plan/compile/capabilities.ts'
import type { HostFacts } from '../plan/compile/input.ts'

/** What a plan has to know of this machine. Read at once: a start has nothing else to do meanwhile. */
export function readHostFacts(): HostFacts {
  return {
    cgroup: readCgroups(),
    // Linux 6.5.
    overlayLowerdirPlus: !/^([0-5]|6\.[0-4])\./.test(release()),
    capabilities: parseCapabilityHost(
      readFileSync('/proc/self/status', 'latin1'),
      readFileSync('/proc/sys/kernel/cap_last_cap', 'latin1'),
    ),
  }
}

/** How cgroups are mounted here. */
export function readCgroups(): CgroupHost {
  const texts = {
    mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
    selfCgroup: readFileSync('/proc/self/cgroup', 'utf8'),
  }
  const host = detectCgroups(texts)
  if (host.unifiedMount === undefined) return host
  try {
    return detectCgroups({ ...texts, controllersText: readFileSync(`${host.unifiedMount}/cgroup.controllers`, 'utf8') })
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return host
    throw cause
  }
}
