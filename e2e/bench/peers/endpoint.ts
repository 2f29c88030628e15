// SPDX-License-Identifier: Apache-2.0
import type { PeerName } from '../options.ts'

/** What every peer is given, the same for all but the names. */
export interface PeerSetting {
  /** Private directory, short: sockets are below it. Removed by the bench, empty of mounts after stop(). */
  readonly directory: string
  /** Private CNI configuration, and the plugins' directory. */
  readonly cniConfDir: string
  readonly cniBinDir: string
  /** Holds certs.d entries (hosts.toml) that lead to the bench's registry. */
  readonly registryConfigDir: string
  /** Where a peer needs one. */
  readonly pauseImage: string
}

/** The processes of a runtime beside the workload. */
export interface EndpointPids {
  readonly daemon: readonly number[]
  /** By kind: shims and pauses, or keepers. */
  readonly helpers: Readonly<Record<string, readonly number[]>>
}

/** A runtime that answers. */
export interface RunningEndpoint {
  /** `unix:///…` */
  readonly socket: string
  pids(): Promise<EndpointPids>
  /** Ends the daemon and whatever of it is left. All pods have been removed before. */
  stop(): Promise<void>
}

/** A runtime that can be started. */
export interface Endpoint {
  readonly name: PeerName
  start(setting: PeerSetting): Promise<RunningEndpoint>
}
