// SPDX-License-Identifier: Apache-2.0
import { forPurpose, op, type Plan, SLOTS } from '../ops.ts'
import { CLONE } from './slots.ts'

const PR_SET_PDEATHSIG = 1
const PR_SET_NO_NEW_PRIVS = 38
const SIGKILL = 9
/** Nobody: no container and no file of the host is its own. */
const NOBODY = 65535

/**
 * The plan of a child that connects to a port in the pod's network and carries bytes between it and its stdin and stdout.
 * What comes from the port is the pod's to choose: it has no rights when it connects.
 *
 * @param ownNetwork The pod has a network of its own; else it is the host's.
 */
export function compilePortForward(port: number, ownNetwork: boolean): Plan {
  return {
    cloneFlags: 0n,
    prepare: [],
    parent: [],
    child: [
      ...[0, 1, 2].map((number) => op('dup_to', number, number)),
      op('setsid'),
      ...(ownNetwork ? forPurpose('join the pod’s network', [op('setns', SLOTS.podNet, CLONE.network)]) : []),
      op('drop_bounding', 0n),
      op('set_groups', new Uint8Array()),
      op('set_gid', NOBODY),
      op('set_uid', NOBODY),
      op('capset', 0n, 0n, 0n),
      op('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
      op('prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0),
      ...forPurpose(`connect to port ${port} of the loopback`, [op('relay_tcp', port)]),
    ],
  }
}
