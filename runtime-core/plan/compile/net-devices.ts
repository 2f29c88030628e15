// SPDX-License-Identifier: Apache-2.0
import type { OciLinux } from '../../spec/types.ts'
import { forPurpose, type Op, op } from '../ops.ts'
import { PLAN_SLOTS } from './slots.ts'

export interface NetDeviceOps {
  /** By the keeper: a socket that stays in the host's network. */
  readonly prepare: readonly Op[]
  /** By the child, in the container's network namespace. */
  readonly child: readonly Op[]
}

/**
 * Interfaces of the host that become the container's (config-linux.md §network devices): moved with their global
 * permanent addresses, renamed, set up. The kernel gives physical ones back when the namespace ends, and only it.
 */
export function compileNetDevices({ netDevices = {} }: OciLinux): NetDeviceOps {
  const moves = Object.entries(netDevices).flatMap(([hostName, { name }]) => {
    const as = name || hostName
    return forPurpose(`move network device "${hostName}" into the container as "${as}"`, [
      op('move_netdev', PLAN_SLOTS.ownMount, hostName, as),
    ])
  })
  if (moves.length === 0) return { prepare: [], child: [] }
  return { prepare: [op('open_netlink', PLAN_SLOTS.ownMount)], child: [...moves, op('close', PLAN_SLOTS.ownMount)] }
}
