// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CONTROL, controlFrame, dataHead } from '../../shim/streaming/spdy/frames.ts'
import { dialSpdy, type SpdyClient, synStream } from '../../shim/streaming/testing/spdy-client.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'hostile')
const podSandboxId = await workloads.runPod(pod)
const containerId = await workloads.runContainer(podSandboxId, idleConfig('main'), pod)
const V4 = ['v4.channel.k8s.io']
const MEGABYTE = 1 << 20
/** What the daemon may keep of a thousand connections that are gone: mostly the code that it ran for the first time. */
const KEPT_BYTES = 32 * MEGABYTE

test.after(() => daemon[Symbol.asyncDispose]())

async function execUrl(cmd = ['/bin/cat']): Promise<string> {
  const request = { containerId, cmd, tty: false, stdin: true, stdout: true, stderr: false }
  return (await runtime.exec(request)).url
}

/** A whole exec, to see that the daemon is as well as ever. */
async function expectHealthy(): Promise<void> {
  const client = await dialSpdy(await execUrl(), V4)
  const error = await client.open({ streamtype: 'error' })
  const stdin = await client.open({ streamtype: 'stdin' })
  const stdout = await client.open({ streamtype: 'stdout' })
  stdin.write('well')
  stdin.end()
  assert.is(await stdout.text, 'well')
  assert.is(JSON.parse(await error.text).status, 'Success')
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

async function openSocket(url: string): Promise<Socket> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => socket.destroy())
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve())
    socket.once('close', () => resolve())
  })
  return socket
}

test('a token is refused when it is replayed, guessed or used for something else', async () => {
  const url = await execUrl()
  ;(await dialSpdy(url, V4)).socket.destroy()
  for (const wrong of [
    url,
    url.replace(/[\w-]{24}$/, 'A'.repeat(24)),
    (await execUrl()).replace('/exec/', '/attach/'),
  ]) {
    assert.match(String(await dialSpdy(wrong, V4).catch(String)), /HTTP 404/)
  }
})

test('URLs that nobody opens are bounded, and those who ask are told', async () => {
  const { url } = await runtime.portForward({ podSandboxId, port: [] })
  const asked = await Promise.allSettled(Array.from({ length: 1000 }, () => execUrl()))
  const refused = asked.filter(({ status }) => status === 'rejected').length
  assert.ok(refused >= 1, 'none of more than a thousand was refused')
  await expectFailure(execUrl(), 'RESOURCE_EXHAUSTED', 'try again')
  // The oldest is still good, and its use makes room.
  const client = await dialSpdy(url, ['portforward.k8s.io'])
  client.socket.destroy()
  await execUrl()
  await daemon.restart()
})

test('a thousand half-open connections keep nobody out, are closed, and leave no memory behind', async () => {
  await expectHealthy()
  const before = residentBytes()
  const url = await execUrl()
  const sockets = await Promise.all(Array.from({ length: 1000 }, () => openSocket(url)))
  // A third says nothing, a third stops within a header, a third before the end of the headers.
  sockets.forEach((socket, index) => {
    if (index % 3 === 1) socket.write('POST /exec/x HTTP/1.1\r\nHost: ')
    if (index % 3 === 2) socket.write('GET /exec/x HTTP/1.1\r\nHost: x\r\n')
  })
  await expectHealthy()
  const closed = sockets.map((socket) => {
    socket.resume()
    return socket.closed ? undefined : new Promise((resolve) => socket.once('close', resolve))
  })
  const began = performance.now()
  await Promise.all(closed)
  assert.ok(performance.now() - began < 20_000)
  await expectHealthy()
  const grown = residentBytes() - before
  assert.ok(grown < KEPT_BYTES, `the daemon kept ${(grown / MEGABYTE).toFixed(1)} MB`)
})

test('headers and header blocks beyond their bounds end their own connection', async () => {
  const socket = await openSocket(await execUrl())
  const gone = new Promise((resolve) => socket.once('close', resolve))
  socket.resume().write(`GET / HTTP/1.1\r\nX: ${'y'.repeat(1_000_000)}`)
  await gone
  const client = await dialSpdy(await execUrl(), V4)
  client.send(synStream(1, await client.headerBlock({ streamtype: 'error', more: 'z'.repeat(MEGABYTE) })))
  await client.closed
  await expectHealthy()
})

const FRAMES: readonly Buffer[] = [
  dataHead(1, 0, true),
  dataHead(99, 0, false),
  controlFrame(CONTROL.rstStream, 0, [1, 5]),
  controlFrame(CONTROL.rstStream, 0, [77, 5]),
  controlFrame(CONTROL.ping, 0, [1]),
  controlFrame(CONTROL.windowUpdate, 0, [1, 0x7fff_ffff]),
  controlFrame(CONTROL.windowUpdate, 0, [0, 1]),
  controlFrame(CONTROL.settings, 0, [1, 7, 0]),
  controlFrame(CONTROL.goAway, 0, [0, 0]),
  controlFrame(CONTROL.synReply, 0, [1]),
  Buffer.concat([dataHead(3, 4, false), Buffer.from('data')]),
]

test('frames in wrong states and broken frames end their own session at most', async () => {
  const random = seededRandom(20_260_802)
  const below = (limit: number): number => Math.floor(random() * limit)
  const attack = async (): Promise<void> => {
    const client: SpdyClient = await dialSpdy(await execUrl(), V4)
    const open = (name: string) => client.open({ streamtype: name }).catch(() => undefined)
    for (const name of ['error', 'stdin', 'stdout'].slice(0, below(4))) await open(name)
    for (let n = 0; n < 30; n++) {
      const frame = Buffer.from(FRAMES[below(FRAMES.length)] ?? [])
      if (below(4) === 0) frame[below(frame.length)] = below(256)
      client.send(frame)
    }
    client.socket.end(() => client.socket.destroy())
    await client.closed
  }
  for (let round = 0; round < 25; round++) await Promise.all([attack(), attack(), attack(), attack()])
  await expectHealthy()
})

test('nothing of all that runs on', async () => {
  const processes = () => workloads.exec(containerId, '/bin/sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')
  await waitFor('every cat is gone', async () => !/\/bin\/cat/.test((await processes()).replace(/\/bin\/sh.*/, '')))
  assert.not.match(await daemon.log(), /"level":(50|60)/)
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
