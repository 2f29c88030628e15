// SPDX-License-Identifier: Apache-2.0
import { textAt } from './wire.ts'

/** What routing must know of this daemon's pods, from memory. */
export interface Ours {
  /** Values of `runtime_handler` that are run here. */
  readonly handlers: ReadonlySet<string>
  readonly sandboxes: ReadonlyMap<string, unknown>
  readonly containers: ReadonlyMap<string, unknown>
  /** Whose pod an image is for. */
  readonly imageAsker: (as: Merge, request: Buffer) => 'ours' | 'upstream' | 'both'
}

export type Kind = 'sandbox' | 'container'

/** How a method finds who answers it. A method that is not in the table is passed on unread. */
export type Route =
  /** By what the request's first field names. */
  | { readonly by: Kind }
  | { readonly by: 'handler' }
  /** By the sandbox; its image may have to be brought first. */
  | { readonly by: 'create' }
  /** By the pod that the image is for, where that can be known: image-askers.ts. */
  | { readonly by: 'image'; readonly as: Merge }
  /** Both answer; a filter that names one sandbox or container spares one of them. */
  | { readonly by: 'merge'; readonly as: Merge; readonly filter?: Partial<Record<Kind, readonly number[]>> }

/** The ways in which two answers become one: merge.ts, images.ts, events.ts. */
export type Merge =
  | 'list'
  | 'stream'
  | 'metrics'
  | 'metricsStream'
  | 'descriptors'
  | 'status'
  | 'runtimeConfig'
  | 'events'
  | 'images'
  | 'imagesStream'
  | 'imageStatus'
  | 'pullImage'
  | 'removeImage'
  | 'imageFs'

const SANDBOX: Route = { by: 'sandbox' }
const CONTAINER: Route = { by: 'container' }
const list = (as: Merge, filter?: Partial<Record<Kind, readonly number[]>>): Route =>
  filter === undefined ? { by: 'merge', as } : { by: 'merge', as, filter }

/** `runtime_handler` of RunPodSandboxRequest. */
const RUN_HANDLER = 2
/** `filter` of each list, then its field. */
const SANDBOX_FILTER = { sandbox: [1, 1] }
const CONTAINER_FILTER = { container: [1, 1], sandbox: [1, 3] }
const CONTAINER_STATS_FILTER = { container: [1, 1], sandbox: [1, 2] }

/** runtime.v1.RuntimeService. Version and RuntimeConfig are not here: the node's own runtime answers them alone. */
const RUNTIME: Readonly<Record<string, Route>> = {
  RunPodSandbox: { by: 'handler' },
  StopPodSandbox: SANDBOX,
  RemovePodSandbox: SANDBOX,
  PodSandboxStatus: SANDBOX,
  PodSandboxStats: SANDBOX,
  PortForward: SANDBOX,
  UpdatePodSandboxResources: SANDBOX,
  CreateContainer: { by: 'create' },
  StartContainer: CONTAINER,
  StopContainer: CONTAINER,
  RemoveContainer: CONTAINER,
  ContainerStatus: CONTAINER,
  UpdateContainerResources: CONTAINER,
  ReopenContainerLog: CONTAINER,
  ExecSync: CONTAINER,
  Exec: CONTAINER,
  Attach: CONTAINER,
  ContainerStats: CONTAINER,
  CheckpointContainer: CONTAINER,
  ListPodSandbox: list('list', SANDBOX_FILTER),
  StreamPodSandboxes: list('stream', SANDBOX_FILTER),
  ListContainers: list('list', CONTAINER_FILTER),
  StreamContainers: list('stream', CONTAINER_FILTER),
  ListContainerStats: list('list', CONTAINER_STATS_FILTER),
  StreamContainerStats: list('stream', CONTAINER_STATS_FILTER),
  ListPodSandboxStats: list('list', SANDBOX_FILTER),
  StreamPodSandboxStats: list('stream', SANDBOX_FILTER),
  ListPodSandboxMetrics: list('metrics'),
  StreamPodSandboxMetrics: list('metricsStream'),
  ListMetricDescriptors: list('descriptors'),
  GetContainerEvents: list('events'),
  Status: list('status'),
  UpdateRuntimeConfig: list('runtimeConfig'),
}

/** runtime.v1.ImageService */
const IMAGE: Readonly<Record<string, Route>> = {
  ListImages: list('images'),
  StreamImages: list('imagesStream'),
  ImageStatus: { by: 'image', as: 'imageStatus' },
  PullImage: { by: 'image', as: 'pullImage' },
  RemoveImage: { by: 'image', as: 'removeImage' },
  ImageFsInfo: list('imageFs'),
}

/** Every method that is not the node's own runtime's alone, by its path. */
export const ROUTES: ReadonlyMap<string, Route> = new Map([
  ...Object.entries(RUNTIME).map(([name, route]) => [`/runtime.v1.RuntimeService/${name}`, route] as const),
  ...Object.entries(IMAGE).map(([name, route]) => [`/runtime.v1.ImageService/${name}`, route] as const),
])

/** Who answers. `unclear`: an abbreviated id that is the beginning of one of ours, and may be of another's too. */
export type Decision =
  | { readonly to: 'ours' | 'upstream' | 'both' }
  | { readonly to: 'unclear'; readonly kind: Kind; readonly id: string }

/** Ids of both peers and ours: nothing that is longer is the beginning of another. */
const FULL_ID_LENGTH = 64

/**
 * Who answers this request, by as few of its fields as will do.
 *
 * @throws GantryError `invalid_argument` where it is no message: the node's own runtime says what it thinks of it
 */
export function decide(route: Route, request: Buffer, ours: Ours): Decision {
  if (route.by === 'handler') return { to: ours.handlers.has(textAt(request, RUN_HANDLER)) ? 'ours' : 'upstream' }
  if (route.by === 'image') return { to: ours.imageAsker(route.as, request) }
  if (route.by === 'create') return byId('sandbox', textAt(request, 1), ours)
  if (route.by !== 'merge') return byId(route.by, textAt(request, 1), ours)
  return byFilter(route.filter ?? {}, request, ours)
}

function byId(kind: Kind, id: string, ours: Ours): Decision {
  const known = kind === 'sandbox' ? ours.sandboxes : ours.containers
  if (known.has(id)) return { to: 'ours' }
  if (id === '' || id.length >= FULL_ID_LENGTH) return { to: 'upstream' }
  return known.keys().some((key) => key.startsWith(id)) ? { to: 'unclear', kind, id } : { to: 'upstream' }
}

function byFilter(filter: Partial<Record<Kind, readonly number[]>>, request: Buffer, ours: Ours): Decision {
  for (const kind of ['container', 'sandbox'] as const) {
    const path = filter[kind]
    const id = path === undefined ? '' : textAt(request, ...path)
    if (id === '') continue
    const { to } = byId(kind, id, ours)
    // Of an abbreviated id both say what they have.
    return { to: to === 'unclear' ? 'both' : to }
  }
  return { to: 'both' }
}
