// SPDX-License-Identifier: Apache-2.0
import { type CriClient, createCriClient } from '../../cri-proto/index.ts'
import { messageOf } from '../../runtime-core/errors.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { HOST_NETWORK, idleConfig, podConfig } from '../harness/workloads.ts'
import { describeMachine } from './machine.ts'
import { quantile } from './samples.ts'

const WARM_UP = 50
const ROUNDS = 500
const EXEC_ROUNDS = 60
const CONTAINERS = 20
const CALL_TIMEOUT_MS = 60_000

/** What a way to containerd is asked. */
interface Question {
  readonly name: string
  readonly rounds: number
  readonly ask: (client: CriClient) => Promise<unknown>
}

/** The pods of containerd, asked for directly and through gantryd in turn: what standing in front costs a call. */
async function main(): Promise<void> {
  await using daemon = await DaemonUnderTest.start({ network: 'none', beside: 'containerd', pull: [IMAGES.busybox] })
  // A connection of its own for each way, of the same kind.
  const direct = createCriClient(daemon.upstream.endpoint, { defaultTimeoutMs: CALL_TIMEOUT_MS })
  const through = createCriClient(`unix://${daemon.socket}`, { defaultTimeoutMs: CALL_TIMEOUT_MS })
  try {
    const containerId = await runContainers(daemon)
    const { cpus, model, kernel, node } = describeMachine()
    const { runtimeVersion } = await direct.runtime.version({ version: 'v1' })
    print(`containerd ${runtimeVersion}, ${CONTAINERS} containers; ${cpus} × ${model}, Linux ${kernel}, Node ${node}\n`)
    print(row(['ms', 'direct p50', 'p95', 'through p50', 'p95', 'added p50']))
    for (const question of questions(containerId)) print(row(await measure(question, direct, through)))
  } finally {
    direct.close()
    through.close()
  }
}

function questions(containerId: string): readonly Question[] {
  return [
    { name: 'Version', rounds: ROUNDS, ask: ({ runtime }) => runtime.version({ version: 'v1' }) },
    { name: 'Status', rounds: ROUNDS, ask: ({ runtime }) => runtime.status({}) },
    { name: 'ListPodSandbox', rounds: ROUNDS, ask: ({ runtime }) => runtime.listPodSandbox({}) },
    { name: 'ListContainers', rounds: ROUNDS, ask: ({ runtime }) => runtime.listContainers({}) },
    { name: 'ContainerStatus', rounds: ROUNDS, ask: ({ runtime }) => runtime.containerStatus({ containerId }) },
    { name: 'ListImages', rounds: ROUNDS, ask: ({ image }) => image.listImages({}) },
    {
      name: 'ExecSync true',
      rounds: EXEC_ROUNDS,
      ask: ({ runtime }) => runtime.execSync({ containerId, cmd: ['/bin/true'], timeout: 10n }),
    },
  ]
}

async function runContainers({ client, workloads, place }: DaemonUnderTest): Promise<string> {
  // containerd leaves a pod's cgroup to the kubelet; that of its own making the harness takes away.
  const linux = { securityContext: { namespaceOptions: HOST_NETWORK } }
  const config = podConfig(place, 'measured', { linux })
  const { podSandboxId } = await client.runtime.runPodSandbox({ config })
  const names = Array.from({ length: CONTAINERS }, (_, at) => `main-${at}`)
  const ids: string[] = []
  for (const name of names) ids.push(await workloads.runContainer(podSandboxId, idleConfig(name), config))
  return ids[0] ?? ''
}

async function measure({ name, rounds, ask }: Question, direct: CriClient, through: CriClient): Promise<string[]> {
  const times = { direct: [] as number[], through: [] as number[] }
  for (let round = -WARM_UP; round < rounds; round++) {
    // Who goes first changes, so that neither always meets the other's aftermath.
    const order = round % 2 === 0 ? (['direct', 'through'] as const) : (['through', 'direct'] as const)
    for (const way of order) {
      const begin = performance.now()
      await ask(way === 'direct' ? direct : through)
      if (round >= 0) times[way].push(performance.now() - begin)
    }
  }
  const [own, theirs] = [quantile(times.direct, 0.5), quantile(times.through, 0.5)]
  const figures = [own, quantile(times.direct, 0.95), theirs, quantile(times.through, 0.95), theirs - own]
  return [name, ...figures.map((value) => value.toFixed(2))]
}

function row([name = '', ...cells]: readonly string[]): string {
  return `${name.padEnd(18)}${cells.map((cell) => cell.padStart(13)).join('')}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exitCode = 1
})
