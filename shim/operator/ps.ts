// SPDX-License-Identifier: Apache-2.0
import {
  type Container,
  ContainerState,
  type CriClient,
  type PodSandbox,
  type PodSandboxMetadata,
  PodSandboxState,
} from '../../cri-proto/index.ts'
import { formatAge, shortId } from './quantities.ts'
import { type Column, formatTable } from './table.ts'
import { enumName, infoMember } from './verbose-info.ts'

/** One line of `gantry ps`: a pod, or a container in it. */
export interface PsRow {
  readonly pod: string
  readonly namespace: string
  /** Empty for the pod's own line. */
  readonly container: string
  readonly id: string
  readonly state: string
  readonly image: string
  readonly createdAtNs: bigint
  /** The keeper's for a pod; 0 where nothing runs. */
  readonly pid: number
}

/** Questions to the daemon under way at the same time. */
const MAX_IN_FLIGHT = 16

/** `gantry ps`: all pods, each followed by its containers. */
export async function ps(client: CriClient, nowNs: bigint): Promise<{ rows: PsRow[]; text: string }> {
  const [{ items }, { containers }] = await Promise.all([
    client.runtime.listPodSandbox({}),
    client.runtime.listContainers({}),
  ])
  const pids = await readPids(client, items, containers)
  const rows = rowsOf(items, containers, pids)
  return { rows, text: formatTable(columns(nowNs), rows) }
}

/** The lines in order: pods by namespace, name and age, each with its containers by age. Pure. */
export function rowsOf(
  pods: readonly PodSandbox[],
  containers: readonly Container[],
  pids: ReadonlyMap<string, number>,
): PsRow[] {
  const ordered = [...pods].sort(
    (a, b) =>
      compare(a.metadata?.namespace ?? '', b.metadata?.namespace ?? '') ||
      compare(a.metadata?.name ?? '', b.metadata?.name ?? '') ||
      compare(a.createdAt, b.createdAt),
  )
  return ordered.flatMap((pod) => {
    const inside = containers
      .filter(({ podSandboxId }) => podSandboxId === pod.id)
      .sort((a, b) => compare(a.createdAt, b.createdAt))
    return [podRow(pod, pids), ...inside.map((container) => containerRow(container, pod.metadata, pids))]
  })
}

function podRow(pod: PodSandbox, pids: ReadonlyMap<string, number>): PsRow {
  return {
    pod: pod.metadata?.name ?? '',
    namespace: pod.metadata?.namespace ?? '',
    container: '',
    id: pod.id,
    state: stateName(enumName(PodSandboxState, pod.state)),
    image: '',
    createdAtNs: pod.createdAt,
    pid: pids.get(pod.id) ?? 0,
  }
}

function containerRow(
  container: Container,
  pod: PodSandboxMetadata | undefined,
  pids: ReadonlyMap<string, number>,
): PsRow {
  return {
    pod: pod?.name ?? '',
    namespace: pod?.namespace ?? '',
    container: container.metadata?.name ?? '',
    id: container.id,
    state: stateName(enumName(ContainerState, container.state)),
    image: container.image?.userSpecifiedImage || container.image?.image || container.imageRef,
    createdAtNs: container.createdAt,
    pid: pids.get(container.id) ?? 0,
  }
}

function columns(nowNs: bigint): Column<PsRow>[] {
  return [
    { title: 'POD', show: ({ pod }) => pod },
    { title: 'NAMESPACE', show: ({ namespace }) => namespace },
    { title: 'CONTAINER', show: ({ container }) => container },
    { title: 'ID', show: ({ id }) => shortId(id) },
    { title: 'STATE', show: ({ state }) => state },
    { title: 'IMAGE', show: ({ image }) => (/^(sha256:)?[0-9a-f]{64}$/.test(image) ? shortId(image) : image) },
    { title: 'AGE', show: ({ createdAtNs }) => formatAge(createdAtNs, nowNs) },
    { title: 'PID', show: ({ pid }) => (pid === 0 ? '' : String(pid)) },
  ]
}

/** The process ids of all that run; only the verbose statuses have them. What went away meanwhile has none. */
async function readPids(
  client: CriClient,
  pods: readonly PodSandbox[],
  containers: readonly Container[],
): Promise<Map<string, number>> {
  const ready = pods.filter(({ state }) => state === PodSandboxState.SANDBOX_READY)
  const running = containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
  const questions = [
    ...ready.map(({ id }) => ({ id, ask: () => client.runtime.podSandboxStatus({ podSandboxId: id, verbose: true }) })),
    ...running.map(({ id }) => ({ id, ask: () => client.runtime.containerStatus({ containerId: id, verbose: true }) })),
  ]
  const pids = new Map<string, number>()
  const work = questions.values()
  const worker = async (): Promise<void> => {
    for (const { id, ask } of work) {
      const answer = await ask().catch(() => undefined)
      const pid = answer === undefined ? undefined : infoMember(answer.info, 'pid', 'number')
      if (pid !== undefined) pids.set(id, pid)
    }
  }
  await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, worker))
  return pids
}

function stateName(name: string): string {
  return name.replace(/^(SANDBOX|CONTAINER)_/, '').toLowerCase()
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
