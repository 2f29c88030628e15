// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dialSpdy } from '../../shim/streaming/testing/spdy-client.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { podConfig, readLog, scriptConfig, textOf } from '../harness/workloads.ts'
import { crictl, crictlAtTerminal, TRANSPORTS } from './crictl.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'attached')
const podSandboxId = await workloads.runPod(pod)

test.after(() => daemon[Symbol.asyncDispose]())

/** Answers each line, with a word on both outputs, until there are no more. */
const ANSWERING = 'while read line; do echo "out $line"; echo "err $line" >&2; done; echo over'

function run(name: string, script: string, change: { stdin?: boolean; stdinOnce?: boolean; tty?: boolean }) {
  return workloads.runContainer(podSandboxId, scriptConfig(name, script, change), pod)
}

async function attach(containerId: string, { stdin = true, tty = false } = {}) {
  const { url } = await runtime.attach({ containerId, stdin, tty, stdout: true, stderr: !tty })
  const client = await dialSpdy(url, ['v4.channel.k8s.io'])
  const error = await client.open({ streamtype: 'error' })
  const input = stdin ? await client.open({ streamtype: 'stdin' }) : undefined
  const stdout = await client.open({ streamtype: 'stdout' })
  const stderr = tty ? undefined : await client.open({ streamtype: 'stderr' })
  const resize = tty ? await client.open({ streamtype: 'resize' }) : undefined
  return { client, error, input, stdout, stderr, resize }
}

for (const transport of TRANSPORTS) {
  test(`${transport}: what is piped in reaches the container, which ends with it where stdin is meant once`, async () => {
    const id = await run(`once-${transport}`, ANSWERING, { stdin: true, stdinOnce: true })
    const { code, stdout, stderr } = await crictl(
      daemon.socket,
      ['attach', `--transport=${transport}`, '-i', id],
      'a\nb\n',
    )
    assert.equal([code, stdout, stderr.includes('err a\nerr b\n')], [0, 'out a\nout b\nover\n', true])
    assert.is((await workloads.waitForExit(id)).exitCode, 0)
  })

  test(`${transport}: at a terminal the container’s terminal takes what is typed`, async () => {
    // The size travels on a stream of its own, and may come after the line: until then stty complains on the terminal.
    const script =
      'read line; echo "got $line"; until [ "$(stty size 2>/dev/null)" = "33 77" ]; do sleep 0.1; done; stty size'
    const id = await run(`typed-${transport}`, script, { stdin: true, tty: true })
    const args = ['attach', `--transport=${transport}`, '-it', id]
    const { stdout } = await crictlAtTerminal(daemon.socket, { rows: 33, columns: 77 }, args, 'hello\n')
    assert.match(stdout, /got hello\s+33 77/)
  })
}

test('a container whose stdin stays open is attached to again and again', async () => {
  const id = await run('again', ANSWERING, { stdin: true })
  for (const line of ['one', 'two', 'three']) {
    const { client, input, stdout, stderr } = await attach(id)
    input?.write(`${line}\n`)
    input?.end()
    await stdout.until(`out ${line}`)
    await stderr?.until(`err ${line}`)
    client.socket.destroy()
  }
  assert.is((await workloads.status(id)).finishedAt, 0n)
})

test('two clients see the same output, and the log has it once', async () => {
  const id = await run('two', ANSWERING, { stdin: true, stdinOnce: true })
  const [first, second] = [await attach(id), await attach(id, { stdin: false })]
  // A client hears what is said from when it is joined, and nothing tells it when that is.
  await waitFor('the second hears', () => {
    first.input?.write('sync\n')
    return second.stdout.received > 0
  })
  first.input?.write('word\n')
  first.input?.end()
  const all = await first.stdout.text
  assert.ok(all.endsWith('out word\nover\n'), all)
  assert.ok(all.endsWith(await second.stdout.text))
  const { logPath } = await workloads.waitForExit(id)
  assert.is(textOf(await readLog(logPath), 'stdout'), all)
})

test('the end of the container is a success, whatever its exit code', async () => {
  const id = await run('ends', 'read line; exit 9', { stdin: true })
  const { error, input } = await attach(id)
  input?.write('\n')
  assert.is(JSON.parse(await error.text).status, 'Success')
})

test('a terminal takes the size of the window it is seen in', async () => {
  const id = await run('sized', 'until [ "$(stty size 2>/dev/null)" = "12 34" ]; do :; done; echo sized', {
    stdin: true,
    tty: true,
  })
  const { resize, stdout } = await attach(id, { tty: true })
  resize?.write('{"Width":99,"Height":99}\n{"Width":34,"Height":12}\n')
  await stdout.until('sized')
})

test('a client that does not read does not stop the container for ever', async () => {
  const script = 'read line; dd if=/dev/zero bs=65536 count=400 2>/dev/null; echo done >&2'
  const id = await run('flood', script, { stdin: true })
  const { client, input } = await attach(id)
  client.socket.pause()
  input?.write('\n')
  const { exitCode } = await workloads.waitForExit(id, 40_000)
  assert.is(exitCode, 0)
  client.socket.destroy()
})

test('bad requests are refused before there is a URL', async () => {
  const request = { containerId: randomUUID(), tty: false, stdin: true, stdout: true, stderr: true }
  await expectFailure(runtime.attach(request), 'NOT_FOUND')
  await expectFailure(runtime.attach({ ...request, containerId: '' }), 'INVALID_ARGUMENT')
  const { status } = await workloads.runToEnd(podSandboxId, scriptConfig('ended', 'exit 0'), pod)
  await expectFailure(runtime.attach({ ...request, containerId: status.id }), 'FAILED_PRECONDITION', 'exited')
  const id = await run('running', 'sleep 3600', {})
  await expectFailure(runtime.attach({ ...request, containerId: id, tty: true }), 'INVALID_ARGUMENT', 'tty')
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
