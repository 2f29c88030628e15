// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Mount, MountPropagation } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { HungMount } from '../harness/hung-mount.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { idleConfig, podConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({
  network: 'none',
  pull: [IMAGES.busybox],
  flags: { 'launch-deadline-ms': '2000' },
})
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'hung')
const podSandboxId = await workloads.runPod(pod)
const hung = await HungMount.make()
/** More than there are threads for files in the daemon. */
const CALLERS = 12

test.after(async () => {
  await hung[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

function configOf(propagation: MountPropagation) {
  const mount = Mount.fromPartial({ hostPath: join(hung.path, 'volume'), containerPath: '/mnt', propagation })
  return idleConfig(workloads.name('c'), { mounts: [mount] })
}

/** A pod from its beginning to its end: files are read, written and removed on the way. */
async function expectHealthy(): Promise<void> {
  const config = podConfig(place, workloads.name('healthy'))
  const id = await workloads.runPod(config)
  assert.is(await workloads.exec(await workloads.runContainer(id, idleConfig('main'), config), 'echo', 'ok'), 'ok\n')
  await workloads.removePod(id)
}

test('volumes on a dead file server cost their own containers a clear error, and nobody else anything', async () => {
  const creating = Array.from({ length: CALLERS }, () =>
    expectFailure(
      runtime.createContainer({
        podSandboxId,
        config: configOf(MountPropagation.PROPAGATION_HOST_TO_CONTAINER),
        sandboxConfig: pod,
      }),
      'DEADLINE_EXCEEDED',
      hung.path,
      'config.mounts[0].host_path',
      'file server',
    ),
  )
  // Each is awaited below; a failed assertion must not end the process before that.
  const settled = Promise.allSettled(creating)
  await expectHealthy()
  for (const result of await settled) if (result.status === 'rejected') throw result.reason
  assert.equal((await runtime.listContainers({})).containers, [])
})

test('a start that hangs on such a volume is ended at its deadline, and names the volume', async () => {
  const config = configOf(MountPropagation.PROPAGATION_PRIVATE)
  const { containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  const starting = expectFailure(runtime.startContainer({ containerId }), 'DEADLINE_EXCEEDED', hung.path, '/mnt')
  const settled = Promise.allSettled([starting])
  await expectHealthy()
  for (const result of await settled) if (result.status === 'rejected') throw result.reason
  const { reason, message } = await workloads.status(containerId)
  assert.is(reason, 'StartError')
  assert.ok(message.includes(hung.path), message)
  await runtime.removeContainer({ containerId })
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
