// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createCriClient } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { idleConfig, podConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const CALLERS = 200

test.after(() => daemon[Symbol.asyncDispose]())

/** A sample of /metrics: `name{labels}` to its value. */
async function metric(name: RegExp): Promise<number[]> {
  const lines = (await daemon.metrics()).split('\n').filter((line) => name.test(line) && !line.startsWith('#'))
  return lines.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
}

test('two hundred callers at the same time all get their answers, and the daemon answers others meanwhile', async () => {
  const config = podConfig(place, 'crowd')
  const pod = await workloads.runPod(config)
  const containerId = await workloads.runContainer(pod, idleConfig('main'), config)
  let answeredMeanwhile = 0
  let over = false
  const prober = createCriClient(`unix://${daemon.socket}`, { defaultTimeoutMs: 30_000 })
  const probing = (async () => {
    while (!over) {
      await prober.runtime.version({})
      if (!over) answeredMeanwhile++
    }
  })()
  // Awaited below; a daemon that dies meanwhile fails the callers first.
  probing.catch(() => undefined)
  const clients = Array.from({ length: 20 }, () =>
    createCriClient(`unix://${daemon.socket}`, { defaultTimeoutMs: 60_000 }),
  )
  const answers = await Promise.all(
    Array.from({ length: CALLERS }, async (_, n) => {
      const client = clients[n % clients.length] ?? daemon.client
      const { stdout } = await client.runtime.execSync({ containerId, cmd: ['/bin/echo', String(n)], timeout: 0n })
      await Promise.all([
        client.runtime.listContainers({}),
        client.runtime.listPodSandbox({}),
        client.runtime.status({}),
      ])
      return stdout.toString()
    }),
  )
  over = true
  await probing
  for (const client of [...clients, prober]) client.close()
  assert.equal(
    answers,
    answers.map((_, n) => `${n}\n`),
  )
  assert.ok(
    answeredMeanwhile > 1,
    `Version was answered ${answeredMeanwhile} times while ${CALLERS} callers were served`,
  )
  await workloads.removePod(pod)
})

test('a hundred pods come up by a hundred callers and go again', async () => {
  const configs = Array.from({ length: 100 }, () => podConfig(place, workloads.name('many')))
  const pods = await Promise.all(
    configs.map(async (config) => {
      const pod = await workloads.runPod(config)
      await workloads.runContainer(pod, idleConfig('main'), config)
      return pod
    }),
  )
  assert.is((await runtime.listContainers({})).containers.length, 100)
  await Promise.all(pods.map((pod) => workloads.removePod(pod)))
  assert.is((await runtime.listPodSandbox({})).items.length, 0)
  await daemon.expectNoTraces()
})

test('the daemon measures how long its event loop was held up', async () => {
  const delays = await metric(/^gantry_event_loop_delay_seconds\{[^}]*max/)
  assert.ok(delays.length > 0 && delays.every((seconds) => seconds > 0), String(delays))
})

test('the metrics count what was done', async () => {
  const text = await daemon.metrics()
  assert.match(text, /method="ExecSync"[^\n]* 200$/m)
  assert.match(text, /method="RunPodSandbox"[^\n]* 101$/m)
})

test('a container that floods its log does not keep the others from being served', async () => {
  const config = podConfig(place, 'flood')
  const pod = await workloads.runPod(config)
  await workloads.runContainer(pod, idleConfig('yes', { command: ['/bin/yes', 'flood'] }), config)
  const other = podConfig(place, 'quiet')
  const quiet = await workloads.runPod(other)
  const containerId = await workloads.runContainer(quiet, idleConfig('main'), other)
  for (let n = 0; n < 50; n++) assert.is(await workloads.exec(containerId, 'echo', String(n)), `${n}\n`)
  await Promise.all([pod, quiet].map((id) => workloads.removePod(id)))
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
