// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { REPOSITORY } from '../checks/source-tree.ts'
import { ensureImages } from '../images/build.ts'
import { QUICKSTART_IMAGE } from '../images/quickstart-image.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'
import { Instance } from './instance.ts'
import {
  execInside,
  explainStart,
  findPodAgain,
  killDaemon,
  listPods,
  pullImage,
  removeAll,
  runPod,
  showLogs,
  showMetrics,
  startDaemon,
} from './steps.ts'
import { Tour } from './tour.ts'

const REGISTRY = QUICKSTART_IMAGE.slice(0, QUICKSTART_IMAGE.indexOf('/'))
const LOG_LINES = 15

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new GantryError('failed_precondition', NEEDS_ROOT)
  const tour = new Tour((text) => process.stdout.write(text))
  const interrupted = untilInterrupted()
  const instance = await Instance.prepare()
  let registry: RegistryServer | undefined
  try {
    introduce(tour, instance)
    const serve = async (): Promise<void> => {
      registry = await serveImage(tour, instance)
    }
    for (const step of stepsOf(tour, instance, serve)) {
      await Promise.race([step(), interrupted])
    }
  } catch (error) {
    await showLog(instance)
    throw error
  } finally {
    await instance.sweep((problem) => process.stderr.write(`quickstart: clean up: ${problem}\n`))
    await registry?.close()
  }
}

const NEEDS_ROOT = { action: 'start', reason: 'pods need root', hint: 'sudo npm run quickstart' }

function introduce(tour: Tour, { directory, endpoint }: Instance): void {
  tour.remark('Gantry: one pod, from its image to the last trace of it.')
  tour.remark(`All of it happens below ${directory} and beside whatever else runs on this machine.`)
  tour.remark("What is shown as crictl is done by this repository's own client of the same interface; crictl does the")
  tour.remark(`same with CONTAINER_RUNTIME_ENDPOINT=${endpoint}`)
}

/** The tour, step by step. */
function* stepsOf(tour: Tour, instance: Instance, serve: () => Promise<void>): Generator<() => Promise<void>> {
  tour.heading(
    'An image, and a registry',
    'A small real image is made from files of this machine and served on loopback.',
  )
  yield serve
  tour.heading('The daemon', 'One process that serves the CRI on a unix socket.')
  yield () => startDaemon(tour, instance)
  tour.heading(
    'Pull',
    'Through certs.d/…/hosts.toml, as with containerd; each layer is unpacked by a confined process.',
  )
  yield () => pullImage(tour, instance)
  tour.heading('A pod of two containers', 'The same three requests that a kubelet makes.')
  let pod = { podId: '', ticker: '', sleeper: '' }
  yield async () => {
    pod = await runPod(tour, instance)
  }
  tour.heading('Logs', "One file a container, in the kubelet's format.")
  yield () => showLogs(tour, instance)
  tour.heading('Exec', 'A command in a running container.')
  yield () => execInside(tour, instance, pod)
  tour.heading('What runs', "The pod's own line is its keeper, the parent of all its processes.")
  yield () => listPods(tour, instance)
  tour.heading('How it was started', 'Each operation of the launch plan, and the time it took in this start.')
  yield () => explainStart(tour, instance, pod)
  tour.heading('Metrics', 'What the daemon did until now, for Prometheus.')
  yield () => showMetrics(tour, instance)
  tour.heading('The daemon is killed', 'The pod does not notice: keeper and containers live on, the log goes on.')
  yield () => killDaemon(tour, instance, pod)
  tour.heading('It is started again', 'The pod is found, and what happened meanwhile is known: exit code and time.')
  yield () => findPodAgain(tour, instance, pod)
  tour.heading('Everything is removed', 'And it is checked that nothing stays.')
  yield () => removeAll(tour, instance, pod)
}

async function serveImage(tour: Tour, { directory }: Instance): Promise<RegistryServer> {
  const build = 'e2e/images/build.ts'
  tour.command(`node_modules/.bin/node ${build} --only quickstart`)
  const layout = await ensureImages('quickstart', { report: (line) => tour.remark(line) })
  const registry = await RegistryServer.start({ layouts: [layout] })
  const certs = join(directory, 'certs.d')
  tour.command(
    `node_modules/.bin/node e2e/registry/main.ts --layout ${relative(REPOSITORY, layout)} --certs-d ${certs} &`,
  )
  await writeCertsD(certs, { registries: [REGISTRY], endpoint: registry.endpoint })
  tour.remark(`${QUICKSTART_IMAGE} at ${registry.endpoint}`)
  return registry
}

/** What the daemon said last, where a step failed. */
async function showLog({ directory }: Instance): Promise<void> {
  const log = await readFile(join(directory, 'gantryd.log'), 'utf8').catch(() => '')
  const lines = log.trimEnd().split('\n').slice(-LOG_LINES)
  if (log !== '') process.stderr.write(`\ngantryd said last:\n${lines.join('\n')}\n`)
}

/** Rejects at the first interrupt; the step under way is left behind and everything is cleaned up. */
function untilInterrupted(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => reject(new Error(`interrupted by ${name}`)))
  // It may come when no step listens.
  promise.catch(() => undefined)
  return promise
}

main().catch((error: unknown) => {
  const hint = error instanceof GantryError && error.hint !== undefined ? ` (${error.hint})` : ''
  process.stderr.write(`quickstart: ${messageOf(error)}${hint}\n`)
  // Everything is cleaned up; a step that was left behind may still wait for something.
  process.exit(1)
})
