// SPDX-License-Identifier: Apache-2.0
import { readFileSync, readlinkSync } from 'node:fs'
import { errnoOf } from '../../runtime-core/errors.ts'
import { type InterfaceTraffic, parseNetDev } from './net-dev.ts'

/** A pod with a network namespace of its own. */
export interface NetworkedPod {
  readonly id: string
  /** `/proc/<keeper>/fd/<n>` of its namespace. */
  readonly netnsPath: string
  /** Main processes of its running containers. */
  readonly pids: readonly number[]
}

/** Traffic of a pod at one moment. */
export interface PodTraffic {
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint
  readonly interfaces: readonly InterfaceTraffic[]
}

/** A reading as young as this is given again. */
const FRESH_NS = 500_000_000n
/** Processes that may have left the pod's namespace before one that has not is found. */
const MOST_TRIES = 8

/**
 * Reads a pod's traffic through any of its processes, without entering the namespace. A pod without processes sends
 * nothing worth a process of our own: its last figures stay.
 */
export class TrafficReader {
  readonly #now: () => bigint
  readonly #known = new Map<string, PodTraffic>()

  /** @param now Nanoseconds since 1970. */
  constructor(now: () => bigint) {
    this.#now = now
  }

  /** Undefined until a process of the pod has been there to read through. A tenth of a millisecond. */
  read({ id, netnsPath, pids }: NetworkedPod): PodTraffic | undefined {
    const timestampNs = this.#now()
    const known = this.#known.get(id)
    if (known !== undefined && timestampNs - known.timestampNs < FRESH_NS) return known
    const text = throughAny(netnsPath, pids)
    if (text === undefined) return known
    const traffic = { timestampNs, interfaces: parseNetDev(text) }
    this.#known.set(id, traffic)
    return traffic
  }

  /** Forgets all pods but these. */
  keep(ids: { has(id: string): boolean }): void {
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id)
  }
}

function throughAny(netnsPath: string, pids: readonly number[]): string | undefined {
  const own = attempt(() => readlinkSync(netnsPath))
  if (own === undefined) return undefined
  for (const pid of pids.slice(0, MOST_TRIES)) {
    // It may have gone into another namespace, or its number may be another's by now: asked before and after.
    const isInside = () => attempt(() => readlinkSync(`/proc/${pid}/ns/net`)) === own
    if (!isInside()) continue
    const text = attempt(() => readFileSync(`/proc/${pid}/net/dev`, 'latin1'))
    if (text !== undefined && isInside()) return text
  }
  return undefined
}

/** Undefined where the process is gone. */
function attempt(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
