// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ContainerConfig, NamespaceMode, PodSandboxConfig, SecurityProfile_ProfileType } from '../../cri-proto/index.ts'
import { QUICKSTART_IMAGE } from '../images/quickstart-image.ts'

/** Where the tour's pod has its things. */
export interface PodPlace {
  /** Where the files for crictl are written. */
  readonly directory: string
  readonly logDirectory: string
  readonly cgroupParent: string
  /** `pod`: a network of its own; `host`: the node's. */
  readonly network: 'pod' | 'host'
}

/** The tour's pod: the requests, and the same as files that crictl reads. */
export interface TourPod {
  readonly config: PodSandboxConfig
  readonly containers: readonly ContainerConfig[]
}

/** A pod of two: `ticker` says a numbered line each second, `sleeper` does nothing. Writes `NAME.json` for crictl. */
export async function describePod(place: PodPlace): Promise<TourPod> {
  const pod = podConfig(place)
  const containers = [containerConfig('ticker', ['tick', 'hello']), containerConfig('sleeper', ['sleep', '3600'])]
  await writeForCrictl(place.directory, 'pod', pod)
  for (const container of containers) await writeForCrictl(place.directory, container.metadata.name, container)
  return {
    config: PodSandboxConfig.create(pod),
    containers: containers.map((container) => ContainerConfig.create(container)),
  }
}

function podConfig({ logDirectory, cgroupParent, network }: PodPlace) {
  return {
    metadata: { name: 'tour', uid: 'tour-1', namespace: 'default', attempt: 0 },
    ...(network === 'pod' ? { hostname: 'tour' } : {}),
    logDirectory,
    linux: {
      cgroupParent,
      securityContext: {
        namespaceOptions: {
          network: network === 'pod' ? NamespaceMode.POD : NamespaceMode.NODE,
          pid: NamespaceMode.CONTAINER,
        },
      },
    },
  }
}

function containerConfig(name: string, command: string[]) {
  return {
    metadata: { name, attempt: 0 },
    image: { image: QUICKSTART_IMAGE },
    command,
    logPath: `${name}.log`,
    // What a kubelet with SeccompDefault asks for, and processes that each container has for itself.
    linux: {
      securityContext: {
        namespaceOptions: { pid: NamespaceMode.CONTAINER },
        noNewPrivs: true,
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
      },
    },
  }
}

async function writeForCrictl(directory: string, name: string, config: object): Promise<void> {
  await writeFile(join(directory, `${name}.json`), `${JSON.stringify(snakeCased(config), undefined, 2)}\n`)
}

/** crictl reads its files by the names that the fields have in the proto. */
function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key.replace(/[A-Z]/g, toSnake), snakeCased(inner)])
  return Object.fromEntries(entries)
}

function toSnake(letter: string): string {
  return `_${letter.toLowerCase()}`
}
