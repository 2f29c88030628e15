// SPDX-License-Identifier: Apache-2.0
import type { Container, ContainerRecord } from '../container/container.ts'
import { type ContainerState as FactState, publish } from '../events/channels.ts'
import type { Sandbox, SandboxRecord } from '../pod/sandbox.ts'
import type { RuntimeNode } from './node.ts'

const CONTAINER_FACTS: Readonly<Record<ContainerRecord['state'], FactState>> = {
  creating: 'none',
  created: 'created',
  running: 'running',
  exited: 'exited',
  removing: 'exited',
}

const SANDBOX_FACTS = { creating: 'none', ready: 'ready', notready: 'notready', removing: 'notready' } as const

/** Changes a sandbox: on disk, in memory, and for all who listen, in this order. */
export function updateSandbox(node: RuntimeNode, sandbox: Sandbox, change: Partial<SandboxRecord>): void {
  const before = sandbox.record
  const after = { ...before, ...change }
  node.sandboxTable.update(after, before)
  sandbox.record = after
  const [from, to] = [SANDBOX_FACTS[before.state], SANDBOX_FACTS[after.state]]
  if (from !== to) {
    const { name = '', namespace = '' } = after.config.metadata ?? {}
    publish('SandboxStateChanged', { id: after.id, from, to, name, namespace })
  }
}

/** Changes a container: on disk, in memory, and for all who listen, in this order. */
export function updateContainer(node: RuntimeNode, container: Container, change: Partial<ContainerRecord>): void {
  const before = container.record
  const after = { ...before, ...change }
  node.containerTable.update(after, before)
  container.record = after
  const [from, to] = [CONTAINER_FACTS[before.state], CONTAINER_FACTS[after.state]]
  if (from === to) return
  publish('ContainerStateChanged', {
    id: after.id,
    podId: after.sandboxId,
    from,
    to,
    name: after.config.metadata?.name ?? '',
    ...(to === 'exited' ? { exitCode: after.exitCode, reason: after.reason } : {}),
  })
}
