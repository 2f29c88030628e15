// SPDX-License-Identifier: Apache-2.0
import type { PortForwardRequest } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Pod } from '../../runtime-core/pod.ts'
import type { RuntimeNode } from '../node/node.ts'
import { invalidField } from '../translate/invalid-field.ts'
import type { ForwardTarget } from './forwarding.ts'

const ID_LENGTH = 24
const MAX_PORT = 65_535
/** A client that names ports wants them all at once: it has one connection for them. */
const MAX_PORTS = 32

/** A checked request. */
export interface PreparedForward {
  readonly target: ForwardTarget
  /** Named beforehand by clients of the older WebSocket forms; SPDY names a port with each stream. */
  readonly ports: readonly number[]
}

/**
 * PortForward (CRI v1): checks the request; what it returns connects to the pod's ports when the client comes.
 *
 * @throws GantryError `invalid_argument`, `not_found`, or `failed_precondition` where the pod is not ready.
 */
export function preparePortForward(node: RuntimeNode, { podSandboxId, port }: PortForwardRequest): PreparedForward {
  const { record } = node.objects.sandbox(podSandboxId)
  if (port.length > MAX_PORTS) throw invalidField('port', `${port.length} ports`, `at most ${MAX_PORTS}`)
  for (const number of port) {
    if (!isPort(number)) throw invalidField('port', number, `a number from 1 to ${MAX_PORT}`)
  }
  readyPod(node, record.id)
  return {
    ports: port,
    target: {
      podId: record.id,
      open: async () => readyPod(node, record.id).openStream(),
      newId: () => node.newId().slice(0, ID_LENGTH),
    },
  }
}

/** True for a number that a TCP port can have. */
export function isPort(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= MAX_PORT
}

function readyPod(node: RuntimeNode, id: string): Pod {
  const { record, pod } = node.objects.sandbox(id)
  if (record.state === 'ready' && pod !== undefined) return pod
  throw new GantryError('failed_precondition', {
    action: 'forward port to pod',
    subject: id,
    reason: `it is ${record.state}, expected ready`,
  })
}
