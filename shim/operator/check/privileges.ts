// SPDX-License-Identifier: Apache-2.0
import { CAPABILITIES, type CapabilityName } from '../../../runtime-core/plan/compile/capabilities.ts'
import { type Finding, failure, ok, warning } from './finding.ts'

/** Without one of these no container starts. */
const NEEDED: readonly CapabilityName[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_ADMIN',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_ADMIN',
  'CAP_SYS_CHROOT',
]

/** Whether this process may do what a runtime does. `status` is /proc/self/status. */
export function judgeCapabilities(status: string): Finding[] {
  const text = /^CapEff:\t([0-9a-f]+)$/m.exec(status)?.[1]
  if (text === undefined) return [warning('capabilities', '/proc/self/status does not tell them', 'is /proc mounted?')]
  const mask = BigInt(`0x${text}`)
  const has = (name: CapabilityName): boolean => ((mask >> BigInt(CAPABILITIES.indexOf(name))) & 1n) === 1n
  const missing = NEEDED.filter((name) => !has(name))
  if (missing.length > 0) return [failure('capabilities', `this process lacks ${missing.join(', ')}`, 'run it as root')]
  const findings = [ok('capabilities', `all ${NEEDED.length} that are needed`)]
  if (has('CAP_SYS_RESOURCE')) return findings
  const lost = 'this process lacks CAP_SYS_RESOURCE: oom_score_adj and resource limits cannot be changed beyond its own'
  return [...findings, warning('capabilities', lost, 'as root outside of a container it is there')]
}
