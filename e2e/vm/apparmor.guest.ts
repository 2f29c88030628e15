// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SecurityProfile_ProfileType as ProfileType } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { HOST_NETWORK, idleConfig, podConfig } from '../harness/workloads.ts'
import { installAppArmor } from './install-apparmor.ts'

// The default AppArmor profile; critest has specs for profiles of others only. Run in the guest by main.ts.

await installAppArmor('/run/gantry-tools')
const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const namespaceOptions = HOST_NETWORK
const pod = podConfig(place, 'confined', {
  linux: { cgroupParent: `${place.cgroupParent}/confined`, securityContext: { namespaceOptions, privileged: true } },
})
const podSandboxId = await workloads.runPod(pod)
const CONFINED = 'gantry-default (enforce)'

test.after(() => daemon[Symbol.asyncDispose]())

function run(name: string, context: object): Promise<string> {
  const linux = { securityContext: { namespaceOptions, ...context } }
  return workloads.runContainer(podSandboxId, idleConfig(workloads.name(name), { linux }), pod)
}

async function profileOf(containerId: string): Promise<string> {
  return (await workloads.exec(containerId, 'cat', '/proc/1/attr/current')).trim()
}

test('the default profile is loaded once the daemon is ready', async () => {
  assert.match(await readFile('/sys/kernel/security/apparmor/profiles', 'utf8'), `${CONFINED}\n`)
})

test('a container that asks for nothing is confined, and so is what is run in it', async () => {
  const id = await run('plain', {})
  assert.is(await profileOf(id), CONFINED)
  assert.is((await workloads.exec(id, 'cat', '/proc/self/attr/current')).trim(), CONFINED)
  assert.match(await workloads.exec(id, 'ps'), 'sleep')
})

test('one with new privileges forbidden is confined too', async () => {
  assert.is(await profileOf(await run('nnp', { noNewPrivs: true, runAsUser: { value: 1000n } })), CONFINED)
})

test('what capabilities and namespaces allow, the profile denies', async () => {
  const id = await run('admin', {
    capabilities: { addCapabilities: ['ALL'] },
    seccomp: { profileType: ProfileType.Unconfined },
  })
  const { exitCode, stderr } = await runtime.execSync({
    containerId: id,
    cmd: ['mount', '-t', 'tmpfs', 'tmpfs', '/tmp'],
    timeout: 20n,
  })
  assert.is.not(exitCode, 0)
  assert.match(String(stderr), /ermission denied/)
})

test('an unconfined container and a privileged one are not', async () => {
  const unconfined = await run('unconfined', { apparmor: { profileType: ProfileType.Unconfined } })
  assert.is(await profileOf(unconfined), 'unconfined')
  assert.is(await profileOf(await run('privileged', { privileged: true })), 'unconfined')
})

test('a confined container ends on SIGTERM and on SIGKILL', async () => {
  const id = await run('stopped', {})
  await runtime.stopContainer({ containerId: id, timeout: 1n })
  assert.is((await workloads.status(id)).exitCode, 137)
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
