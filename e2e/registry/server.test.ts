// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Descriptor, LayoutBuilder } from '../../deploy/image/build-layout.ts'
import { writeCertsD } from './certs-d.ts'
import type { FaultRule, RegistryRequest } from './faults.ts'
import { type RegistryOptions, RegistryServer } from './server.ts'

const scratch = await mkdtemp(join(tmpdir(), 'gantry-registry-'))
test.after(() => rm(scratch, { recursive: true }))

const layout = join(scratch, 'layout')
const builder = await LayoutBuilder.create(layout)
const layer = await builder.addLayer([{ kind: 'file', path: '/a', mode: 0o644, content: 'a'.repeat(5000) }], {
  compression: 'none',
})
const other = await builder.addLayer([{ kind: 'file', path: '/b', mode: 0o644, content: 'b' }])
const first = await builder.addImage({ layers: [layer], names: ['one.test/team/app:1', 'two.test/team/app:1'] })
const second = await builder.addImage({ layers: [other], names: ['two.test/team/app:2'] })
await builder.finish()

const BLOB = `/v2/team/app/blobs/${layer.descriptor.digest}`

async function serve(options: Partial<RegistryOptions> = {}): Promise<RegistryServer> {
  return RegistryServer.start({ layouts: [layout], ...options })
}

/** The bytes that arrive before a body ends or breaks, and whether it broke. */
function drain(url: string): Promise<{ readonly length: number; readonly whole: boolean }> {
  return new Promise((resolve) => {
    let length = 0
    const sent = httpRequest(url, (response) => {
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      response.on('close', () => resolve({ length, whole: response.complete }))
      response.on('error', () => undefined)
    })
    sent.on('error', () => resolve({ length, whole: false }))
    sent.end()
  })
}

test('an image is pulled by tag, and its blobs hash to their digests', async () => {
  await using registry = await serve()
  const answer = await fetch(`${registry.endpoint}/v2/team/app/manifests/1`)
  assert.is(answer.headers.get('docker-content-digest'), first.digest)
  assert.is(answer.headers.get('content-type'), 'application/vnd.oci.image.manifest.v1+json')
  const manifest = (await answer.json()) as { config: Descriptor; layers: Descriptor[] }
  for (const { digest, size } of [manifest.config, ...manifest.layers]) {
    const blob = Buffer.from(await (await fetch(`${registry.endpoint}/v2/team/app/blobs/${digest}`)).arrayBuffer())
    assert.is(blob.length, size)
    assert.is(`sha256:${createHash('sha256').update(blob).digest('hex')}`, digest)
  }
})

test('HEAD tells digest and length without a body', async () => {
  await using registry = await serve()
  const answer = await fetch(`${registry.endpoint}/v2/team/app/manifests/${first.digest}`, { method: 'HEAD' })
  assert.is(answer.status, 200)
  assert.is(answer.headers.get('content-length'), String(first.size))
  assert.is(answer.headers.get('docker-content-digest'), first.digest)
  assert.is(await answer.text(), '')
})

test('one server stands in for several registries and keeps them apart', async () => {
  await using registry = await serve()
  const status = async (path: string): Promise<number> => (await fetch(`${registry.endpoint}${path}`)).status
  assert.is(await status('/v2/team/app/manifests/2?ns=two.test'), 200)
  assert.is(await status('/v2/team/app/manifests/2?ns=one.test'), 404)
  assert.is(await status(`/v2/team/app/manifests/${second.digest}?ns=one.test`), 404)
  assert.is(await status(`/v2/team/app/blobs/${other.descriptor.digest}?ns=one.test`), 404)
  assert.is(await status('/v2/team/app/manifests/1?ns=three.test'), 404)
  assert.is(await status('/v2/one.test/team/app/manifests/1'), 200)
  assert.equal(registry.content.names(), ['one.test/team/app:1', 'two.test/team/app:1', 'two.test/team/app:2'])
})

test('what is not there is answered with the code of the distribution API', async () => {
  await using registry = await serve()
  const code = async (path: string): Promise<string> => {
    const answer = await fetch(`${registry.endpoint}${path}`)
    assert.is(answer.status, 404)
    return ((await answer.json()) as { errors: { code: string }[] }).errors[0]?.code ?? ''
  }
  assert.is(await code('/v2/team/app/manifests/9'), 'MANIFEST_UNKNOWN')
  assert.is(await code(`/v2/team/app/blobs/sha256:${'0'.repeat(64)}`), 'BLOB_UNKNOWN')
  assert.is(await code('/v2/team/none/manifests/1'), 'NAME_UNKNOWN')
  assert.is(await code('/v2/../../etc/passwd'), 'NAME_UNKNOWN')
  assert.is(await code('/v2/team/app/blobs/..%2f..%2findex.json'), 'BLOB_UNKNOWN')
  assert.is(await code('/v2/team/app/blobs/%zz'), 'BLOB_UNKNOWN')
})

test('a blob is resumed where it broke off', async () => {
  await using registry = await serve()
  const whole = Buffer.from(await (await fetch(registry.endpoint + BLOB)).arrayBuffer())
  const rest = await fetch(registry.endpoint + BLOB, { headers: { range: 'bytes=4000-' } })
  assert.is(rest.status, 206)
  assert.is(rest.headers.get('content-range'), `bytes 4000-${whole.length - 1}/${whole.length}`)
  assert.ok(Buffer.from(await rest.arrayBuffer()).equals(whole.subarray(4000)))
  const middle = await fetch(registry.endpoint + BLOB, { headers: { range: 'bytes=10-19' } })
  assert.ok(Buffer.from(await middle.arrayBuffer()).equals(whole.subarray(10, 20)))
  const beyond = await fetch(registry.endpoint + BLOB, { headers: { range: `bytes=${whole.length}-` } })
  assert.is(beyond.status, 416)
})

test('basic authentication lets in who knows the password', async () => {
  await using registry = await serve({ auth: { scheme: 'basic', username: 'u', password: 'p' } })
  const url = `${registry.endpoint}/v2/team/app/manifests/1`
  const refused = await fetch(url)
  assert.is(refused.status, 401)
  assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic realm=/)
  const authorization = `Basic ${Buffer.from('u:p').toString('base64')}`
  assert.is((await fetch(url, { headers: { authorization } })).status, 200)
})

test('a bearer token opens the repository it was asked for until it expires', async () => {
  let now = 0
  const auth = { scheme: 'bearer', username: 'u', password: 'p', expiresInS: 60 } as const
  await using registry = await serve({ auth, now: () => now })
  const url = `${registry.endpoint}/v2/team/app/manifests/1`
  const challenge = (await fetch(url)).headers.get('www-authenticate') ?? ''
  const [, realm, scope] = /^Bearer realm="([^"]+)",service="registry",scope="([^"]+)"$/.exec(challenge) ?? []
  assert.is(scope, 'repository:team/app:pull')
  const ask = async (password: string): Promise<Response> => {
    const authorization = `Basic ${Buffer.from(`u:${password}`).toString('base64')}`
    return fetch(`${realm}?scope=${scope}`, { headers: { authorization } })
  }
  assert.is((await ask('wrong')).status, 401)
  const { token } = (await (await ask('p')).json()) as { token: string }
  const open = async (path: string): Promise<Response> =>
    fetch(registry.endpoint + path, { headers: { authorization: `Bearer ${token}` } })
  assert.is((await open('/v2/team/app/manifests/1')).status, 200)
  assert.match((await open('/v2/team/none/manifests/1')).headers.get('www-authenticate') ?? '', /insufficient_scope/)
  now = 60_000
  assert.match((await open('/v2/team/app/manifests/1')).headers.get('www-authenticate') ?? '', /invalid_token/)
})

test('an identity token is exchanged by the OAuth2 form', async () => {
  await using registry = await serve({ auth: { scheme: 'bearer', identityToken: 'refresh' } })
  const ask = async (refresh_token: string): Promise<number> => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, scope: 'repository:team/app:pull' })
    return (await fetch(`${registry.endpoint}/token`, { method: 'POST', body })).status
  }
  assert.is(await ask('refresh'), 200)
  assert.is(await ask('other'), 401)
  assert.is((await fetch(`${registry.endpoint}/token`)).status, 401)
})

test('a rule hits the requests it names, as often as it says', async () => {
  const rule: FaultRule = {
    kind: 'manifest',
    reference: '1',
    times: 1,
    fault: { type: 'status', status: 429, headers: { 'retry-after': '1' } },
  }
  const seen: RegistryRequest[] = []
  await using registry = await serve({ faults: [rule], onRequest: (request) => seen.push(request) })
  const get = (path: string): Promise<Response> => fetch(`${registry.endpoint}${path}`)
  assert.is((await get('/v2/team/app/manifests/2?ns=two.test')).status, 200)
  const limited = await get('/v2/team/app/manifests/1')
  assert.is(limited.status, 429)
  assert.is(limited.headers.get('retry-after'), '1')
  assert.is((await get('/v2/team/app/manifests/1')).status, 200)
  assert.equal(
    seen.map(({ kind, reference, namespace }) => [kind, reference, namespace]),
    [
      ['manifest', '2', 'two.test'],
      ['manifest', '1', undefined],
      ['manifest', '1', undefined],
    ],
  )
})

test('a truncated layer ends early although its whole length was announced', async () => {
  await using registry = await serve({ faults: [{ kind: 'blob', fault: { type: 'truncate', afterBytes: 1000 } }] })
  assert.equal(await drain(registry.endpoint + BLOB), { length: 1000, whole: false })
})

test('a stalled layer sends its beginning and then nothing until the registry closes', async () => {
  const registry = await serve({ faults: [{ kind: 'blob', fault: { type: 'stall', afterBytes: 1000 } }] })
  const answer = await fetch(registry.endpoint + BLOB)
  const reader = answer.body?.getReader()
  assert.is((await reader?.read())?.value?.length, 1000)
  const next = reader?.read().then(
    () => 'ended',
    () => 'broken',
  )
  await registry.close()
  assert.is(await next, 'broken')
})

test('a corrupt layer has its length but not its digest', async () => {
  await using registry = await serve({ faults: [{ kind: 'blob', fault: { type: 'corrupt', atByte: 4500 } }] })
  const good = await readFile(join(layout, 'blobs', layer.descriptor.digest.replace(':', '/')))
  const bad = Buffer.from(await (await fetch(registry.endpoint + BLOB)).arrayBuffer())
  assert.is(bad.length, good.length)
  assert.equal(
    [...bad.keys()].filter((index) => bad[index] !== good[index]),
    [4500],
  )
})

test('every other way to misbehave does what it says', async () => {
  await using registry = await serve()
  const url = registry.endpoint + BLOB
  registry.faults.add({ times: 1, fault: { type: 'disconnect' } })
  assert.equal(await drain(url), { length: 0, whole: false })
  registry.faults.add({ times: 1, fault: { type: 'redirect', location: 'http://127.0.0.1:1/elsewhere' } })
  assert.is((await fetch(url, { redirect: 'manual' })).headers.get('location'), 'http://127.0.0.1:1/elsewhere')
  registry.faults.add({ times: 1, fault: { type: 'wrong-digest-header' } })
  assert.is((await fetch(url)).headers.get('docker-content-digest'), `sha256:${'0'.repeat(64)}`)
  registry.faults.add({ times: 1, fault: { type: 'ignore-range' } })
  assert.is((await fetch(url, { headers: { range: 'bytes=4000-' } })).status, 200)
  registry.faults.add({ times: 1, fault: { type: 'delay', delayMs: 30 } })
  const started = performance.now()
  assert.is((await fetch(url)).status, 200)
  assert.ok(performance.now() - started >= 29)
  registry.faults.add({ fault: { type: 'status', status: 500 } })
  registry.faults.clear()
  assert.is((await fetch(url)).status, 200)
})

test('with a key and a certificate it speaks https', async () => {
  const [key, cert] = [join(scratch, 'key.pem'), join(scratch, 'cert.pem')]
  const subject = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  })
  const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  await using registry = await serve({ tls, auth: { scheme: 'bearer' } })
  const challenge = await new Promise<string>((resolve, reject) => {
    const sent = httpsRequest(`${registry.endpoint}/v2/`, { ca: tls.cert }, (response) => {
      response.resume()
      resolve(response.headers['www-authenticate'] ?? '')
    })
    sent.on('error', reject).end()
  })
  assert.match(challenge, `realm="${registry.endpoint}/token"`)
  assert.match(registry.endpoint, /^https:/)
})

test('writing is refused', async () => {
  await using registry = await serve()
  const answer = await fetch(`${registry.endpoint}/v2/team/app/manifests/1`, { method: 'PUT', body: '{}' })
  assert.is(answer.status, 405)
})

test('hosts.toml sends each registry to the mirror and nowhere else', async () => {
  const directory = join(scratch, 'certs.d')
  await writeCertsD(directory, { registries: ['one.test', 'two.test:5000'], endpoint: 'http://127.0.0.1:5000' })
  for (const registry of ['one.test', 'two.test:5000']) {
    const text = await readFile(join(directory, registry, 'hosts.toml'), 'utf8')
    assert.is(
      text,
      'server = "http://127.0.0.1:5000"\n\n[host."http://127.0.0.1:5000"]\n  capabilities = ["pull", "resolve"]\n',
    )
  }
})

test.run()
