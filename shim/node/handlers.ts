// SPDX-License-Identifier: Apache-2.0
import type { GantryConfig } from '../config/schema.ts'

/**
 * The runtime handlers whose pods run here (CRI v1, RunPodSandboxRequest.runtime_handler): those that a RuntimeClass
 * may name, and "", a pod without a class, unless another runtime is behind this one and has those.
 */
export function servedHandlers(config: Pick<GantryConfig, 'upstreamEndpoint' | 'upstreamHandlers'>): readonly string[] {
  return config.upstreamEndpoint === '' ? [...new Set(['', ...config.upstreamHandlers])] : config.upstreamHandlers
}
