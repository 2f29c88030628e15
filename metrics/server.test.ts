// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MetricsRegistry } from './registry.ts'
import { type Health, type MetricsServer, serveMetrics } from './server.ts'

interface Context {
  health: Health
  server: MetricsServer
  origin: string
}

const test = suite<Context>('metrics server')

function serve(context: Pick<Context, 'health'>, listen: string): Promise<MetricsServer> {
  const registry = new MetricsRegistry({ readTimeoutMs: 1_000, onReadError: () => undefined })
  registry.gauge('gantry_keepers').set(3)
  return serveMetrics({ listen, registry, health: () => context.health })
}

test.before.each(async (context) => {
  context.health = { ok: true, reason: '' }
  context.server = await serve(context, '127.0.0.1:0')
  context.origin = `http://${context.server.address}`
})

test.after.each((context) => context.server.close())

test('Prometheus gets its text at both paths', async ({ origin }) => {
  for (const path of ['/metrics', '/v1/metrics', '/metrics?x=1']) {
    const response = await fetch(origin + path)
    assert.is(response.status, 200)
    assert.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.match(await response.text(), 'gantry_keepers 3')
  }
})

test('health is 200 while all is well and 503 with the reason when not', async (context) => {
  assert.is((await fetch(`${context.origin}/healthz`)).status, 200)
  context.health = { ok: false, reason: 'database is gone' }
  const response = await fetch(`${context.origin}/healthz`)
  assert.is(response.status, 503)
  assert.is(await response.text(), 'database is gone\n')
})

test('a method that would change something is refused', async ({ origin }) => {
  const response = await fetch(`${origin}/metrics`, { method: 'POST', body: 'x'.repeat(1 << 20) })
  assert.is(response.status, 405)
  assert.is(response.headers.get('allow'), 'GET, HEAD')
})

test('HEAD answers the length without the body', async ({ origin }) => {
  const response = await fetch(`${origin}/metrics`, { method: 'HEAD' })
  assert.is(response.status, 200)
  assert.ok(Number(response.headers.get('content-length')) > 20)
  assert.is(await response.text(), '')
})

test('an unknown path is told what there is', async ({ origin }) => {
  const response = await fetch(`${origin}/debug`)
  assert.is(response.status, 404)
  assert.match(await response.text(), '/metrics')
})

test('clients that only hold connections are turned away beyond sixteen, and served again when they left', async ({
  origin,
  server,
}) => {
  const held = await Promise.all(Array.from({ length: 16 }, () => openConnection(server.address)))
  const extra = await openConnection(server.address)
  await once(extra, 'close')
  const left = held.map((socket) => once(socket, 'close'))
  for (const socket of held) socket.destroy()
  await Promise.all(left)
  // The server hears of the closing on its own sockets: ask until it has.
  const deadline = AbortSignal.timeout(5_000)
  let status = 0
  while (status !== 200) {
    deadline.throwIfAborted()
    status = await fetch(`${origin}/healthz`).then(
      (response) => response.status,
      () => 0,
    )
  }
})

test('garbage in place of HTTP is answered with 400 and cut off', async ({ server }) => {
  const socket = await openConnection(server.address)
  socket.end('\x16\x03\x01 not http\r\n\r\n')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await once(socket, 'close')
  assert.match(text, /^HTTP\/1\.1 400 /)
})

test('a port in use is named in the error', async (context) => {
  const { address } = context.server
  const error = await serve(context, address).then(
    () => undefined,
    (reason) => reason,
  )
  assert.is(error?.message, `listen for metrics on "${address}": EADDRINUSE`)
})

test('a socket left by a daemon that was killed is replaced, a living one is not', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'metrics-'))
  const path = join(directory, 'm.sock')
  try {
    await leaveStaleSocket(path)
    assert.ok(existsSync(path))
    const first = await serve(context, `unix:${path}`)
    assert.is(await getOverUnix(path, '/healthz'), 200)
    const refusal = await serve(context, `unix:${path}`).catch((error) => error.message)
    assert.match(refusal, 'EADDRINUSE')
    await first.close()
    assert.not(existsSync(path))
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('an empty address starts nothing', async (context) => {
  const server = await serve(context, '')
  assert.is(server.address, '')
  await server.close()
})

async function openConnection(address: string): Promise<Socket> {
  const [host, port] = address.split(':')
  const socket = connect({ host: host ?? '', port: Number(port) })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** A socket's name with nobody behind it: renamed away before its server closes and would unlink it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const { rename } = await import('node:fs/promises')
  const server = createServer()
  server.listen({ path: `${path}.live` })
  await once(server, 'listening')
  await rename(`${path}.live`, path)
  server.close()
  await once(server, 'close')
}

function getOverUnix(socketPath: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, agent: false }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode))
    })
    call.once('error', reject)
    call.end()
  })
}

test.run()
