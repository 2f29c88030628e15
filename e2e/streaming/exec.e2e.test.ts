// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dialSpdy } from '../../shim/streaming/testing/spdy-client.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'
import { crictl, crictlAtTerminal, TRANSPORTS } from './crictl.ts'

const daemon = await DaemonUnderTest.start({
  network: 'none',
  pull: [IMAGES.busybox],
  flags: { 'streaming-idle-timeout-ms': '4000' },
})
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'execs')
const podSandboxId = await workloads.runPod(pod)
const containerId = await workloads.runContainer(podSandboxId, idleConfig('main', { workingDir: '/tmp' }), pod)
const SIZE = { rows: 41, columns: 97 }
const PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io']

test.after(() => daemon[Symbol.asyncDispose]())

const sh = (script: string) => ['/bin/sh', '-c', script]

/** Command lines of all processes the container has. */
async function processes(): Promise<string> {
  return workloads.exec(containerId, ...sh('cat /proc/[0-9]*/cmdline | tr "\\0" " "'))
}

for (const transport of TRANSPORTS) {
  const exec = (flags: readonly string[], cmd: readonly string[], input = '') =>
    crictl(daemon.socket, ['exec', `--transport=${transport}`, ...flags, containerId, ...cmd], input)

  test(`${transport}: output and errors come back separately`, async () => {
    const { code, stdout, stderr } = await exec([], sh('echo out; echo err >&2'))
    assert.equal([code, stdout, stderr], [0, 'out\n', 'err\n'])
  })

  test(`${transport}: what is piped in reaches the command, and its end does too`, async () => {
    const input = 'line\n'.repeat(100_000)
    const { code, stdout, stderr } = await exec(['-i'], sh('wc -c; echo read >&2'), input)
    assert.equal([code, stdout.trim(), stderr], [0, '500000', 'read\n'])
  })

  test(`${transport}: a command with input may answer long after its end`, async () => {
    const { stdout } = await exec(['-i'], sh('cat > /tmp/got; sleep 0.3; cat /tmp/got'), 'question')
    assert.is(stdout, 'question')
  })

  test(`${transport}: megabytes of output come whole, and last before the end`, async () => {
    const { code, stdout } = await exec([], sh('dd if=/dev/zero bs=65536 count=128 2>/dev/null | tr "\\0" x; echo end'))
    assert.is(code, 0)
    assert.is(stdout.length, 128 * 65536 + 4)
    assert.ok(stdout.endsWith('xend\n'))
  })

  test(`${transport}: the exit code is the command’s`, async () => {
    const { code, stderr } = await exec([], sh('exit 17'))
    assert.is.not(code, 0)
    assert.match(stderr, /17/)
  })

  test(`${transport}: a command that is not there is told with its name`, async () => {
    const { code, stderr } = await exec([], ['/no/such/command'])
    assert.is.not(code, 0)
    assert.match(stderr, /\/no\/such\/command.*ENOENT/)
  })

  test(`${transport}: at a terminal the command has one too, of the same size`, async () => {
    const script =
      'until [ "$(stty size)" = "41 97" ]; do :; done; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo "$TERM sized"'
    const args = ['exec', `--transport=${transport}`, '-it', containerId, ...sh(script)]
    const { code, stdout } = await crictlAtTerminal(daemon.socket, SIZE, args, '')
    assert.match(stdout, /xterm sized/)
    assert.is(code, 0)
  })

  test(`${transport}: a shell at a terminal takes what is typed`, async () => {
    const args = ['exec', `--transport=${transport}`, '-it', containerId, '/bin/sh']
    const { stdout } = await crictlAtTerminal(daemon.socket, SIZE, args, 'echo $((6 * 7))\nexit\n')
    assert.match(stdout, /42/)
  })
}

async function open(request: { cmd: string[]; stdin?: boolean; tty?: boolean }, protocols = PROTOCOLS) {
  const { cmd, stdin = false, tty = false } = request
  const { url } = await runtime.exec({ containerId, cmd, stdin, tty, stdout: true, stderr: !tty })
  const client = await dialSpdy(url, protocols)
  const error = await client.open({ streamtype: 'error' })
  const input = stdin ? await client.open({ streamtype: 'stdin' }) : undefined
  const stdout = await client.open({ streamtype: 'stdout' })
  const stderr = tty ? undefined : await client.open({ streamtype: 'stderr' })
  return { client, error, input, stdout, stderr }
}

test('since v4 the end is a status, with the exit code in it', async () => {
  const { error, stdout } = await open({ cmd: sh('echo out; exit 3') })
  assert.is(await stdout.text, 'out\n')
  const status = JSON.parse(await error.text)
  assert.equal([status.status, status.reason], ['Failure', 'NonZeroExitCode'])
  assert.equal(status.details.causes, [{ reason: 'ExitCode', message: '3' }])
})

test('before v4 the end is text where it failed, and nothing where not', async () => {
  for (const version of ['v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io']) {
    assert.is(await (await open({ cmd: sh('exit 0') }, [version])).error.text, '')
    assert.match(await (await open({ cmd: sh('exit 4') }, [version])).error.text, /exit code.* 4/)
  }
})

test('a command killed by a signal gives 128 and the signal', async () => {
  const { error } = await open({ cmd: sh('kill -9 $$') })
  assert.match(await error.text, /"ExitCode","message":"137"/)
})

test('a client that goes away takes its command along', async () => {
  const { client, stdout } = await open({ cmd: sh('echo up; sleep 7001') })
  await stdout.until('up')
  assert.match(await processes(), /sleep 7001/)
  client.socket.destroy()
  await waitFor('the command is gone', async () => !/sleep 7001/.test(await processes()))
})

test('a command ends with its container, and the client is told', async () => {
  const other = await workloads.runContainer(podSandboxId, idleConfig('other'), pod)
  const { url } = await runtime.exec({
    containerId: other,
    cmd: sh('echo up; sleep 7002'),
    stdin: false,
    tty: false,
    stdout: true,
    stderr: false,
  })
  const client = await dialSpdy(url, PROTOCOLS)
  const error = await client.open({ streamtype: 'error' })
  const stdout = await client.open({ streamtype: 'stdout' })
  await stdout.until('up')
  await runtime.stopContainer({ containerId: other, timeout: 0n })
  assert.match(await error.text, /137/)
})

test('twenty execs at the same time each have their own streams', async () => {
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, n) => open({ cmd: sh(`cat; echo number ${n}`), stdin: true })),
  )
  for (const { input } of all) {
    input?.write('echoed ')
    input?.end()
  }
  const texts = await Promise.all(all.map(({ stdout }) => stdout.text))
  assert.equal(
    texts,
    all.map((_, n) => `echoed number ${n}\n`),
  )
})

test('bad requests are refused before there is a URL', async () => {
  const request = { containerId, cmd: ['/bin/true'], tty: false, stdin: false, stdout: true, stderr: true }
  await expectFailure(runtime.exec({ ...request, containerId: '' }), 'INVALID_ARGUMENT')
  await expectFailure(runtime.exec({ ...request, containerId: randomUUID() }), 'NOT_FOUND')
  await expectFailure(runtime.exec({ ...request, tty: true }), 'INVALID_ARGUMENT', 'tty')
  await expectFailure(runtime.exec({ ...request, stdout: false, stderr: false }), 'INVALID_ARGUMENT', 'stdin')
  await expectFailure(runtime.exec({ ...request, cmd: [] }), 'INVALID_ARGUMENT', 'cmd')
  const { status } = await workloads.runToEnd(podSandboxId, scriptConfig('ended', 'exit 0'), pod)
  await expectFailure(runtime.exec({ ...request, containerId: status.id }), 'FAILED_PRECONDITION', 'exited')
})

test('a container that ends between the URL and its use is told to the client', async () => {
  const short = await workloads.runContainer(podSandboxId, idleConfig('short'), pod)
  const { url } = await runtime.exec({
    containerId: short,
    cmd: ['/bin/true'],
    tty: false,
    stdin: false,
    stdout: true,
    stderr: false,
  })
  await runtime.stopContainer({ containerId: short, timeout: 0n })
  const client = await dialSpdy(url, PROTOCOLS)
  const error = await client.open({ streamtype: 'error' })
  await client.open({ streamtype: 'stdout' })
  assert.match(await error.text, /exited, expected running/)
})

test('a stream that is silent for too long is ended, and its command with it', async () => {
  const { error, stdout } = await open({ cmd: sh('echo up; sleep 7003') })
  await stdout.until('up')
  assert.is(await error.text, '')
  await waitFor('the command is gone', async () => !/sleep 7003/.test(await processes()))
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
