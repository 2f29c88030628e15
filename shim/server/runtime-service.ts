// SPDX-License-Identifier: Apache-2.0
import { CgroupDriver, type RuntimeServiceService } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import { createContainer } from '../container/create.ts'
import { execSync } from '../container/exec-sync.ts'
import { removeContainer } from '../container/remove.ts'
import { startContainer } from '../container/start.ts'
import { containerStatus, listContainers } from '../container/status.ts'
import { stopContainer } from '../container/stop.ts'
import { updateContainerResources } from '../container/update.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateRuntimeConfig } from '../node/pod-cidrs.ts'
import { nodeStatus } from '../node/status.ts'
import { removePodSandbox } from '../pod/remove.ts'
import { runPodSandbox } from '../pod/run.ts'
import { listPodSandboxes, podSandboxStatus } from '../pod/status.ts'
import { stopPodSandbox } from '../pod/stop.ts'
import { updatePodSandboxResources } from '../pod/update.ts'
import { prepareAttach } from '../streaming/attach.ts'
import { prepareExec } from '../streaming/exec.ts'
import { preparePortForward } from '../streaming/port-forward.ts'
import type { StreamingServer } from '../streaming/server.ts'
import { VERSION } from '../version.ts'
import type { Handlers } from './grpc.ts'
import { observation } from './observation.ts'

/** The version of the kubelet API that both peers give. */
const KUBELET_API_VERSION = '0.1.0'

/** runtime.v1.RuntimeService; a method that is not here answers UNIMPLEMENTED. */
export function runtimeService(node: RuntimeNode, streaming: StreamingServer): Handlers<typeof RuntimeServiceService> {
  return {
    version: () => ({
      version: KUBELET_API_VERSION,
      runtimeName: 'gantry',
      runtimeVersion: VERSION,
      runtimeApiVersion: 'v1',
    }),
    status: ({ verbose }) => nodeStatus(node, verbose),
    runtimeConfig: () => ({
      linux: { cgroupDriver: node.config.cgroupDriver === 'systemd' ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS },
    }),
    updateRuntimeConfig: async (request) => {
      await updateRuntimeConfig(node, request)
      return {}
    },

    runPodSandbox: async (request, context) => ({ podSandboxId: await runPodSandbox(node, request, context) }),
    stopPodSandbox: async ({ podSandboxId }) => {
      await stopPodSandbox(node, podSandboxId)
      return {}
    },
    removePodSandbox: async ({ podSandboxId }) => {
      await removePodSandbox(node, podSandboxId)
      return {}
    },
    podSandboxStatus: ({ podSandboxId, verbose }) => podSandboxStatus(node, podSandboxId, verbose),
    listPodSandbox: ({ filter }) => listPodSandboxes(node, filter),
    updatePodSandboxResources: async (request) => {
      await updatePodSandboxResources(node, request)
      return {}
    },

    createContainer: async (request) => ({ containerId: await createContainer(node, request) }),
    startContainer: async ({ containerId }) => {
      await startContainer(node, containerId)
      return {}
    },
    stopContainer: async ({ containerId, timeout }, context) => {
      await stopContainer(node, containerId, timeout, context)
      return {}
    },
    removeContainer: async ({ containerId }) => {
      await removeContainer(node, containerId)
      return {}
    },
    containerStatus: ({ containerId, verbose }) => containerStatus(node, containerId, verbose),
    listContainers: ({ filter }) => listContainers(node, filter),
    updateContainerResources: async (request) => {
      await updateContainerResources(node, request)
      return {}
    },
    reopenContainerLog: async ({ containerId }) => {
      await reopenContainerLog(node, containerId)
      return {}
    },
    execSync: (request, context) => execSync(node, request, context),
    exec: (request) => ({ url: streaming.url({ kind: 'exec', command: prepareExec(node, request) }) }),
    attach: (request) => ({ url: streaming.url({ kind: 'attach', command: prepareAttach(node, request) }) }),
    portForward: (request) => ({
      url: streaming.url({ kind: 'portforward', forward: preparePortForward(node, request) }),
    }),

    ...observation(node),
  }
}

async function reopenContainerLog(node: RuntimeNode, id: string): Promise<void> {
  const { record } = node.objects.container(id)
  const pod = node.objects.sandboxes.get(record.sandboxId)?.pod
  if (record.state !== 'running' || pod === undefined) {
    throw new GantryError('failed_precondition', {
      action: 'reopen log of container',
      subject: record.id,
      reason: `it is ${record.state}, expected running`,
    })
  }
  await pod.reopenLog(record.id)
}
