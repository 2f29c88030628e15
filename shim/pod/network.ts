// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from 'node:fs'
import { Protocol } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Pod } from '../../runtime-core/pod.ts'
import { publish } from '../events/channels.ts'
import type { PortMapping } from '../network/cni/capabilities.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateSandbox } from '../node/update.ts'
import type { CallContext } from '../server/grpc.ts'
import { invalidField } from '../translate/invalid-field.ts'
import type { Sandbox } from './sandbox.ts'

/** CNI ADD for a pod. The intent is on record before the first plugin runs: a crash in between is undone at start. */
export async function attachNetwork(
  node: RuntimeNode,
  sandbox: Sandbox,
  pod: Pod,
  { signal, remainingMs }: CallContext,
): Promise<void> {
  const { id, config } = sandbox.record
  const netnsPath = pod.namespacePaths.network
  if (netnsPath === undefined) {
    throw new GantryError('internal', { action: 'attach network', subject: id, reason: 'the pod has no namespace' })
  }
  const portMappings = portMappingsOf(config.portMappings)
  updateSandbox(node, sandbox, { attached: true })
  holdNetns(sandbox)
  const started = performance.now()
  const result = await node.network.setup(
    {
      sandboxId: id,
      netnsPath,
      name: config.metadata?.name ?? '',
      namespace: config.metadata?.namespace ?? '',
      uid: config.metadata?.uid ?? '',
      annotations: config.annotations,
      portMappings,
      ...(config.dnsConfig === undefined ? {} : { dns: config.dnsConfig }),
      ...(config.linux?.cgroupParent ? { cgroupParent: config.linux.cgroupParent } : {}),
    },
    { deadlineMs: Math.min(node.config.cniTimeoutMs, remainingMs()), signal },
  )
  publish('StageFinished', {
    operation: 'run_pod_sandbox',
    stage: 'cni_add',
    durationMs: performance.now() - started,
    outcome: 'ok',
    subject: id,
  })
  updateSandbox(node, sandbox, { ips: [result.ip, ...result.additionalIps] })
}

/** CNI DEL for a pod, with its namespace while the keeper holds that. On failure it stays on record as attached. */
export async function detachNetwork(node: RuntimeNode, sandbox: Sandbox, deadlineMs: number): Promise<void> {
  if (!sandbox.record.attached) return
  await node.network.teardown({ sandboxId: sandbox.record.id, netnsPath: netnsPathOf(sandbox) }, { deadlineMs })
  updateSandbox(node, sandbox, { attached: false, ips: [] })
  releaseNetns(sandbox)
}

/**
 * Keeps the network namespace of an attached pod open, beside the keeper. Were the keeper killed, the namespace would go
 * with it, and the reference plugins remove their NAT rules only where DEL finds the interface.
 */
export function holdNetns(sandbox: Sandbox): void {
  const path = sandbox.pod?.namespacePaths.network
  if (path !== undefined && sandbox.record.attached) sandbox.netnsFd ??= openSync(path, 'r')
}

function releaseNetns(sandbox: Sandbox): void {
  if (sandbox.netnsFd !== undefined) closeSync(sandbox.netnsFd)
  sandbox.netnsFd = undefined
}

function netnsPathOf({ netnsFd, pod }: Sandbox): string | undefined {
  return netnsFd === undefined ? pod?.namespacePaths.network : `/proc/${process.pid}/fd/${netnsFd}`
}

const PROTOCOLS: Readonly<Record<number, PortMapping['protocol']>> = {
  [Protocol.TCP]: 'tcp',
  [Protocol.UDP]: 'udp',
  [Protocol.SCTP]: 'sctp',
}

type CriPortMapping = NonNullable<Sandbox['record']['config']['portMappings']>[number]

function portMappingsOf(mappings: readonly CriPortMapping[]): PortMapping[] {
  return mappings.map((mapping, index) => {
    const protocol = PROTOCOLS[mapping.protocol]
    if (protocol === undefined) {
      throw invalidField(`config.port_mappings[${index}].protocol`, mapping.protocol, 'TCP, UDP or SCTP')
    }
    return { hostPort: mapping.hostPort, containerPort: mapping.containerPort, hostIP: mapping.hostIp, protocol }
  })
}
