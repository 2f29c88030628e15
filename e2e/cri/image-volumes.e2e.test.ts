// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Mount } from '../../cri-proto/index.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { HOST_NETWORK, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox, IMAGES.layered] })
const { workloads, place } = daemon
const { runtime, image } = daemon.client
const pod = podConfig(place, 'volumes', { linux: { securityContext: { namespaceOptions: HOST_NETWORK } } })
const podSandboxId = await workloads.runPod(pod)

test.after(() => daemon[Symbol.asyncDispose]())

function volume(imageSubPath = ''): Mount {
  return Mount.fromPartial({ containerPath: '/volume', readonly: true, image: imageSpec(IMAGES.layered), imageSubPath })
}

function configOf(script: string, mount: Mount) {
  return scriptConfig(workloads.name('v'), script, {
    mounts: [mount],
    linux: { securityContext: { namespaceOptions: HOST_NETWORK } },
  })
}

test('an image as a volume shows all of its layers, read-only', async () => {
  const config = configOf('ls /volume/lower; touch /volume/x', volume())
  const { stdout, stderr } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.match(stdout, /./)
  assert.not.match(stdout, /gone/)
  assert.match(stderr, /Read-only file system/)
})

test('a path of an image is a volume of its own', async () => {
  const whole = await workloads.runToEnd(podSandboxId, configOf('ls /volume/lower', volume()), pod)
  const part = await workloads.runToEnd(podSandboxId, configOf('ls /volume', volume('lower')), pod)
  assert.is(part.stdout, whole.stdout)
})

test('a path that is no directory of the image is refused in the words the kubelet looks for', async () => {
  const config = configOf('true', volume('no/such/place'))
  await expectFailure(
    runtime.createContainer({ podSandboxId, config, sandboxConfig: pod }),
    'FAILED_PRECONDITION',
    /ImageVolumeMountFailed.*no\/such\/place/,
  )
})

test('an image that was removed stays for the container that has it as a volume', async () => {
  const config = configOf('until [ -e /tmp/go ]; do sleep 0.1; done; ls /volume/lower', volume())
  const { containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  await image.removeImage({ image: imageSpec(IMAGES.layered) })
  await runtime.startContainer({ containerId })
  assert.match(await workloads.exec(containerId, 'ls', '/volume/lower'), /./)
  await runtime.removeContainer({ containerId })
})

test.run()
