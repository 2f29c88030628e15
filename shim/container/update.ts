// SPDX-License-Identifier: Apache-2.0
import type { UpdateContainerResourcesRequest } from '../../cri-proto/index.ts'
import { compileUpdate, mergeResources } from '../../runtime-core/cgroup/manager.ts'
import type { CgroupWrite } from '../../runtime-core/cgroup/plan.ts'
import { writeCgroupFile } from '../../runtime-core/cgroup/write-file.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { OciResources } from '../../runtime-core/spec/types.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateContainer } from '../node/update.ts'
import { invalidField } from '../translate/invalid-field.ts'
import { refuseWindows } from '../translate/not-for-linux.ts'
import { ociResources, oomScoreAdj } from '../translate/resources.ts'
import { updatedResources } from '../translate/update-resources.ts'
import type { Container } from './container.ts'

/** As at the start of a container: a kubelet names every page size, with 0, wherever the hugetlb controller is. */
const TOLERANT = { tolerateMissingHugetlb: true }

/** UpdateContainerResources (CRI v1): all of it or, on an error, none. Zero and empty fields stay as they are. */
export async function updateContainerResources(
  node: RuntimeNode,
  request: UpdateContainerResourcesRequest,
): Promise<void> {
  const container = node.objects.container(request.containerId)
  const { linux } = request
  refuseWindows('windows', request.windows)
  if (linux === undefined) throw invalidField('linux', undefined, 'LinuxContainerResources')
  await node.locks.run(container.record.id, async () => {
    const { record } = container
    const { spec, config, state } = record
    if (spec?.process === undefined || (state !== 'created' && state !== 'running')) {
      throw new GantryError('failed_precondition', {
        action: 'update resources of container',
        subject: record.id,
        reason: `it is ${state}, expected created or running`,
      })
    }
    const wanted = updatedResources(config.linux?.resources, linux)
    const before = spec.linux?.resources ?? {}
    const change = ociResources(wanted, node.host)
    if (state === 'running') await apply(node, container, before, change)
    const oom = oomScoreAdj(wanted)
    updateContainer(node, container, {
      config: {
        ...config,
        linux: { ...config.linux, securityContext: config.linux?.securityContext, resources: wanted },
      },
      spec: {
        ...spec,
        process: { ...spec.process, ...(oom === undefined ? {} : { oomScoreAdj: oom }) },
        linux: { ...spec.linux, resources: { ...mergeResources(before, change), devices: before.devices ?? [] } },
      },
    })
  })
}

async function apply(
  node: RuntimeNode,
  { record }: Container,
  before: OciResources,
  change: OciResources,
): Promise<void> {
  const path = record.spec?.linux?.cgroupsPath ?? ''
  const { devices: _, ...limits } = change
  const done: CgroupWrite[] = []
  try {
    for (const write of compileUpdate(node.cgroupHost, path, before, limits, TOLERANT)) {
      await writeCgroupFile(write)
      done.push(write)
    }
  } catch (error) {
    if (done.length === 0) throw error
    const { devices: __, ...old } = before
    await restore(compileUpdate(node.cgroupHost, path, mergeResources(before, limits), old, TOLERANT), error)
    throw error
  }
}

async function restore(writes: readonly CgroupWrite[], error: unknown): Promise<void> {
  for (const write of writes) {
    await writeCgroupFile(write).catch((failure: unknown) => {
      throw new GantryError('internal', { action: 'undo update of resources', cause: error, cleanup: [failure] })
    })
  }
}
