// SPDX-License-Identifier: Apache-2.0
import { StatusResponse } from '../../cri-proto/index.ts'
import { VERSION } from '../version.ts'
import type { RuntimeNode } from './node.ts'
import { toJson } from './view.ts'

/** Status (CRI v1): the two conditions every kubelet asks for, the handlers and what they can. */
export function nodeStatus(node: RuntimeNode, verbose: boolean): StatusResponse {
  const network = node.network.status()
  // Cheap, and in the background: the next answer knows of a configuration that came without a notification.
  node.networkConfigurations
    .refresh()
    .catch((error: unknown) => node.onLeftover('cni configuration', node.config.cniConfDir, error))
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
    runtimeHandlers: [
      {
        name: '',
        features: { recursiveReadOnlyMounts: node.host.recursiveReadOnly, userNamespaces: node.host.userNamespaces },
      },
    ],
    features: { supplementalGroupsPolicy: true },
    info: verbose ? { config: toJson(node.config), version: toJson({ gantry: VERSION, node: process.version }) } : {},
  })
}
