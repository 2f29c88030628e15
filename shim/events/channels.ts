// SPDX-License-Identifier: Apache-2.0
import { type Channel, channel } from 'node:diagnostics_channel'

/** How an attempt ended. `timeout` is our own deadline, `cancelled` the caller's wish. */
export type Outcome = 'ok' | 'error' | 'timeout' | 'cancelled'

/** Life of a sandbox as the CRI shows it; `none` before it exists, `removed` after. */
export type SandboxState = 'none' | 'ready' | 'notready' | 'removed'

/** Life of a container as the CRI shows it; `none` before it exists, `removed` after. */
export type ContainerState = 'none' | 'created' | 'running' | 'exited' | 'unknown' | 'removed'

/** Why a pull failed, as a closed set: it becomes a metric's label. */
export type PullFailure =
  | 'not_found'
  | 'unauthorized'
  | 'timeout'
  | 'network'
  | 'registry'
  | 'digest_mismatch'
  | 'invalid'
  | 'unpack'
  | 'no_space'
  | 'cancelled'
  | 'internal'

/** What can be left behind by a crash and found at the next start. */
export type LeakKind = 'mount' | 'netns' | 'link' | 'cgroup' | 'process' | 'directory' | 'layer' | 'address'

/**
 * Every fact there is: name → payload. A fact is past tense, carries ids, durations in milliseconds and sizes in bytes,
 * and never a secret (no environment, no command line, no credentials). Its channel is `gantry:` and its name.
 */
export interface Facts {
  /** The daemon answers on its socket. */
  DaemonReady: { version: string; listen: string; durationMs: number; sandboxes: number; containers: number }
  /** An RPC reached its handler. */
  RpcStarted: { service: string; method: string }
  /** An RPC was answered. `code` is the gRPC status by name (`OK`, `NOT_FOUND`); `error` its text when not OK. */
  RpcFinished: { service: string; method: string; code: string; durationMs: number; error?: string }
  SandboxStateChanged: { id: string; from: SandboxState; to: SandboxState; name?: string; namespace?: string }
  ContainerStateChanged: {
    id: string
    podId: string
    from: ContainerState
    to: ContainerState
    name?: string
    exitCode?: number
    /** As in CRI's ContainerStatus.reason: `Completed`, `Error`, `OOMKilled`. */
    reason?: string
  }
  /** One stage of a longer operation ended: `{operation: 'run_pod_sandbox', stage: 'cni_add'}`. Both are snake case. */
  StageFinished: {
    operation: string
    stage: string
    durationMs: number
    outcome: Outcome
    /** The sandbox, container or image it was for. */
    subject?: string
    error?: string
  }
  ImagePullStarted: { reference: string }
  /** `bytes` came over the network: layers already here count nothing. */
  ImagePullFinished: {
    reference: string
    bytes: number
    durationMs: number
    outcome: Outcome
    reason?: PullFailure
    error?: string
  }
  /** A layer lies unpacked and committed. */
  LayerUnpacked: { digest: string; compressedBytes: number; unpackedBytes: number; durationMs: number }
  ImageRemoved: { id: string; freedBytes: number }
  /** The kernel killed something in this container for memory. */
  OomKilled: { containerId: string; podId: string }
  /** A pod's keeper runs. `recovered` when found living after a restart of the daemon. */
  KeeperStarted: { podId: string; pid: number; recovered: boolean }
  /** A keeper went away without being told to; its containers died with it. */
  KeeperLost: { podId: string; pid: number; reason: string }
  /** Something that no record speaks for was found. */
  LeakFound: { kind: LeakKind; subject: string; removed: boolean; error?: string }
  /** An operation cut short by a crash was undone at start. */
  IntentRolledBack: { operation: string; subject: string; durationMs: number; outcome: Outcome; error?: string }
  /** A condition of the node's runtime turned: what Status answers to the kubelet. */
  ConditionChanged: { condition: 'RuntimeReady' | 'NetworkReady'; ready: boolean; reason: string }
}

export type FactName = keyof Facts

/** The prefix of every channel: `gantry:RpcFinished`. Metrics and other observers rely on these strings only. */
export const CHANNEL_PREFIX = 'gantry:'

/** One channel a fact, made once: a channel nobody holds may be collected together with its subscribers. */
const CHANNELS: { readonly [Name in FactName]: Channel } = {
  DaemonReady: channel(`${CHANNEL_PREFIX}DaemonReady`),
  RpcStarted: channel(`${CHANNEL_PREFIX}RpcStarted`),
  RpcFinished: channel(`${CHANNEL_PREFIX}RpcFinished`),
  SandboxStateChanged: channel(`${CHANNEL_PREFIX}SandboxStateChanged`),
  ContainerStateChanged: channel(`${CHANNEL_PREFIX}ContainerStateChanged`),
  StageFinished: channel(`${CHANNEL_PREFIX}StageFinished`),
  ImagePullStarted: channel(`${CHANNEL_PREFIX}ImagePullStarted`),
  ImagePullFinished: channel(`${CHANNEL_PREFIX}ImagePullFinished`),
  LayerUnpacked: channel(`${CHANNEL_PREFIX}LayerUnpacked`),
  ImageRemoved: channel(`${CHANNEL_PREFIX}ImageRemoved`),
  OomKilled: channel(`${CHANNEL_PREFIX}OomKilled`),
  KeeperStarted: channel(`${CHANNEL_PREFIX}KeeperStarted`),
  KeeperLost: channel(`${CHANNEL_PREFIX}KeeperLost`),
  LeakFound: channel(`${CHANNEL_PREFIX}LeakFound`),
  IntentRolledBack: channel(`${CHANNEL_PREFIX}IntentRolledBack`),
  ConditionChanged: channel(`${CHANNEL_PREFIX}ConditionChanged`),
}

/** The names of all facts. */
export const FACT_NAMES = Object.keys(CHANNELS) as readonly FactName[]

/** Publishes a fact to whoever listens, synchronously. Unobserved, it costs one property read. */
export function publish<Name extends FactName>(name: Name, fact: Facts[Name]): void {
  const target = CHANNELS[name]
  if (target.hasSubscribers) target.publish(fact)
}

/** True when someone listens: ask before a payload that is dear to make. */
export function isObserved(name: FactName): boolean {
  return CHANNELS[name].hasSubscribers
}

/**
 * Calls `observe` with each fact of this name until the returned function is called. It runs inside the publisher's
 * call, so it must be quick; if it throws, Node treats that as an uncaught exception.
 */
export function subscribe<Name extends FactName>(name: Name, observe: (fact: Facts[Name]) => void): () => void {
  // The channel carries only what publish() above put there, so the payload has the type of its name.
  const listener = (message: unknown): void => observe(message as Facts[Name])
  CHANNELS[name].subscribe(listener)
  return () => {
    CHANNELS[name].unsubscribe(listener)
  }
}
