// SPDX-License-Identifier: Apache-2.0
import type { PodSandboxConfig } from '../../cri-proto/index.ts'

/** Hooks, sandboxes and monitoring read these names; containerd's, so that they need not tell runtimes apart. */
const PREFIX = 'io.kubernetes.cri.'

export interface ContainerIdentity {
  readonly sandboxId: string
  readonly sandbox: PodSandboxConfig
  readonly containerName: string
  /** As the user wrote it where known, else as the request names it. */
  readonly imageName: string
}

/** The annotations of a container's OCI specification. */
export function containerAnnotations(identity: ContainerIdentity): Record<string, string> {
  return {
    [`${PREFIX}container-type`]: 'container',
    ...podAnnotations(identity.sandboxId, identity.sandbox),
    [`${PREFIX}container-name`]: identity.containerName,
    [`${PREFIX}image-name`]: identity.imageName,
  }
}

function podAnnotations(sandboxId: string, { metadata }: PodSandboxConfig): Record<string, string> {
  return {
    [`${PREFIX}sandbox-id`]: sandboxId,
    [`${PREFIX}sandbox-name`]: metadata?.name ?? '',
    [`${PREFIX}sandbox-namespace`]: metadata?.namespace ?? '',
    [`${PREFIX}sandbox-uid`]: metadata?.uid ?? '',
  }
}
