// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util'
import { messageOf } from '../../runtime-core/errors.ts'
import { describeMachine } from '../bench/machine.ts'
import { PEER_NAMES, type PeerName } from '../bench/options.ts'
import { Samples } from '../bench/samples.ts'
import { renderTable } from '../bench/table.ts'
import { describeLeaks, leaksBetween, snapshotHost } from '../harness/leaks.ts'
import { Cluster } from './cluster.ts'
import { addOperations, measureRound, runtimeOperations } from './measure.ts'

const USAGE = `usage: node e2e/kube/bench.ts [--only gantry|containerd] [--pods N] [--rounds N]

Measures how long a Deployment of N pods (default 30) takes to be Ready and to be gone again, on the same kubelet and
control plane with Gantry and then with containerd as the runtime, and what the kubelet measured of its calls meanwhile.
`

interface Options {
  readonly peers: readonly PeerName[]
  readonly pods: number
  readonly rounds: number
  readonly report: (line: string) => void
  /** No further round is begun once it is aborted. */
  readonly signal: AbortSignal
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      pods: { type: 'string', default: '30' },
      rounds: { type: 'string', default: '5' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return
  }
  const peers = PEER_NAMES.filter((name) => values.only === undefined || values.only === name)
  const [pods, rounds] = [Number(values.pods), Number(values.rounds)]
  if (peers.length === 0 || !(pods > 0 && pods <= 100) || !(rounds > 0)) throw new TypeError(USAGE)
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  const report = (line: string): void => void process.stderr.write(`bench: ${line}\n`)
  const before = await snapshotHost()
  const samples = new Samples()
  for (const peer of peers)
    await measurePeer(peer, { peers, pods, rounds, report, signal: interrupted.signal }, samples)
  const { cpus, model, kernel } = describeMachine()
  process.stdout.write(`${cpus} × ${model}, Linux ${kernel}\n\n${renderTable(samples.rows(), peers)}`)
  const leaks = leaksBetween(before, await snapshotHost())
  if (leaks.length > 0) throw new Error(describeLeaks(leaks))
}

async function measurePeer(peer: PeerName, { pods, rounds, report, signal }: Options, samples: Samples): Promise<void> {
  report(`starting a cluster on ${peer}`)
  const runtime = peer === 'containerd' ? ({ runtime: 'containerd' } as const) : {}
  await using cluster = await Cluster.start({ daemon: runtime, report, onDisk: true })
  report('one round to warm up')
  await measureRound(cluster, peer, { pods, round: 0 }, new Samples())
  const before = await runtimeOperations(cluster)
  for (let round = 1; round <= rounds; round++) {
    signal.throwIfAborted()
    report(`round ${round} of ${rounds}`)
    await measureRound(cluster, peer, { pods, round }, samples)
  }
  await addOperations(cluster, peer, before, samples)
  const { runtimeName, runtimeVersion } = await cluster.daemon.client.runtime.version({ version: 'v1' })
  process.stdout.write(`${runtimeName} ${runtimeVersion}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exitCode = 1
})
