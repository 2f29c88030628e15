// SPDX-License-Identifier: Apache-2.0
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { listProcesses } from '../bench/processes.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { installPlugin } from '../harness/fake-plugin.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, networkedPodConfig, podConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({
  network: 'none',
  pull: [IMAGES.busybox],
  flags: { 'cni-timeout-ms': '1500', 'image-pull-progress-timeout-ms': '500' },
})
const { workloads, place } = daemon
const { runtime, image } = daemon.client
const calls = join(daemon.directory, 'calls')
const COUNT = `echo "$CNI_COMMAND" >> ${calls}`
const RESULT = `echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/x"}],"ips":[{"address":"10.9.8.7/24","interface":0}]}'`

test.after(() => daemon[Symbol.asyncDispose]())

/** Takes the plugin, and waits until the daemon has seen the network: it watches the directory. */
async function usePlugin(script: string): Promise<void> {
  await rm(calls, { force: true })
  await installPlugin(daemon, `${COUNT}\n${script}`)
  await waitFor('the daemon has seen the network', networkIsReady)
}

async function networkIsReady(): Promise<boolean> {
  const { status } = await runtime.status({ verbose: false })
  return status?.conditions.find(({ type }) => type === 'NetworkReady')?.status === true
}

async function callsSeen(): Promise<string[]> {
  return (await readFile(calls, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
}

test('a node without a network says so, runs pods on the host’s network, and refuses others with the reason', async () => {
  assert.not(await networkIsReady())
  const host = await workloads.runPod(podConfig(place, workloads.name('host')))
  const call = runtime.runPodSandbox({ config: networkedPodConfig(place, workloads.name('none')) })
  await expectFailure(call, ['UNAVAILABLE', 'FAILED_PRECONDITION'], daemon.cniConfDirectory)
  await workloads.removePod(host)
  await daemon.expectNoTraces()
})

test('a plugin that fails: its own words, no pod, and DEL was called', async () => {
  await usePlugin(
    `[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion":"1.0.0","code":11,"msg":"no addresses left"}' && exit 1; exit 0`,
  )
  const call = runtime.runPodSandbox({ config: networkedPodConfig(place, workloads.name('fails')) })
  await expectFailure(
    call,
    ['UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'FAILED_PRECONDITION', 'RESOURCE_EXHAUSTED'],
    'no addresses left',
    'suite-plugin',
  )
  assert.equal((await runtime.listPodSandbox({})).items, [])
  assert.equal(await callsSeen(), ['ADD', 'DEL'])
  await daemon.expectNoTraces()
})

test('a plugin that hangs is ended at the deadline with all its children, and named', async () => {
  await usePlugin('[ "$CNI_COMMAND" = ADD ] && { sleep 7777 & sleep 7778; }; exit 0')
  const began = performance.now()
  const call = runtime.runPodSandbox({ config: networkedPodConfig(place, workloads.name('hangs')) })
  await expectFailure(call, ['DEADLINE_EXCEEDED', 'UNAVAILABLE'], 'suite-plugin')
  assert.ok(performance.now() - began < 10_000)
  const hanging = async () => (await listProcesses()).filter(({ argv }) => /777[78]/.test(argv[1] ?? ''))
  await waitFor('its processes are gone', async () => (await hanging()).length === 0, 3_000)
  assert.equal((await runtime.listPodSandbox({})).items, [])
  await daemon.expectNoTraces()
})

test('while a plugin hangs everything else goes on', async () => {
  await usePlugin('[ "$CNI_COMMAND" = ADD ] && sleep 7779; exit 0')
  const hanging = runtime.runPodSandbox({ config: networkedPodConfig(place, workloads.name('hangs')) })
  const failed = hanging.then(
    () => assert.unreachable(),
    () => undefined,
  )
  await waitFor('the plugin hangs', async () => (await callsSeen()).includes('ADD'))
  const config = podConfig(place, workloads.name('meanwhile'))
  const began = performance.now()
  const pod = await workloads.runPod(config)
  await workloads.runContainer(pod, idleConfig('main'), config)
  await runtime.listContainers({})
  await workloads.removePod(pod)
  assert.ok(performance.now() - began < 1_000, `${performance.now() - began} ms`)
  await failed
})

test('a plugin whose DEL fails: the stop says so, and the next one tries again', async () => {
  await usePlugin(
    `[ "$CNI_COMMAND" = ADD ] && { ${RESULT}; exit 0; }; [ -e ${calls}.ok ] || { echo '{"cniVersion":"1.0.0","code":11,"msg":"switch is off"}'; exit 1; }`,
  )
  const podSandboxId = await workloads.runPod(networkedPodConfig(place, workloads.name('del')))
  await expectFailure(
    runtime.stopPodSandbox({ podSandboxId }),
    ['UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'FAILED_PRECONDITION'],
    'switch is off',
  )
  assert.is((await runtime.podSandboxStatus({ podSandboxId, verbose: false })).status?.state, 1)
  await installPlugin(daemon, `${COUNT}\n[ "$CNI_COMMAND" = ADD ] && { ${RESULT}; exit 0; }; exit 0`)
  await runtime.stopPodSandbox({ podSandboxId })
  await runtime.removePodSandbox({ podSandboxId })
  assert.ok((await callsSeen()).filter((command) => command === 'DEL').length >= 2)
  await daemon.expectNoTraces()
})

test('a registry that stalls holds up nobody but its own caller', async () => {
  daemon.registry.faults.add({ kind: 'blob', repository: 'suite/large', fault: { type: 'stall', afterBytes: 100 } })
  const abort = new AbortController()
  const pull = image.pullImage({ image: imageSpec(IMAGES.large) }, { signal: abort.signal }).then(
    () => 'an answer',
    (error: Error) => error.message,
  )
  const began = performance.now()
  await daemon.pull(IMAGES.layered)
  assert.ok(performance.now() - began < 5_000)
  abort.abort()
  assert.match(await pull, /(CANCELLED|RegistryUnavailable)/)
  daemon.registry.faults.clear()
})

test('a pull that makes no progress is given up by itself, says so, and the next one gets the image', async () => {
  daemon.registry.faults.add({ kind: 'blob', repository: 'suite/large', fault: { type: 'stall', afterBytes: 100 } })
  await expectFailure(
    image.pullImage({ image: imageSpec(IMAGES.large) }),
    'UNAVAILABLE',
    'RegistryUnavailable',
    '500 ms',
  )
  daemon.registry.faults.clear()
  assert.match(await daemon.pull(IMAGES.large), /^sha256:/)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
