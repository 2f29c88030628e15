// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CriClient } from '../../cri-proto/index.ts'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'
import { explainSeccomp } from '../../runtime-core/plan/explain-seccomp.ts'
import { parseSpec } from '../../runtime-core/spec/validate.ts'
import { explainLaunch } from '../../runtime-core/state/launch-record.ts'
import { isNotFound } from './daemon-client.ts'
import { shortId } from './quantities.ts'
import { infoMember } from './verbose-info.ts'

/**
 * `gantry explain ID`: the launch plan of a container, with the time each operation took in the real start. Reads the
 * bundle, so it has to run on the node itself.
 *
 * @throws GantryError `not_found` for an unknown id; `failed_precondition` for a container that was not started yet.
 */
export async function explain(client: CriClient, id: string): Promise<string> {
  const bundle = await bundleOf(client, id)
  try {
    const text = await explainLaunch(bundle)
    return text.endsWith('\n') ? text : `${text}\n`
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
    throw new GantryError('failed_precondition', {
      action: 'explain',
      subject: id,
      reason: `no start is on record in "${bundle}"`,
      hint: 'a container that was created and not started has no plan yet',
    })
  }
}

/**
 * `gantry explain --seccomp ID`: which system calls a container may make, by its own configuration in the bundle.
 *
 * @throws GantryError `not_found` for an unknown id.
 */
export async function explainFilter(client: CriClient, id: string): Promise<string> {
  const file = join(await bundleOf(client, id), 'config.json')
  const { linux } = parseSpec(await readFile(file, 'utf8'))
  return explainSeccomp(linux?.seccomp)
}

async function bundleOf(client: CriClient, id: string): Promise<string> {
  try {
    const { info } = await client.runtime.containerStatus({ containerId: id, verbose: true })
    const bundle = infoMember(info, 'bundle', 'string')
    if (bundle !== undefined) return bundle
  } catch (error) {
    if (isNotFound(error)) throw await unknownContainer(client, id)
    throw error
  }
  throw new GantryError('unimplemented', { action: 'explain', subject: id, reason: 'the daemon names no bundle' })
}

/** A pod's id is an easy mistake: its containers are the answer then. */
async function unknownContainer(client: CriClient, id: string): Promise<GantryError> {
  const { items } = await client.runtime.listPodSandbox({ filter: { id, state: undefined, labelSelector: {} } })
  const [pod] = items
  if (pod === undefined) {
    return new GantryError('not_found', { action: 'explain', subject: id, reason: 'no container has this id' })
  }
  const { containers } = await client.runtime.listContainers({
    filter: { id: '', podSandboxId: pod.id, state: undefined, labelSelector: {} },
  })
  const names = containers.map((container) => `${container.metadata?.name ?? ''} (${shortId(container.id)})`)
  return new GantryError('invalid_argument', {
    action: 'explain',
    subject: id,
    reason: 'it is a pod, and plans belong to containers',
    hint: names.length === 0 ? 'it has none' : `its containers: ${names.join(', ')}`,
  })
}
