// SPDX-License-Identifier: Apache-2.0
import type { UpdateContainerResourcesRequest } from '../../cri-proto/index.ts'
import { mergeResources } from '../../runtime-core/cgroup/manager.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateContainer } from '../node/update.ts'
import { invalidField } from '../translate/invalid-field.ts'
import { refuseWindows } from '../translate/not-for-linux.ts'
import { ociResources, oomScoreAdj } from '../translate/resources.ts'
import { updatedResources } from '../translate/update-resources.ts'

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
    if (state === 'running') {
      const { devices: _, ...limits } = change
      await node.cgroups.update(spec.linux?.cgroupsPath ?? '', before, limits, TOLERANT)
    }
    updateContainer(node, container, {
      config: {
        ...config,
        linux: { ...config.linux, securityContext: config.linux?.securityContext, resources: wanted },
      },
      spec: {
        ...spec,
        process: { ...spec.process, oomScoreAdj: oomScoreAdj(wanted) },
        linux: { ...spec.linux, resources: { ...mergeResources(before, change), devices: before.devices ?? [] } },
      },
    })
  })
}
