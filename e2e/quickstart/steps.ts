// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ContainerState, ImageSpec } from '../../cri-proto/index.ts'
import { REPOSITORY } from '../checks/source-tree.ts'
import { waitFor } from '../harness/wait.ts'
import { runCommand } from '../images/command.ts'
import { QUICKSTART_IMAGE } from '../images/quickstart-image.ts'
import type { Instance } from './instance.ts'
import { describePod } from './pod.ts'
import type { Tour } from './tour.ts'

/** What the tour has of its running pod. */
export interface RunningPod {
  readonly podId: string
  readonly ticker: string
  readonly sleeper: string
}

/** As many characters of an id as crictl prints. */
const SHORT_ID = 13
const METRICS = /^gantry_(sandboxes|containers|keepers|image_pulls_total|cri_requests_total).* [1-9]/
const MILESTONES = / (clone3|setns|fsopen|pivot_root|drop_bounding|set_uid|capset|seccomp|execve)/
const EXIT_TEMPLATE = '{{.status.state}} {{.status.exitCode}} {{.status.finishedAt}}'

export async function startDaemon(tour: Tour, instance: Instance): Promise<void> {
  tour.command(`bin/gantryd ${instance.flags.join(' ')} &`)
  const start = performance.now()
  await instance.daemon.start()
  const status = await readFile(`/proc/${instance.daemon.pid}/status`, 'utf8')
  const kibibytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  const { runtimeName, runtimeVersion } = await instance.client.runtime.version({ version: 'v1' })
  tour.remark(
    `${runtimeName} ${runtimeVersion} answers after ${(performance.now() - start).toFixed(0)} ms, ` +
      `pid ${instance.daemon.pid}, ${(kibibytes / 1024).toFixed(0)} MB resident`,
  )
}

export async function pullImage(tour: Tour, { client }: Instance): Promise<void> {
  tour.command(`crictl pull ${QUICKSTART_IMAGE}`)
  const start = performance.now()
  const { imageRef } = await client.image.pullImage({ image: ImageSpec.create({ image: QUICKSTART_IMAGE }) })
  tour.output(`Image is up to date for ${imageRef}`)
  tour.remark(`(${(performance.now() - start).toFixed(0)} ms)`)
}

export async function runPod(tour: Tour, instance: Instance): Promise<RunningPod> {
  const { client, place } = instance
  const { config, containers } = await describePod(place)
  tour.command(`crictl runp ${join(place.directory, 'pod.json')}`)
  const start = performance.now()
  const { podSandboxId } = await client.runtime.runPodSandbox({ config })
  tour.output(podSandboxId)
  const ids: string[] = []
  for (const container of containers) {
    const name = container.metadata?.name ?? ''
    tour.command(
      `crictl create ${short(podSandboxId)} ${join(place.directory, name)}.json ${join(place.directory, 'pod.json')}`,
    )
    const created = await client.runtime.createContainer({ podSandboxId, config: container, sandboxConfig: config })
    tour.output(created.containerId)
    tour.command(`crictl start ${short(created.containerId)}`)
    await client.runtime.startContainer({ containerId: created.containerId })
    tour.output(short(created.containerId))
    ids.push(created.containerId)
  }
  const { status } = await client.runtime.podSandboxStatus({ podSandboxId, verbose: false })
  const address = place.network === 'pod' ? `address ${status?.network?.ip}` : 'on the network of the host'
  tour.remark(`(from no pod to two running containers: ${(performance.now() - start).toFixed(0)} ms; ${address})`)
  const [ticker = '', sleeper = ''] = ids
  return { podId: podSandboxId, ticker, sleeper }
}

export async function showLogs(tour: Tour, instance: Instance): Promise<void> {
  await waitFor('the ticker has said two lines', async () => (await tickerLines(instance)).length >= 2)
  tour.command(`cat ${tickerLog(instance)}`)
  tour.output((await tickerLines(instance)).join('\n'))
}

export async function execInside(tour: Tour, { client }: Instance, { ticker }: RunningPod): Promise<void> {
  for (const cmd of [['hostname'], ['id'], ['cat', '/proc/1/cmdline']]) {
    tour.command(`crictl exec -s ${short(ticker)} ${cmd.join(' ')}`)
    const start = performance.now()
    const { stdout, stderr, exitCode } = await client.runtime.execSync({ containerId: ticker, cmd, timeout: 10n })
    tour.output(`${stdout}${stderr}`.replaceAll('\0', ' '))
    tour.remark(`(exit code ${exitCode}, ${(performance.now() - start).toFixed(1)} ms)`)
  }
}

export async function listPods(tour: Tour, { endpoint }: Instance): Promise<void> {
  tour.command(`bin/gantry --listen ${endpoint} ps`)
  tour.output(await gantry(endpoint, 'ps'))
}

/** The lines of the launch plan that say most. */
export async function explainStart(tour: Tour, { endpoint }: Instance, { ticker }: RunningPod): Promise<void> {
  tour.command(`bin/gantry --listen ${endpoint} explain ${short(ticker)} | grep -E '${MILESTONES.source}'`)
  const plan = (await gantry(endpoint, 'explain', short(ticker))).trimEnd().split('\n')
  tour.output(plan.filter((line) => MILESTONES.test(line)).join('\n'))
  tour.remark(`(${plan.length} lines without the grep)`)
}

function gantry(endpoint: string, ...args: string[]): Promise<string> {
  return runCommand(join(REPOSITORY, 'bin/gantry'), ['--listen', endpoint, ...args])
}

export async function showMetrics(tour: Tour, { directory }: Instance): Promise<void> {
  const socketPath = join(directory, 'metrics.sock')
  tour.command(`curl -s --unix-socket ${socketPath} http://gantry/metrics | grep -E '${METRICS.source}'`)
  const all = await fetchOverSocket(socketPath, '/metrics')
  tour.output(
    all
      .split('\n')
      .filter((line) => METRICS.test(line))
      .join('\n'),
  )
}

/** Kills the daemon and, while it is dead, one of the containers; the other one goes on. */
export async function killDaemon(
  tour: Tour,
  instance: Instance,
  { podId, ticker, sleeper }: RunningPod,
): Promise<void> {
  const { client, daemon } = instance
  const keeper = pidIn((await client.runtime.podSandboxStatus({ podSandboxId: podId, verbose: true })).info)
  const [tickerPid, sleeperPid] = await Promise.all(
    [ticker, sleeper].map(async (containerId) =>
      pidIn((await client.runtime.containerStatus({ containerId, verbose: true })).info),
    ),
  )
  tour.command(`kill -KILL ${daemon.pid}    # gantryd`)
  await daemon.kill('SIGKILL')
  const before = (await tickerLines(instance)).length
  const names = [keeper, tickerPid, sleeperPid].map((pid) => `/proc/${pid}/comm`)
  tour.command(`grep . ${names.join(' ')}`)
  tour.output(await runCommand('grep', ['.', ...names]))
  await waitFor('the ticker goes on', async () => (await tickerLines(instance)).length > before)
  tour.command(`tail -n 2 ${tickerLog(instance)}`)
  tour.output((await tickerLines(instance)).slice(-2).join('\n'))
  tour.command(`kill -KILL ${sleeperPid}    # a container dies while nobody is there`)
  process.kill(Number(sleeperPid), 'SIGKILL')
}

export async function findPodAgain(tour: Tour, instance: Instance, pod: RunningPod): Promise<void> {
  await startDaemon(tour, instance)
  await listPods(tour, instance)
  tour.command(`crictl inspect -o go-template --template '${EXIT_TEMPLATE}' ${short(pod.sleeper)}`)
  const { status } = await instance.client.runtime.containerStatus({ containerId: pod.sleeper, verbose: false })
  if (status?.state !== ContainerState.CONTAINER_EXITED) throw new Error('the sleeper has died and is not shown so')
  const finished = new Date(Number(status.finishedAt / 1_000_000n)).toISOString()
  tour.output(`CONTAINER_EXITED ${status.exitCode} ${finished}`)
}

export async function removeAll(tour: Tour, instance: Instance, { podId }: RunningPod): Promise<void> {
  const { client, daemon } = instance
  tour.command(`crictl stopp ${short(podId)}`)
  await client.runtime.stopPodSandbox({ podSandboxId: podId })
  tour.output(`Stopped sandbox ${short(podId)}`)
  tour.command(`crictl rmp ${short(podId)}`)
  await client.runtime.removePodSandbox({ podSandboxId: podId })
  tour.output(`Removed sandbox ${short(podId)}`)
  tour.command(`crictl rmi ${QUICKSTART_IMAGE}`)
  await client.image.removeImage({ image: ImageSpec.create({ image: QUICKSTART_IMAGE }) })
  tour.output(`Deleted: ${QUICKSTART_IMAGE}`)
  tour.command(`kill -TERM ${daemon.pid}`)
  const { code, signal } = await daemon.kill('SIGTERM')
  if (code !== 0) throw new Error(`gantryd ended with ${code ?? signal} on SIGTERM`)
  await instance.expectNothingLeft()
  await instance.removeScaffold()
  tour.remark('Looked for mounts, cgroups, processes, links and NAT rules of this tour: nothing is left.')
}

function short(id: string): string {
  return id.slice(0, SHORT_ID)
}

function tickerLog({ place }: Instance): string {
  return join(place.logDirectory, 'ticker.log')
}

async function tickerLines(instance: Instance): Promise<string[]> {
  return (await readFile(tickerLog(instance), 'utf8')).split('\n').slice(0, -1)
}

/** The verbose member `info` of a status is JSON with the process id. */
function pidIn(info: Readonly<Record<string, string>>): number {
  const { pid } = JSON.parse(info['info'] ?? '{}') as { pid?: number }
  if (pid === undefined) throw new Error('the verbose status names no pid')
  return pid
}

function fetchOverSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, (response) => void text(response).then(resolve, reject))
      .on('error', reject)
      .end()
  })
}
