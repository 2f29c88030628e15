// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ContainerState, createCriClient, PodSandboxState } from '../../cri-proto/index.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, networkedPodConfig, POD_NETWORK, scriptConfig } from '../harness/workloads.ts'
import { crictl } from '../streaming/crictl.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', beside: 'containerd' })
const { workloads, place } = daemon
const { runtime, image } = daemon.client
const direct = createCriClient(daemon.upstream.endpoint, { defaultTimeoutMs: 60_000 })

test.after(async () => {
  direct.close()
  await daemon[Symbol.asyncDispose]()
})

type Handler = 'gantry' | ''

/** A pod with one container, as a kubelet runs it: sandbox, image for the sandbox, container by the image's id. */
async function run(handler: Handler, script = 'while :; do sleep 3600; done') {
  // containerd leaves a pod's cgroup to the kubelet; of the one it makes itself the harness knows.
  const name = workloads.name(handler === '' ? 'theirs' : 'ours')
  const config = networkedPodConfig(
    place,
    name,
    handler === '' ? { linux: { securityContext: { namespaceOptions: POD_NETWORK } } } : {},
  )
  const { podSandboxId: pod } = await runtime.runPodSandbox({ config, runtimeHandler: handler })
  const { imageRef } = await image.pullImage({ image: imageSpec(IMAGES.busybox), sandboxConfig: config })
  const container = await workloads.runContainer(
    pod,
    scriptConfig('main', script, { image: imageSpec(imageRef) }),
    config,
  )
  return { pod, container, config, imageRef }
}

test('pods of both run side by side, each where its handler says, and all RPCs reach them', async () => {
  const [ours, theirs] = [await run('gantry'), await run('')]
  const known = await direct.runtime.listPodSandbox({})
  assert.equal(
    known.items.map(({ id }) => id),
    [theirs.pod],
  )
  const { items } = await runtime.listPodSandbox({})
  assert.equal(
    items.map(({ id, runtimeHandler }) => [id, runtimeHandler]).toSorted(),
    [
      [ours.pod, 'gantry'],
      [theirs.pod, ''],
    ].toSorted(),
  )
  const { containers } = await runtime.listContainers({})
  assert.equal(containers.map(({ id }) => id).toSorted(), [ours.container, theirs.container].toSorted())
  const { stats } = await runtime.listContainerStats({})
  assert.equal(stats.map(({ attributes }) => attributes?.id).toSorted(), [ours.container, theirs.container].toSorted())
  for (const { pod, container } of [ours, theirs]) {
    assert.is((await runtime.podSandboxStatus({ podSandboxId: pod })).status?.state, PodSandboxState.SANDBOX_READY)
    assert.is(await workloads.exec(container, 'echo', 'hello'), 'hello\n')
    assert.is((await runtime.containerStats({ containerId: container })).stats?.attributes?.id, container)
    assert.is((await workloads.status(container)).state, ContainerState.CONTAINER_RUNNING)
  }
  for (const { pod, container } of [ours, theirs]) {
    await runtime.stopContainer({ containerId: container, timeout: 0n })
    assert.is((await workloads.status(container)).state, ContainerState.CONTAINER_EXITED)
    await workloads.removePod(pod)
  }
  assert.equal((await runtime.listPodSandbox({})).items, [])
})

test('crictl sees and reaches both kinds of pods through the one socket', async () => {
  const [ours, theirs] = [await run('gantry'), await run('')]
  const pods = await crictl(daemon.socket, ['pods', '-q'])
  assert.equal(pods.stdout.trim().split('\n').toSorted(), [ours.pod, theirs.pod].toSorted())
  for (const { container } of [ours, theirs]) {
    const exec = await crictl(daemon.socket, ['exec', container, 'echo', 'streamed'])
    assert.equal([exec.code, exec.stdout], [0, 'streamed\n'], exec.stderr)
    // An abbreviated id, which either runtime may have.
    const { code, stderr } = await crictl(daemon.socket, ['stop', '--timeout', '0', container.slice(0, 13)])
    assert.is(code, 0, stderr)
  }
  const info = await crictl(daemon.socket, ['info'])
  const shown = JSON.parse(info.stdout) as { status: { conditions: { type: string; status: boolean }[] } }
  assert.equal(
    shown.status.conditions.filter(({ status }) => !status),
    [],
  )
  const { code, stderr } = await crictl(daemon.socket, ['rmp', '-f', ours.pod, theirs.pod])
  assert.is(code, 0, stderr)
})

test('each image is in the store of the runtime that needs it, and listed once', async () => {
  const ours = await run('gantry')
  await direct.image.removeImage({ image: imageSpec(IMAGES.busybox) })
  assert.is((await direct.image.imageStatus({ image: imageSpec(IMAGES.busybox) })).image, undefined)
  const theirs = await run('')
  assert.is(ours.imageRef, theirs.imageRef)
  const { images } = await image.listImages({})
  assert.is(images.filter(({ id }) => id === ours.imageRef).length, 1)
  const { imageFilesystems } = await image.imageFsInfo({})
  assert.is(imageFilesystems.length, 2)
  await Promise.all([ours, theirs].map(({ pod }) => workloads.removePod(pod)))
  await image.removeImage({ image: imageSpec(ours.imageRef) })
  assert.is(
    (await image.listImages({})).images.find(({ id }) => id === ours.imageRef),
    undefined,
  )
})

test('an image that was pulled for nobody in particular is brought when a container of ours needs it', async () => {
  const { imageRef } = await image.pullImage({ image: imageSpec(IMAGES.tagged) })
  assert.is((await direct.image.imageStatus({ image: imageSpec(imageRef) })).image?.id, imageRef)
  const config = networkedPodConfig(place, workloads.name('ours'))
  const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: 'gantry' })
  const container = idleConfig('main', { image: imageSpec(imageRef) })
  const { containerId } = await runtime.createContainer({ podSandboxId, config: container, sandboxConfig: config })
  assert.is((await workloads.status(containerId)).imageId, imageRef)
  const missing = idleConfig('other', { image: imageSpec(`sha256:${'0'.repeat(64)}`) })
  await expectFailure(
    runtime.createContainer({ podSandboxId, config: missing, sandboxConfig: config }),
    'NOT_FOUND',
    'bring image "sha256:000',
    'imagePullPolicy',
  )
  await workloads.removePod(podSandboxId)
  await image.removeImage({ image: imageSpec(imageRef) })
})

test('while containerd is killed and started again its containers and ours go on, and nothing is lost from lists', async () => {
  const [ours, theirs] = [await run('gantry'), await run('')]
  await daemon.upstream.kill('SIGKILL')
  const socket = daemon.upstream.endpoint.slice('unix://'.length)
  await expectFailure(runtime.listPodSandbox({}), 'UNAVAILABLE', socket)
  await expectFailure(runtime.containerStatus({ containerId: theirs.container }), 'UNAVAILABLE', socket)
  const { status } = await runtime.status({})
  const ready = status?.conditions.find(({ type }) => type === 'RuntimeReady')
  assert.equal([ready?.status, ready?.reason], [false, 'UpstreamUnavailable'])
  assert.is(await workloads.exec(ours.container, 'echo', 'on'), 'on\n')
  const more = networkedPodConfig(place, workloads.name('ours'))
  const { podSandboxId } = await runtime.runPodSandbox({ config: more, runtimeHandler: 'gantry' })
  await workloads.removePod(podSandboxId)

  await daemon.upstream.restart()
  await waitFor('containerd knows its pods again', async () => {
    const { status: again } = await runtime.status({})
    return again?.conditions.find(({ type }) => type === 'RuntimeReady')?.status === true
  })
  const { containers } = await runtime.listContainers({})
  assert.equal(containers.map(({ id }) => id).toSorted(), [ours.container, theirs.container].toSorted())
  assert.is(await workloads.exec(theirs.container, 'echo', 'on'), 'on\n')
  await Promise.all([ours, theirs].map(({ pod }) => workloads.removePod(pod)))
})

test('gantryd ended by SIGTERM or kill -9 leaves the pods of both running', async () => {
  const [ours, theirs] = [await run('gantry'), await run('')]
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await daemon.kill(signal)
    const { containers: alone } = await direct.runtime.listContainers({})
    assert.equal(
      alone.map(({ id, state }) => [id, state]),
      [[theirs.container, ContainerState.CONTAINER_RUNNING]],
    )
    await daemon.restart()
    for (const { container } of [ours, theirs]) assert.is(await workloads.exec(container, 'echo', 'on'), 'on\n')
    const { items } = await runtime.listPodSandbox({})
    assert.is(items.find(({ id }) => id === ours.pod)?.runtimeHandler, 'gantry')
  }
  await Promise.all([ours, theirs].map(({ pod }) => workloads.removePod(pod)))
})

test('gantryd starts while containerd is away, and finds it when it comes', async () => {
  await daemon.kill('SIGTERM')
  await daemon.upstream.kill('SIGTERM')
  await daemon.restart()
  const { status } = await runtime.status({})
  assert.is(status?.conditions.find(({ type }) => type === 'RuntimeReady')?.status, false)
  await daemon.upstream.restart()
  await waitFor(
    'containerd is found',
    async () => (await runtime.version({ version: 'v1' })).runtimeName === 'containerd',
  )
})

test.run()
