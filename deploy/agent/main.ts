// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { hostAt } from '../node/host.ts'
import { KubeCluster, NODE_LABEL } from './kube-cluster.ts'
import { type AgentWorld, type Progress, reconcile } from './reconcile.ts'
import { serveAgent } from './server.ts'
import { readSettings } from './settings.ts'

const BETWEEN_LOOKS_MS = 10_000
const BETWEEN_WAITS_MS = 2_000
const USAGE = `usage: gantry-agent [run] --settings FILE [--root DIRECTORY] [--release DIRECTORY] [--listen :9581]
       gantry-agent wait-removed [--timeout-seconds 600]

  run           keeps Gantry on the node that NODE_NAME names, whose root is at --root; what it does stands in --settings.
                NODE_NAME, POD_NAMESPACE, GANTRY_INSTANCE and GANTRY_REVISION are what the chart sets
  wait-removed  waits until no node bears the label ${NODE_LABEL}
`

interface Flags {
  readonly root: string
  readonly settings?: string | undefined
  readonly release: string
  readonly listen: string
  readonly 'timeout-seconds': string
}

async function run(flags: Flags, config: KubeConfig): Promise<void> {
  const settings = await readSettings(flags.settings ?? '')
  const { healthTimeoutSeconds, leaseSeconds, kubelet } = settings
  const cluster = new KubeCluster(config, {
    node: environment('NODE_NAME'),
    namespace: environment('POD_NAMESPACE'),
    instance: environment('GANTRY_INSTANCE'),
    // A turn is renewed at each step; the longest are a release that is taken back and a kubelet that is watched.
    leaseSeconds: leaseSeconds + 2 * healthTimeoutSeconds + kubelet.revertAfterSeconds,
  })
  const world: AgentWorld = {
    host: hostAt(flags.root),
    cluster,
    settings,
    release: flags.release,
    revision: Number(environment('GANTRY_REVISION')),
    pause: () => sleep(BETWEEN_WAITS_MS),
    nowMs: () => Date.now(),
  }
  await loop(world, flags.listen)
}

async function loop(world: AgentWorld, listen: string): Promise<void> {
  const { healthTimeoutSeconds, kubelet } = world.settings
  const longestStepMs = (2 * healthTimeoutSeconds + kubelet.revertAfterSeconds + 60) * 1000
  let progress: Progress | undefined
  let lastTurn = performance.now()
  const alive = () => performance.now() - lastTurn < longestStepMs
  const server = await serveAgent(listen, { host: world.host, progress: () => progress, alive })
  const stop = new AbortController()
  // The step that is under way is ended first; what is left of it the next agent finds on the node.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  while (!stop.signal.aborted) {
    try {
      progress = await reconcile(world)
      log(progress.settled ? 'info' : 'warn', `${progress.condition.reason}: ${progress.condition.message}`)
    } catch (error) {
      log('error', messageOf(error))
    }
    lastTurn = performance.now()
    await sleep(BETWEEN_LOOKS_MS, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  server.closeAllConnections()
  server.close()
}

/** Waits until the agents have done their work. @throws GantryError `deadline_exceeded` that names the nodes left. */
async function waitRemoved(flags: Flags, config: KubeConfig): Promise<void> {
  const core = config.makeApiClient(CoreV1Api)
  const until = performance.now() + Number(flags['timeout-seconds']) * 1000
  for (;;) {
    const { items } = await core.listNode({ labelSelector: NODE_LABEL })
    if (items.length === 0) return log('info', 'no node bears the label any more')
    const names = items.map(({ metadata }) => metadata?.name).join(', ')
    if (performance.now() > until) {
      throw new GantryError('deadline_exceeded', { action: 'wait for removal from', subject: names })
    }
    log('info', `waiting for ${names}`)
    await sleep(BETWEEN_WAITS_MS)
  }
}

function log(level: 'info' | 'warn' | 'error', msg: string): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, msg })}\n`)
}

function environment(name: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  throw new GantryError('invalid_argument', { action: 'read environment', subject: name, reason: 'it is not set' })
}

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      root: { ...text, default: '/' },
      settings: text,
      // In the image, where this file is below /opt/gantry-agent, the release is beside it.
      release: { ...text, default: resolve(import.meta.dirname, '../../../gantry/current') },
      listen: { ...text, default: ':9581' },
      'timeout-seconds': { ...text, default: '600' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return void process.stdout.write(USAGE)
  const config = new KubeConfig()
  config.loadFromDefault()
  if (positionals[0] === 'wait-removed') return waitRemoved(values, config)
  if (positionals.length === 0 || positionals[0] === 'run') return run(values, config)
  process.stderr.write(USAGE)
  process.exitCode = 2
}

main(process.argv.slice(2)).catch((error: unknown) => {
  log('error', messageOf(error))
  process.exitCode = 1
})
