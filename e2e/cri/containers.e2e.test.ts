// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ContainerFilter, ContainerState, ImageSpec, Signal } from '../../cri-proto/index.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { containerConfig, idleConfig, podConfig, readLog, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox, IMAGES.configured] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'containers')
const podSandboxId = await workloads.runPod(pod)

test.after(() => daemon[Symbol.asyncDispose]())

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState
const name = (prefix: string) => workloads.name(prefix)
const run = (config: ReturnType<typeof idleConfig>) => workloads.runContainer(podSandboxId, config, pod)
const finish = (config: ReturnType<typeof idleConfig>) => workloads.runToEnd(podSandboxId, config, pod)

async function create(config: ReturnType<typeof idleConfig>): Promise<string> {
  const { containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  return containerId
}

async function idsBy(filter: Partial<ContainerFilter>): Promise<string[]> {
  const { containers } = await runtime.listContainers({
    filter: { id: '', state: undefined, podSandboxId: '', labelSelector: {}, ...filter },
  })
  return containers.map(({ id }) => id).sort()
}

/** The container has written this line: it is as far as the test wants it. */
function saw(containerId: string, content: string): Promise<boolean> {
  return waitFor(`the log has "${content}"`, async () => {
    const { logPath } = await workloads.status(containerId)
    return (await readLog(logPath)).some((line) => line.content === content)
  })
}

const READY_THEN_WAIT = 'echo ready; sleep 3600 & wait'

test('a container goes from created over running to exited, and its times say when', async () => {
  const containerId = await create(scriptConfig(name('life'), 'exit 0'))
  const created = await workloads.status(containerId)
  assert.equal([created.state, created.startedAt, created.finishedAt], [CONTAINER_CREATED, 0n, 0n])
  assert.ok(created.createdAt > 0n)
  await runtime.startContainer({ containerId })
  const exited = await workloads.waitForExit(containerId)
  assert.ok(exited.startedAt >= exited.createdAt - 1_000_000n, 'started after it was created')
  assert.ok(exited.finishedAt > exited.startedAt, 'finished after it was started')
  assert.equal([exited.createdAt, exited.exitCode, exited.reason], [created.createdAt, 0, 'Completed'])
})

test('a container comes back with all that it was given', async () => {
  const config = idleConfig(name('full'), { labels: { a: '1' }, annotations: { b: 'ü' } })
  const containerId = await run(config)
  const status = await workloads.status(containerId)
  assert.is(status.state, CONTAINER_RUNNING)
  assert.equal([status.metadata, status.labels, status.annotations], [config.metadata, { a: '1' }, { b: 'ü' }])
  assert.is(status.image?.image, IMAGES.busybox)
  assert.match(status.imageRef, /^registry\.local\/busybox@sha256:|^sha256:/)
  assert.is(status.logPath, `${pod.logDirectory}/${config.logPath}`)
  const { containers } = await runtime.listContainers({})
  const listed = containers.find(({ id }) => id === containerId)
  assert.equal(
    [listed?.podSandboxId, listed?.metadata, listed?.state, listed?.labels, listed?.createdAt],
    [podSandboxId, status.metadata, status.state, status.labels, status.createdAt],
  )
})

test('the image is known by the same id everywhere', async () => {
  if (daemon.isPeer) return
  const imageRef = await daemon.pull(IMAGES.busybox)
  const containerId = await create(idleConfig(name('image'), { image: imageSpec(imageRef) }))
  assert.is((await workloads.status(containerId)).imageId, imageRef)
  const { containers } = await runtime.listContainers({})
  assert.is(containers.find(({ id }) => id === containerId)?.imageId, imageRef)
})

test('the image is called as the user called it, whatever id the kubelet made of that', async () => {
  if (daemon.isPeer) return
  const imageRef = await daemon.pull(IMAGES.busybox)
  const asked = ImageSpec.create({ image: imageRef, userSpecifiedImage: 'busybox:1', annotations: { note: 'x' } })
  const containerId = await create(idleConfig(name('named'), { image: asked }))
  const { image: told, imageRef: digest } = await workloads.status(containerId)
  assert.equal(told, { ...asked, image: 'busybox:1' })
  assert.match(digest, /^registry\.local\/.+@sha256:[0-9a-f]{64}$/)
})

test('an exit code is reported as it was, with the reason Error', async () => {
  for (const code of [1, 42, 255]) {
    const { status } = await finish(scriptConfig(name('code'), `exit ${code}`))
    assert.equal([status.exitCode, status.reason], [code, 'Error'])
  }
})

test('death by a signal is 128 and the signal', async () => {
  for (const [signal, code] of [
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ] as const) {
    // A shell as process 1 cannot kill itself: signals of its own do not reach it.
    const { status } = await finish(scriptConfig(name('signal'), `sh -c 'kill -${signal} $$'; exit $?`))
    assert.is(status.exitCode, code)
  }
})

test('a container that ends at once has its whole output in the log', async () => {
  const { stdout, stderr } = await finish(scriptConfig(name('quick'), 'echo out; echo err >&2'))
  assert.equal([stdout, stderr], ['out\n', 'err\n'])
})

test('an image’s entrypoint, command, environment, directory, user and stop signal are used', async () => {
  const containerId = await run(containerConfig(name('configured'), { image: imageSpec(IMAGES.configured) }))
  await saw(containerId, 'hello from /work as 1000')
  const status = await workloads.status(containerId)
  if (!daemon.isPeer) assert.is(status.stopSignal, Signal.SIGUSR1)
  await runtime.stopContainer({ containerId, timeout: 10n })
  assert.is((await workloads.status(containerId)).exitCode, 7, 'its trap of SIGUSR1 ran')
})

test('a command replaces entrypoint and command of the image, arguments only the command', async () => {
  const image = imageSpec(IMAGES.configured)
  const replaced = await finish(containerConfig(name('command'), { image, command: ['/bin/echo', 'mine'] }))
  assert.is(replaced.stdout, 'mine\n')
  const added = await finish(containerConfig(name('args'), { image, args: ['echo args: $GREETING'] }))
  assert.is(added.stdout, 'args: hello\n')
})

test('environment and working directory of the request win over the image’s', async () => {
  const { stdout } = await finish(
    containerConfig(name('env'), {
      image: imageSpec(IMAGES.configured),
      command: ['/bin/sh', '-c', 'echo $GREETING $MORE $PWD'],
      envs: [
        { key: 'GREETING', value: Buffer.from('bye') },
        { key: 'MORE', value: Buffer.from('a=b') },
      ] as never,
      workingDir: '/made/for/it',
    }),
  )
  assert.is(stdout, 'bye a=b /made/for/it\n')
})

test('a volume of the image can be written to, also with a read-only root', async () => {
  const { status, stdout } = await finish(
    scriptConfig(name('volume'), 'echo x > /data/file && cat /data/file', {
      image: imageSpec(IMAGES.configured),
      linux: { securityContext: { readonlyRootfs: true, runAsUser: { value: 0n } } },
    }),
  )
  assert.equal([status.exitCode, stdout], [0, 'x\n'])
})

test('stopping sends the signal, and a container that ends in time keeps its exit code', async () => {
  const containerId = await run(scriptConfig(name('graceful'), `trap 'exit 3' TERM; ${READY_THEN_WAIT}`))
  await saw(containerId, 'ready')
  const began = performance.now()
  await runtime.stopContainer({ containerId, timeout: 30n })
  assert.ok(performance.now() - began < 5_000, 'it does not wait for the whole grace')
  const status = await workloads.status(containerId)
  assert.equal([status.state, status.exitCode], [CONTAINER_EXITED, 3])
})

test('a container that ignores the signal is killed after its grace, and not before', async () => {
  const containerId = await run(scriptConfig(name('stubborn'), `trap '' TERM; ${READY_THEN_WAIT}`))
  await saw(containerId, 'ready')
  const began = performance.now()
  await runtime.stopContainer({ containerId, timeout: 1n })
  const took = performance.now() - began
  assert.ok(took >= 990 && took < 4_000, `${took} ms`)
  assert.is((await workloads.status(containerId)).exitCode, 137)
})

test('stopping without grace kills at once', async () => {
  const containerId = await run(scriptConfig(name('at-once'), `trap 'exit 3' TERM; ${READY_THEN_WAIT}`))
  await saw(containerId, 'ready')
  await runtime.stopContainer({ containerId, timeout: 0n })
  assert.is((await workloads.status(containerId)).exitCode, 137)
})

test('a second stop with less grace shortens the wait of the first', async () => {
  const containerId = await run(scriptConfig(name('hurry'), `trap '' TERM; ${READY_THEN_WAIT}`))
  await saw(containerId, 'ready')
  const began = performance.now()
  const patient = runtime.stopContainer({ containerId, timeout: 60n })
  await runtime.stopContainer({ containerId, timeout: 0n })
  await patient
  assert.ok(performance.now() - began < 5_000)
})

test('stopping what is created, ended or unknown is a success', async () => {
  const created = await create(idleConfig(name('created')))
  await runtime.stopContainer({ containerId: created, timeout: 1n })
  const { status } = await finish(scriptConfig(name('ended'), 'exit 0'))
  await runtime.stopContainer({ containerId: status.id, timeout: 1n })
  await runtime.stopContainer({ containerId: randomUUID(), timeout: 1n })
})

test('removing kills what runs, and is a success for what is unknown or removed', async () => {
  const containerId = await run(idleConfig(name('removed')))
  await runtime.removeContainer({ containerId })
  await runtime.removeContainer({ containerId })
  await runtime.removeContainer({ containerId: randomUUID() })
  await expectFailure(runtime.containerStatus({ containerId, verbose: false }), 'NOT_FOUND', containerId)
  assert.equal(await idsBy({ id: containerId }), [])
})

test('the log stays when the container is removed: it is the kubelet’s', async () => {
  const { status } = await finish(scriptConfig(name('log'), 'echo kept'))
  await runtime.removeContainer({ containerId: status.id })
  assert.is((await readLog(status.logPath))[0]?.content, 'kept')
})

test('starting twice is refused, and the container goes on', async () => {
  const containerId = await run(idleConfig(name('started')))
  await expectFailure(runtime.startContainer({ containerId }), ['FAILED_PRECONDITION', 'UNKNOWN'], containerId)
  assert.is((await workloads.status(containerId)).state, CONTAINER_RUNNING)
})

test('containers are filtered by id, pod, state and labels, all together', async () => {
  const mark = randomUUID()
  const other = podConfig(place, workloads.name('other'))
  const otherId = await workloads.runPod(other)
  const [created, running] = [
    await create(idleConfig(name('c'), { labels: { mark } })),
    await run(idleConfig(name('r'), { labels: { mark, tier: 'front' } })),
  ]
  const elsewhere = await workloads.runContainer(otherId, idleConfig(name('e'), { labels: { mark } }), other)
  const labelSelector = { mark }
  assert.equal(await idsBy({ labelSelector }), [created, running, elsewhere].sort())
  assert.equal(await idsBy({ labelSelector, podSandboxId }), [created, running].sort())
  assert.equal(await idsBy({ labelSelector, podSandboxId: otherId.slice(0, 13) }), [elsewhere])
  assert.equal(await idsBy({ labelSelector, state: { state: CONTAINER_RUNNING }, podSandboxId }), [running])
  assert.equal(await idsBy({ labelSelector: { mark, tier: 'front' } }), [running])
  assert.equal(await idsBy({ id: created.slice(0, 13) }), [created])
  assert.equal(await idsBy({ id: created, podSandboxId: otherId }), [])
  assert.equal(await idsBy({ podSandboxId: randomUUID() }), [])
  await workloads.removePod(otherId)
})

if (!daemon.isPeer) {
  test('two identical creations at the same time make one container', async () => {
    const config = idleConfig(name('joined'))
    const ids = await Promise.all(Array.from({ length: 4 }, () => create(config)))
    assert.is(new Set(ids).size, 1)
    assert.is(await create(config), ids[0], 'a retry after the answer was lost')
  })
}

test('a name that another container of the pod has is refused', async () => {
  const taken = name('taken')
  await create(idleConfig(taken))
  const again = create(scriptConfig(taken, 'exit 0'))
  await expectFailure(again, ['ALREADY_EXISTS', 'FAILED_PRECONDITION', 'UNKNOWN'], taken)
})

test('the next attempt of a container, and the same name after its removal, are new containers', async () => {
  const used = name('again')
  const first = await create(idleConfig(used))
  const second = await create(idleConfig(used, { metadata: { name: used, attempt: 1 } }))
  await runtime.removeContainer({ containerId: first })
  const third = await create(idleConfig(used))
  assert.is(new Set([first, second, third]).size, 3)
})

test('a container changes its own root only, and a removed one’s changes are gone', async () => {
  const writer = await finish(scriptConfig(name('writer'), 'echo mine > /etc/written; rm /bin/tick; ls /etc/written'))
  assert.is(writer.stdout, '/etc/written\n')
  const reader = await finish(scriptConfig(name('reader'), 'ls /etc/written /bin/tick'))
  assert.is(reader.stdout, '/bin/tick\n')
})

test('every process of a container ends with its first', async () => {
  const containerId = await run(scriptConfig(name('children'), '(sleep 4242 & sleep 4242 & ) ; echo ready; sleep 3600'))
  await saw(containerId, 'ready')
  await runtime.stopContainer({ containerId, timeout: 0n })
  const listing = await workloads.exec(await run(idleConfig(name('peek'))), 'ps')
  assert.not.match(listing, /4242/)
})

test('verbose status names the process of the container', async () => {
  const containerId = await run(idleConfig(name('verbose')))
  const { info } = await runtime.containerStatus({ containerId, verbose: true })
  const { pid, sandboxID } = JSON.parse(info['info'] ?? '{}') as { pid: number; sandboxID: string }
  process.kill(pid, 0)
  assert.is(sandboxID, podSandboxId)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
