// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { GantryError } from '../../runtime-core/errors.ts'
import { StreamingServer } from './server.ts'
import { REMOTE_LIMITS } from './spdy-remote.ts'
import { dialSpdy } from './testing/spdy-client.ts'
import type { Ticket } from './ticket.ts'

const errors: unknown[] = []
const clock = { now: 0 }
const server = new StreamingServer({
  listen: '127.0.0.1:0',
  tls: undefined,
  nowMs: () => clock.now,
  limits: { idleMs: 60_000, streamCreationMs: 200 },
  onError: (error) => errors.push(error),
})
await server.listen()
test.after(() => server.close())

const nobody = () => Promise.reject(new GantryError('unavailable', { action: 'find pod', reason: 'there is none' }))
const streams = { stdin: true, stdout: true, stderr: true, tty: false }
const EXEC: Ticket = {
  kind: 'exec',
  command: { streams, endsInput: true, tellsExit: true, open: nobody, start: nobody, resize: nobody },
}
const FORWARD: Ticket = {
  kind: 'portforward',
  forward: { ports: [80], target: { podId: 'p', open: nobody, newId: () => 'id' } },
}
const V4 = 'v4.channel.k8s.io'

/** Asks for an upgrade; the answer's status, headers and text, 101 among them. */
async function ask(url: string, headers: Record<string, string | string[]>, method = 'POST') {
  const [response, socket] = await new Promise<[IncomingMessage, { destroy(): void } | undefined]>(
    (resolve, reject) => {
      const sent = request(url, { method, headers })
      sent.on('response', (answer) => resolve([answer, undefined]))
      sent.on('upgrade', (answer, upgraded) => resolve([answer, upgraded]))
      sent.on('error', reject)
      sent.end()
    },
  )
  const body = socket === undefined ? await text(response) : ''
  socket?.destroy()
  return { status: response.statusCode, headers: response.headersDistinct, body }
}

const upgrade = (...protocols: string[]) => ({
  Connection: 'Upgrade',
  Upgrade: 'SPDY/3.1',
  ...(protocols.length === 0 ? {} : { 'X-Stream-Protocol-Version': protocols }),
})

test('a URL is complete, and on the loopback', () => {
  assert.match(server.url(EXEC), /^http:\/\/127\.0\.0\.1:\d+\/exec\/[\w-]{24}$/)
  assert.match(server.url(FORWARD), /\/portforward\/[\w-]{24}$/)
})

test('a URL is good for one use', async () => {
  const url = server.url(EXEC)
  const first = await ask(url, upgrade(V4))
  assert.equal(
    [first.status, first.headers['upgrade'], first.headers['x-stream-protocol-version']],
    [101, ['SPDY/3.1'], [V4]],
  )
  assert.is((await ask(url, upgrade(V4))).status, 404)
})

test('a URL that nobody gave, of another kind, or too old is not found', async () => {
  const made = server.url(EXEC)
  for (const url of [
    made.replace(/[\w-]{24}$/, 'A'.repeat(24)),
    made.replace('exec', 'attach'),
    made.replace('/exec/', '/'),
  ]) {
    assert.is((await ask(url, upgrade(V4))).status, 404, url)
  }
  const old = server.url(EXEC)
  clock.now += 60_000
  assert.is((await ask(old, upgrade(V4))).status, 404)
})

test('a request without an upgrade or without a protocol is told what is missing, and its URL is used', async () => {
  const plain = server.url(EXEC)
  assert.is((await ask(plain, {}, 'GET')).status, 400)
  assert.is((await ask(plain, upgrade(V4))).status, 404)
  assert.is((await ask(server.url(EXEC), upgrade())).status, 400)
  assert.is((await ask(server.url(EXEC), { ...upgrade(V4), Upgrade: 'h2c' })).status, 400)
})

test('a protocol that is not known is refused with those that are', async () => {
  const answer = await ask(server.url(EXEC), upgrade('v9.channel.k8s.io', 'v5.channel.k8s.io'))
  assert.is(answer.status, 403)
  assert.equal(answer.headers['x-accepted-stream-protocol-versions'], [
    'v4.channel.k8s.io',
    'v3.channel.k8s.io',
    'v2.channel.k8s.io',
    'channel.k8s.io',
  ])
  assert.is((await ask(server.url(FORWARD), upgrade(V4))).status, 403)
})

test('headers without end are refused, and the server goes on', async () => {
  const { port, hostname } = new URL(server.url(EXEC))
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}`)
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk
  })
  // What it had no room for makes the end a reset, which may overtake the answer.
  await new Promise((resolve) => socket.once('close', resolve))
  assert.ok(answer === '' || answer.startsWith('HTTP/1.1 431 '), answer)
  assert.is((await ask(server.url(EXEC), upgrade(V4))).status, 101)
})

test('a client that does not open its streams is cut off', async () => {
  const client = await dialSpdy(server.url(EXEC), [V4])
  await client.open({ streamtype: 'error' })
  await client.closed
  assert.match(String(errors.at(-1)), /stdin, stdout, stderr/)
})

test('what goes wrong before the command runs is told on the error stream', async () => {
  const client = await dialSpdy(server.url(EXEC), [V4])
  const error = await client.open({ streamtype: 'error' })
  for (const streamtype of ['stdin', 'stdout', 'stderr']) await client.open({ streamtype })
  assert.match(JSON.parse(await error.text).message, /find pod: there is none/)
})

test('a WebSocket agrees on the client’s first protocol that is known', async () => {
  const socket = new WebSocket(server.url(EXEC).replace('http', 'ws'), ['v9.channel.k8s.io', 'v5.channel.k8s.io', V4])
  const messages: Buffer[] = []
  socket.on('message', (data: Buffer) => messages.push(data))
  await once(socket, 'close')
  assert.is(socket.protocol, 'v5.channel.k8s.io')
  // First the empty message by which the server says that it is ready, then the status.
  assert.equal(messages[0], Buffer.of(1))
  assert.is(messages.at(-1)?.[0], 3)
  assert.match(messages.at(-1)?.toString() ?? '', /there is none/)
})

test('a WebSocket that names nothing known is refused; one that names nothing has the first version', async () => {
  const unknown = new WebSocket(server.url(EXEC).replace('http', 'ws'), ['v9.channel.k8s.io'])
  const [refusal] = await once(unknown, 'error')
  assert.match(String(refusal), /403/)
  const nameless = new WebSocket(server.url(EXEC).replace('http', 'ws'))
  const messages: Buffer[] = []
  nameless.on('message', (data: Buffer) => messages.push(data))
  await once(nameless, 'close')
  assert.is(messages.at(-1)?.toString(), '\u0003find pod: there is none')
})

test('port-forward over WebSocket names each port first, and tells what went wrong', async () => {
  const socket = new WebSocket(server.url(FORWARD).replace('http', 'ws'), [V4])
  const messages: Buffer[] = []
  socket.on('message', (data: Buffer) => messages.push(data))
  await once(socket, 'close')
  assert.equal(messages.slice(0, 2), [Buffer.of(0, 80, 0), Buffer.of(1, 80, 0)])
  assert.is(messages[2]?.[0], 1)
  assert.match(messages[2]?.toString() ?? '', /error forwarding port 80 to pod p.*there is none/)
})

test('a WebSocket frame that is too long or broken ends its connection only', async () => {
  for (const bytes of [Buffer.of(0xff, 0xff, 0, 0), Buffer.from('827f0000000100000000', 'hex')]) {
    const url = new URL(server.url(FORWARD))
    const socket = connect(Number(url.port), url.hostname)
    socket.on('error', () => undefined)
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    socket.write(bytes)
    assert.match(await text(socket), /^HTTP\/1\.1 101 /)
  }
  assert.is((await ask(server.url(EXEC), upgrade(V4))).status, 101)
})

test('with a certificate it is TLS', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'streaming-'))
  const [keyPath, certPath] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1']
  spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    keyPath,
    '-out',
    certPath,
    ...subject,
  ])
  const secure = new StreamingServer({
    listen: '127.0.0.1:0',
    tls: { certPath, keyPath },
    nowMs: () => 0,
    limits: REMOTE_LIMITS,
    onError: (error) => errors.push(error),
  })
  await secure.listen()
  const url = secure.url(EXEC)
  assert.match(url, /^https:/)
  const sent = requestTls(url, { method: 'POST', headers: upgrade(V4), rejectUnauthorized: false }).end()
  const [response, socket] = await once(sent, 'upgrade')
  assert.is(response.statusCode, 101)
  socket.destroy()
  await secure.close()
  rmSync(directory, { recursive: true })
})

test('an address or certificate that cannot be used says so', async () => {
  const bad = new StreamingServer({
    listen: '192.0.2.1:0',
    tls: undefined,
    nowMs: () => 0,
    limits: REMOTE_LIMITS,
    onError: () => undefined,
  })
  const text = await bad.listen().catch(String)
  assert.match(String(text), /listen for streams on "192.0.2.1:0": EADDRNOTAVAIL/)
})

test.run()
