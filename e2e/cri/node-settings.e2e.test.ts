// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'
import { runCommand } from '../images/command.ts'

// Limits that nobody would choose: the daemon inherits them from this process.
await runCommand('prlimit', [`--pid=${process.pid}`, '--stack=4194304:', '--core=12345:', '--locks=77:'])
const daemon = await DaemonUnderTest.start({
  network: 'none',
  pull: [IMAGES.busybox],
  flags: { 'default-rlimits': 'NOFILE=1024:4096,NPROC=500', 'ignore-blockio-not-enabled-errors': 'true' },
})
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'settings')
const podSandboxId = await workloads.runPod(pod)

test.after(() => daemon[Symbol.asyncDispose]())

/** proc_pid_limits(5): name to soft and hard. */
function limitsOf(text: string): Record<string, string> {
  const rows = [...text.matchAll(/^Max (.+?) {2,}(\S+) +(\S+)/gm)]
  return Object.fromEntries(rows.map(([, name = '', soft, hard]) => [name, `${soft}:${hard}`]))
}

test('the limits of a container are those of the configuration, whatever the daemon’s are', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig('limited'), pod)
  const inside = limitsOf(await workloads.exec(id, 'cat', '/proc/1/limits'))
  assert.equal([inside['open files'], inside['processes']], ['1024:4096', '500:500'])
  assert.equal(
    [inside['stack size'], inside['core file size'], inside['file locks']],
    ['8388608:unlimited', '0:unlimited', 'unlimited:unlimited'],
  )
  assert.equal(limitsOf(await workloads.exec(id, 'cat', '/proc/self/limits')), inside, 'a command has the same')
})

test('verbose status tells the settings and the limits in force', async () => {
  const { info } = await runtime.status({ verbose: true })
  const parsed = Object.fromEntries(Object.entries(info).map(([name, text]) => [name, JSON.parse(text)]))
  assert.is(parsed['config'].defaultRlimits, 'NOFILE=1024:4096,NPROC=500')
  const files = parsed['rlimits'].find(({ type }: { type: string }) => type === 'RLIMIT_NOFILE')
  assert.equal(files, { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 })
  assert.ok(parsed['cni'].directory.startsWith(daemon.directory), info['cni'])
})

test('a blockio or RDT class that the node does not have is refused, unless it is told not to mind', async () => {
  const blockio = { annotations: { 'io.kubernetes.cri.blockio-class': 'slow' } }
  assert.is((await workloads.runToEnd(podSandboxId, scriptConfig('io', 'echo runs', blockio), pod)).stdout, 'runs\n')
  const config = idleConfig('cache', { annotations: { 'io.kubernetes.cri.rdt-class': 'gold' } })
  const call = runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  await expectFailure(call, 'FAILED_PRECONDITION', 'gold', 'rdt-class', 'ignore-rdt-not-enabled-errors')
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
