// SPDX-License-Identifier: Apache-2.0
import { StatusResponse } from '../../cri-proto/index.ts'
import { VERSION } from '../version.ts'
import { servedHandlers } from './handlers.ts'
import type { RuntimeNode } from './node.ts'
import { toJson } from './view.ts'

/** Status (CRI v1): the two conditions every kubelet asks for, the handlers and what they can. */
export function nodeStatus(node: RuntimeNode, verbose: boolean): StatusResponse {
  const network = node.network.status()
  // Cheap, and in the background: the next answer knows of a configuration that came without a notification.
  node.networkConfigurations
    .refresh()
    .catch((error: unknown) => node.onLeftover('cni configuration', node.config.cniConfDir, error))
  const features = { recursiveReadOnlyMounts: node.host.recursiveReadOnly, userNamespaces: node.host.userNamespaces }
  return StatusResponse.fromPartial({
    status: {
      conditions: [
        { type: 'RuntimeReady', status: true, reason: '', message: '' },
        {
          type: 'NetworkReady',
          status: network.ready,
          reason: network.reason,
          message: network.ready ? '' : `Network plugin returns error: ${network.message}`,
        },
      ],
    },
    runtimeHandlers: servedHandlers(node.config).map((name) => ({ name, features })),
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: node.host.userNamespaces },
    info: verbose ? infoOf(node, network.message) : {},
  })
}

/** What `crictl info` shows beside: settings, limits of containers, and what was made of which network file. */
function infoOf(node: RuntimeNode, networkMessage: string): Record<string, string> {
  const { dir, files, networks, skipped, dirError } = node.networkConfigurations.snapshot()
  const names = networks.map(({ name }) => name)
  return {
    config: toJson(node.config),
    rlimits: toJson(node.rlimits),
    cni: toJson({ directory: dir, files, networks: names, skipped, problem: dirError }),
    lastCNILoadStatus: toJson(networkMessage === '' ? 'OK' : networkMessage),
    version: toJson({ gantry: VERSION, node: process.version }),
  }
}
