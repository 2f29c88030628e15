// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { idleConfig, podConfig } from '../harness/workloads.ts'

const GANTRY = resolve(import.meta.dirname, '../../bin/gantry')
const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox, IMAGES.tagged, IMAGES.taggedToo] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const config = podConfig(place, 'web')
const pod = await workloads.runPod(config)
const container = await workloads.runContainer(pod, idleConfig('main'), config)

test.after(() => daemon[Symbol.asyncDispose]())

interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the operator's command as a person would, from another directory. */
function gantry(...args: string[]): Promise<Said> {
  return new Promise((done) => {
    const options = { cwd: '/', timeout: 30_000, maxBuffer: 16 * 1024 * 1024 }
    execFile(GANTRY, ['--listen', `unix://${daemon.socket}`, ...args], options, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr })
    })
  })
}

async function pidOf(containerId: string): Promise<number> {
  const { info } = await runtime.containerStatus({ containerId, verbose: true })
  return (JSON.parse(info['info'] ?? '{}') as { pid: number }).pid
}

test('gantry ps shows each pod with its containers, states, images and processes', async () => {
  const { code, stdout, stderr } = await gantry('ps')
  assert.equal([code, stderr], [0, ''])
  const [heading, podLine, containerLine, ...rest] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {3,}/))
  assert.equal(heading, ['POD', 'NAMESPACE', 'CONTAINER', 'ID', 'STATE', 'IMAGE', 'AGE', 'PID'])
  assert.equal(podLine?.slice(0, 6), ['web', 'suite', '-', pod.slice(0, 13), 'ready', '-'])
  assert.equal(containerLine?.slice(0, 6), ['web', 'suite', 'main', container.slice(0, 13), 'running', IMAGES.busybox])
  assert.is(containerLine?.[7], String(await pidOf(container)))
  assert.equal(rest, [])
})

test('gantry ps --json gives whole ids to programs', async () => {
  const { stdout } = await gantry('ps', '--json')
  const rows = JSON.parse(stdout) as { id: string; container: string }[]
  assert.equal(
    rows.map(({ id }) => id),
    [pod, container],
  )
})

test('gantry images lists every name', async () => {
  const { code, stdout } = await gantry('images')
  assert.is(code, 0)
  for (const name of [IMAGES.busybox, IMAGES.tagged, IMAGES.taggedToo]) assert.ok(stdout.includes(name), stdout)
})

test('gantry inspect takes the short ids that ps shows, of containers and of pods', async () => {
  const inspected = JSON.parse((await gantry('inspect', container.slice(0, 13))).stdout)
  assert.equal(
    [inspected.kind, inspected.status.id, inspected.status.state],
    ['container', container, 'CONTAINER_RUNNING'],
  )
  assert.is(inspected.info.info.pid, await pidOf(container))
  const inspectedPod = JSON.parse((await gantry('inspect', pod)).stdout)
  assert.equal([inspectedPod.kind, inspectedPod.status.state], ['pod', 'SANDBOX_READY'])
})

test('gantry explain shows the operations of the start with their times', async () => {
  const { code, stdout } = await gantry('explain', container.slice(0, 13))
  assert.is(code, 0)
  for (const operation of ['pivot_root', 'execve', 'mount']) assert.match(stdout, new RegExp(operation))
  assert.match(stdout, /\d+(\.\d+)? ?(µs|us|ms)/)
})

test('gantry explain --seccomp lists what a container may call', async () => {
  const { code, stdout, stderr } = await gantry('explain', '--seccomp', container.slice(0, 13))
  assert.is(code, 0, stderr)
  assert.match(stdout, /^no seccomp filter|^allowed \(\d+\):\n {2}accept /m)
})

test('gantry explain shows where a start failed, and why', async () => {
  const bad = idleConfig('bad', { command: ['/no/such/program'] })
  const { containerId } = await runtime.createContainer({ podSandboxId: pod, config: bad, sandboxConfig: config })
  await runtime.startContainer({ containerId }).catch(() => undefined)
  const { code, stdout } = await gantry('explain', containerId)
  assert.is(code, 0)
  assert.match(stdout, /execve.*\/no\/such\/program.*ENOENT|ENOENT.*execve/)
  await runtime.removeContainer({ containerId })
})

test('gantry explain of a container that was not started, of a pod, and of nothing says which it is', async () => {
  const { containerId } = await runtime.createContainer({
    podSandboxId: pod,
    config: idleConfig('created'),
    sandboxConfig: config,
  })
  const created = await gantry('explain', containerId)
  assert.is(created.code, 1)
  assert.match(created.stderr, /^gantry: explain ".*": no start is on record/)
  const ofPod = await gantry('explain', pod)
  assert.match(ofPod.stderr, /it is a pod.*main \(/)
  const nothing = await gantry('explain', 'feedbeef')
  assert.is(nothing.code, 1)
  assert.match(nothing.stderr, /"feedbeef": no container has this id/)
  await runtime.removeContainer({ containerId })
})

test('gantry inspect of an id that nobody has is one clear line', async () => {
  const { code, stdout, stderr } = await gantry('inspect', 'feedbeef')
  assert.equal([code, stdout], [1, ''])
  assert.is(stderr, 'gantry: inspect "feedbeef": no container or pod has this id\n')
})

test('gantry version names the daemon', async () => {
  const { stdout } = await gantry('version')
  assert.match(stdout, /^gantry +\d+\.\d+\.\d+$/m)
  assert.match(stdout, /^daemon gantry.* \d+\.\d+\.\d+ \(CRI v1\)/m)
})

test('gantry check finds this node fit, with a root that the daemon works in', async () => {
  const { code, stdout } = await gantry('check', '--root', daemon.root, '--cni-conf-dir', daemon.cniConfDirectory)
  assert.is(code, 0, stdout)
  assert.match(stdout, /^ok +overlay +mounts below/m)
  assert.match(stdout, /^warning +network/m)
  assert.match(stdout, /this node is fit: 0 failures/)
})

test('gantry check fails where overlay cannot work', async () => {
  const { code, stdout } = await gantry('check', '--root', '/proc/gantry')
  assert.is(code, 1)
  assert.match(stdout, /^failure +/m)
})

test('gantry explain-pull names the addresses that a pull asks, in their order, and the file that decided', async () => {
  const certs = join(daemon.directory, 'certs.d')
  const { code, stdout } = await gantry('explain-pull', IMAGES.busybox, '--registry-config-dir', certs)
  const [reference, origin, , , first] = stdout.split('\n')
  const { endpoint } = daemon.registry
  assert.equal([code, reference, origin], [0, IMAGES.busybox, `decided by ${certs}/registry.local/hosts.toml`])
  const url = `${endpoint}/v2/busybox/manifests/1?ns=registry.local`
  assert.ok(first?.startsWith(`1      ${url}   resolve, pull`), stdout)
  const json = JSON.parse(
    (await gantry('explain-pull', 'quay.io/a/b', '--json', '--registry-config-dir', certs)).stdout,
  )
  assert.equal(json.steps, [{ url: 'https://quay.io/v2/a/b/manifests/latest', for: ['resolve', 'pull'], notes: [] }])
  const wrong = await gantry('explain-pull', 'NOT/A/NAME')
  assert.is(wrong.code, 1)
  assert.match(wrong.stderr, /NOT\/A\/NAME.*lower case/)
})

test('a command line that makes no sense is exit code 2', async () => {
  for (const args of [['frobnicate'], ['inspect'], ['ps', 'what'], ['ps', '--what'], []]) {
    const { code, stderr } = await gantry(...args)
    assert.is(code, 2, args.join(' '))
    assert.match(stderr, /^gantry: read command line: .*\(gantry --help\)\n$/s)
  }
})

test('a daemon that does not answer is exit code 1 and one line', async () => {
  const { code, stderr } = await gantry('--listen', 'unix:///no/such.sock', 'ps')
  assert.is(code, 1)
  assert.match(stderr, /^gantry: connect to "unix:\/\/\/no\/such\.sock": nobody answers.*\n$/)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
