// SPDX-License-Identifier: Apache-2.0

import { status as grpc } from '@grpc/grpc-js'
import { CgroupDriver, RuntimeConfigResponse, StatusRequest, StatusResponse } from '../../cri-proto/index.ts'
import { jsonOf } from '../../runtime-core/json-text.ts'
import { VERSION } from '../version.ts'
import { ask, type UpstreamRequest } from './call.ts'
import type { UpstreamConnection } from './connection.ts'

export type Driver = 'systemd' | 'cgroupfs'

const CALL_SECONDS = 10

/**
 * The cgroup driver of the node's own runtime: as RuntimeConfig says, or, of a containerd before that was there (1.7), as
 * its configuration in Status says. Undefined where neither does.
 */
export async function upstreamDriver(upstream: UpstreamConnection): Promise<Driver | undefined> {
  const answer = await ask(upstream, requestOf('RuntimeConfig', Buffer.alloc(0)))
  if (answer.code === 0) {
    const { linux } = RuntimeConfigResponse.decode(answer.message)
    return linux?.cgroupDriver === CgroupDriver.CGROUPFS ? 'cgroupfs' : 'systemd'
  }
  if (answer.code !== grpc.UNIMPLEMENTED) return undefined
  const status = await ask(upstream, requestOf('Status', StatusRequest.encode({ verbose: true }).finish()))
  return status.code === 0 ? driverOfConfig(StatusResponse.decode(status.message).info['config'] ?? '') : undefined
}

/** Of the text that containerd's CRI plugin shows as its configuration; undefined where it is no such text. */
export function driverOfConfig(text: string): Driver | undefined {
  const config = jsonOf(text)
  const containerd = child(config, 'containerd')
  const runtimes = child(containerd, 'runtimes')
  const name = child(containerd, 'defaultRuntimeName')
  const runtime = child(runtimes, typeof name === 'string' ? name : 'runc')
  if (runtime === undefined) return undefined
  const isSystemd =
    child(child(runtime, 'options'), 'SystemdCgroup') === true || child(config, 'systemdCgroup') === true
  return isSystemd ? 'systemd' : 'cgroupfs'
}

function child(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

function requestOf(method: string, message: Uint8Array): UpstreamRequest {
  return {
    headers: [
      ...[':method', 'POST', ':scheme', 'http', ':path', `/runtime.v1.RuntimeService/${method}`],
      ...[':authority', 'localhost', 'content-type', 'application/grpc', 'te', 'trailers'],
      ...['user-agent', `gantryd/${VERSION}`, 'grpc-timeout', `${CALL_SECONDS}S`],
    ],
    message: Buffer.from(message),
    signal: AbortSignal.timeout(CALL_SECONDS * 1000),
  }
}
