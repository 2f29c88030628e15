// SPDX-License-Identifier: Apache-2.0
import { ContainerState, type CriClient, PodSandboxState, Signal } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import { isNotFound } from './daemon-client.ts'
import { enumName, readVerboseInfo, toReadableJson } from './verbose-info.ts'

/**
 * `gantry inspect ID`: all that the daemon knows of a container or pod, as JSON. The beginning of an id is enough.
 *
 * @throws GantryError `not_found` where neither has this id.
 */
export async function inspect(client: CriClient, id: string): Promise<string> {
  return (await inspectContainer(client, id)) ?? (await inspectPod(client, id)) ?? refuse(id)
}

async function inspectContainer(client: CriClient, id: string): Promise<string | undefined> {
  const answer = await orNotFound(client.runtime.containerStatus({ containerId: id, verbose: true }))
  if (answer?.status === undefined) return undefined
  const { state, stopSignal, ...status } = answer.status
  return toReadableJson({
    kind: 'container',
    status: { ...status, state: enumName(ContainerState, state), stopSignal: enumName(Signal, stopSignal) },
    info: readVerboseInfo(answer.info),
  })
}

async function inspectPod(client: CriClient, id: string): Promise<string | undefined> {
  const answer = await orNotFound(client.runtime.podSandboxStatus({ podSandboxId: id, verbose: true }))
  if (answer?.status === undefined) return undefined
  const { state, ...status } = answer.status
  return toReadableJson({
    kind: 'pod',
    status: { ...status, state: enumName(PodSandboxState, state) },
    info: readVerboseInfo(answer.info),
  })
}

/** The answer, or undefined where the daemon knows no such object. */
async function orNotFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function refuse(id: string): never {
  throw new GantryError('not_found', { action: 'inspect', subject: id, reason: 'no container or pod has this id' })
}
