// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dialSpdy, type SpdyClient } from '../../shim/streaming/testing/spdy-client.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { networkedPodConfig, podConfig, scriptConfig } from '../harness/workloads.ts'
import { crictlCommand, TRANSPORTS } from './crictl.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = networkedPodConfig(place, 'forwarded')
const podSandboxId = await workloads.runPod(pod)
/** Answers when its client has said all: it shows that the end of one direction is handed on, and the other goes on. */
const SERVER = 'echo "got $(cat)"'
const serverId = await workloads.runContainer(
  podSandboxId,
  scriptConfig('server', `nc -ll -p 7000 -e /bin/sh -c '${SERVER}' & nc -ll -p 7001 -e /bin/cat & exec sleep 3600`),
  pod,
)
await waitFor('both ports are listened on', async () =>
  /:1B58.*:1B59|:1B59.*:1B58/s.test(await workloads.exec(serverId, 'cat', '/proc/net/tcp', '/proc/net/tcp6')),
)

/** An echo on the host, for a pod on the host's network: unlike busybox's nc it takes many connections at a time. */
const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
await once(echo, 'listening')
const echoPort = (echo.address() as AddressInfo).port
const hostPodId = await workloads.runPod(podConfig(place, 'onhost'))

test.after(async () => {
  echo.close()
  await daemon[Symbol.asyncDispose]()
})

/** crictl port-forward to a port of the pod, and the local port it listens on. */
async function forward(
  transport: string,
  port: number,
  podId = podSandboxId,
): Promise<{ child: ChildProcess; local: number }> {
  const [program, ...endpoint] = crictlCommand(daemon.socket)
  const args = [...endpoint, 'port-forward', `--transport=${transport}`, podId, `:${port}`]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk
  })
  const local = await waitFor('crictl listens', () => /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said)?.[1])
  return { child, local: Number(local) }
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGINT')
  await once(child, 'close')
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a connection to the forwarded port reaches the pod, and each end comes through`, async () => {
    const { child, local } = await forward(transport, 7000)
    for (const word of ['first', 'second']) {
      const socket = await dial(local)
      socket.end(word)
      assert.is(await text(socket), `got ${word}\n`)
    }
    await stop(child)
  })

  test(`${transport}: twenty connections at the same time do not mix`, async () => {
    const { child, local } = await forward(transport, echoPort, hostPodId)
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const socket = await dial(local)
        socket.end(`number ${n} `.repeat(20_000))
        return text(socket)
      }),
    )
    assert.equal(
      answers.map((answer, n) => answer === `number ${n} `.repeat(20_000)),
      Array(20).fill(true),
    )
    await stop(child)
  })
}

async function openPair(client: SpdyClient, port: number, requestid: string) {
  const headers = { port: String(port), requestid }
  const error = await client.open({ streamtype: 'error', ...headers }, true)
  return { error, data: await client.open({ streamtype: 'data', ...headers }) }
}

async function session(id = podSandboxId): Promise<SpdyClient> {
  const { url } = await runtime.portForward({ podSandboxId: id, port: [] })
  return dialSpdy(url, ['portforward.k8s.io'])
}

test('a port where nobody listens is told on its error stream, and ends no other', async () => {
  const client = await session()
  const good = await openPair(client, 7001, '0')
  const bad = await openPair(client, 7999, '1')
  assert.match(await bad.error.text, /error forwarding port 7999 to pod .*ECONNREFUSED/)
  good.data.write('still ')
  await good.data.until('still')
  good.data.write('there')
  good.data.end()
  assert.is(await good.data.text, 'still there')
  assert.is(await good.error.text, '')
  client.socket.destroy()
})

test('streams without a port, with a wrong one or of no known type are reset; the session goes on', async () => {
  const client = await session()
  for (const headers of [
    { streamtype: 'data' },
    { streamtype: 'data', port: '0' },
    { streamtype: 'data', port: '65536' },
    { streamtype: 'x', port: '7001' },
  ]) {
    assert.match(String(await client.open(headers).catch(String)), /was reset/)
  }
  const { data } = await openPair(client, 7001, '5')
  data.write('fine')
  data.end()
  assert.is(await data.text, 'fine')
  client.socket.destroy()
})

test('clients from before requestid are understood', async () => {
  const client = await session()
  await client.open({ streamtype: 'error', port: '7001' })
  const data = await client.open({ streamtype: 'data', port: '7001' })
  data.write('old')
  data.end()
  assert.is(await data.text, 'old')
  client.socket.destroy()
})

/** Relays that run for this daemon's pods. */
async function relays(): Promise<number> {
  return (await daemon.traces()).filter((trace) => /gantry-relay/.test(trace)).length
}

test('a client that resets a stream or goes away leaves no relay behind', async () => {
  const client = await session()
  const pairs = await Promise.all(['0', '1', '2'].map((id) => openPair(client, 7001, id)))
  for (const { data } of pairs) data.write('x')
  for (const { data } of pairs) await data.until('x')
  assert.is(await relays(), 3)
  pairs[0]?.data.reset()
  await waitFor('one relay less', async () => (await relays()) === 2)
  client.socket.destroy()
  await waitFor('no relay', async () => (await relays()) === 0)
})

test('a port of a pod on the host’s network is one of the host', async () => {
  const client = await session(hostPodId)
  const { data } = await openPair(client, echoPort, '0')
  data.write('host')
  data.end()
  assert.is(await data.text, 'host')
  client.socket.destroy()
})

test('bad requests are refused before there is a URL', async () => {
  await expectFailure(runtime.portForward({ podSandboxId: '', port: [80] }), 'INVALID_ARGUMENT')
  await expectFailure(runtime.portForward({ podSandboxId: randomUUID(), port: [80] }), 'NOT_FOUND')
  await expectFailure(runtime.portForward({ podSandboxId, port: [0] }), 'INVALID_ARGUMENT', 'port')
  await expectFailure(runtime.portForward({ podSandboxId, port: [70_000] }), 'INVALID_ARGUMENT', 'port')
  const stopped = await workloads.runPod(podConfig(place, 'stopped'))
  await runtime.stopPodSandbox({ podSandboxId: stopped })
  await expectFailure(runtime.portForward({ podSandboxId: stopped, port: [80] }), 'FAILED_PRECONDITION', 'notready')
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
