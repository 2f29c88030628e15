// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GantryError } from '../../runtime-core/errors.ts'
import type { PullRequest } from './index.ts'
import { refuse, TestRegistry } from './testing/registry.ts'
import { buildTar } from './testing/tar-builder.ts'
import { never, Workbench } from './testing/workbench.ts'

const TAR = buildTar([{ name: 'a', data: 'x'.repeat(300_000) }])
const TIMEOUTS = { connectMs: 2000, headersMs: 300, stallMs: 300 }

/** Runs with a bench that serves `app:v1`, and checks that nothing is left when it is done. */
async function withBench(
  work: (bench: Workbench, image: ReturnType<TestRegistry['addImage']>) => Promise<void>,
): Promise<void> {
  const bench = await new Workbench({ timeouts: TIMEOUTS, lingerMs: 0 }).start()
  try {
    await work(bench, bench.registry.addImage({ repository: 'app', tag: 'v1', tars: [TAR], compress: (tar) => tar }))
    await bench.images.settled()
    assert.equal(bench.errors, [])
    for (const folder of ['staging', 'trash']) {
      const left = readdirSync(bench.root).includes(folder) ? readdirSync(path.join(bench.root, folder)) : []
      assert.equal(left, [], `${folder} is empty`)
    }
  } finally {
    await bench.close()
  }
}

async function failure(bench: Workbench, request: Partial<PullRequest> = {}): Promise<GantryError> {
  const pull = bench.images.pull({ reference: bench.reference('app:v1'), signal: never(), ...request })
  return pull.then(
    () => assert.unreachable('the pull succeeded') as never,
    (error) => error,
  )
}

test('an unknown image says which registry does not know it', () =>
  withBench(async (bench) => {
    const error = await failure(bench, { reference: bench.reference('app:v2') })
    assert.is(error.code, 'not_found')
    assert.match(error.message, `pull image "${bench.reference('app:v2')}": `)
    assert.match(error.message, `registry "${bench.registry.host}": manifest unknown (404)`)
  }))

test('a registry that is not there is told in the word the kubelet looks for', () =>
  withBench(async (bench) => {
    const gone = new TestRegistry()
    await gone.listen()
    const { host } = gone
    await gone.close()
    const error = await failure(bench, { reference: `${host}/app:v1` })
    assert.is(error.code, 'unavailable')
    assert.match(error.message, /^RegistryUnavailable: pull image/)
    assert.match(error.message, 'ECONNREFUSED')
  }))

test('a registry that answers 503 is asked once more and then named', () =>
  withBench(async (bench) => {
    bench.registry.intercept = (_, response) => {
      refuse(response, 503, 'UNAVAILABLE', 'maintenance')
      return true
    }
    const error = await failure(bench)
    assert.is(error.code, 'unavailable')
    assert.match(error.message, 'maintenance (503)')
    assert.is(bench.registry.requests.length, 2)
  }))

test('too many requests are waited out', () =>
  withBench(async (bench) => {
    let refusals = 2
    bench.registry.intercept = (_, response) => {
      if (refusals-- <= 0) return false
      response.setHeader('retry-after', '1')
      refuse(response, 429, 'TOOMANYREQUESTS', 'slow down')
      return true
    }
    await bench.images.pull({ reference: bench.reference('app:v1'), signal: never() })
  }))

const onBlob =
  (digest: string | undefined, answer: (response: ServerResponse, request: IncomingMessage) => void) =>
  (request: IncomingMessage, response: ServerResponse): boolean => {
    if (!request.url?.includes(`blobs/${digest}`)) return false
    answer(response, request)
    return true
  }

test('a layer with other bytes than its digest is refused', () =>
  withBench(async (bench, { layers }) => {
    bench.registry.intercept = onBlob(layers[0], (response) => response.end(Buffer.alloc(TAR.length, 1)))
    const error = await failure(bench)
    assert.is(error.code, 'invalid_argument')
    assert.match(error.message, `layer "${layers[0]}"`)
    assert.equal(bench.images.list(), [])
  }))

test('good tar bytes under a wrong digest are refused, and so is a wrong diff id', () =>
  withBench(async (bench) => {
    const other = buildTar([{ name: 'a', data: 'y'.repeat(300_000) }])
    const { layers } = bench.registry.addImage({ repository: 'x', tag: 'v1', tars: [TAR], compress: (tar) => tar })
    bench.registry.intercept = onBlob(layers[0], (response) => response.end(other))
    const error = await failure(bench, { reference: bench.reference('x:v1') })
    assert.match(error.message, `verify layer "${layers[0]}": what came has the digest sha256:`)
    bench.registry.intercept = () => false
    bench.registry.addImage({ repository: 'y', tag: 'v1', tars: [TAR], compress: () => gzipSync(other) })
    const lied = await failure(bench, { reference: bench.reference('y:v1') })
    assert.match(lied.message, 'verify unpacked layer')
    assert.is(lied.stage, 'digest')
  }))

test('a layer longer than its manifest says is refused', () =>
  withBench(async (bench, { layers }) => {
    bench.registry.intercept = onBlob(layers[0], (response) => response.end(Buffer.concat([TAR, TAR])))
    assert.match((await failure(bench)).message, `longer than the ${TAR.length} bytes`)
  }))

test('a blob that breaks off is resumed where it broke', () =>
  withBench(async (bench, { layers }) => {
    let breaks = 3
    bench.registry.intercept = (request, response) => {
      if (!request.url?.includes(`blobs/${layers[0]}`) || breaks-- <= 0) return false
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0])
      const head = {
        'content-length': TAR.length - start,
        'content-range': `bytes ${start}-${TAR.length - 1}/${TAR.length}`,
      }
      response.writeHead(start > 0 ? 206 : 200, head)
      response.write(TAR.subarray(start, start + 50_000), () => response.destroy())
      return true
    }
    await bench.images.pull({ reference: bench.reference('app:v1'), signal: never() })
    const ranges = bench.registry.requests.map(({ headers }) => headers.range).filter(Boolean)
    assert.is(ranges.length, 3, String(ranges))
  }))

test('a registry that ignores the range is read from its beginning again', () =>
  withBench(async (bench, { layers }) => {
    let isFirst = true
    bench.registry.intercept = onBlob(layers[0], (response) => {
      response.writeHead(200, { 'content-length': TAR.length })
      if (isFirst) response.write(TAR.subarray(0, 100_000), () => response.destroy())
      else response.end(TAR)
      isFirst = false
    })
    await bench.images.pull({ reference: bench.reference('app:v1'), signal: never() })
  }))

test('a blob that never gets past one point is given up', () =>
  withBench(async (bench, { layers }) => {
    bench.registry.intercept = onBlob(layers[0], (response) => {
      response.writeHead(200, { 'content-length': TAR.length })
      response.write(TAR.subarray(0, 1000), () => response.destroy())
    })
    const error = await failure(bench)
    assert.is(error.code, 'unavailable')
    assert.ok(bench.registry.count('blobs') < 10)
  }))

test('a layer that ends too early is told with its figures', () =>
  withBench(async (bench, { layers }) => {
    bench.registry.intercept = onBlob(layers[0], (response, request) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0])
      response.writeHead(start > 0 ? 206 : 200, { 'content-range': `bytes ${start}-/*` })
      response.end(TAR.subarray(start, 1000))
    })
    assert.match((await failure(bench)).message, `it ended after 1000 of ${TAR.length} bytes`)
  }))

test('a registry that stalls, before or in its answer, is given up in time', () =>
  withBench(async (bench, { layers }) => {
    bench.registry.intercept = onBlob(layers[0], (response) => {
      response.writeHead(200, { 'content-length': TAR.length })
      response.write('x')
    })
    assert.match((await failure(bench)).message, 'nothing came for 300 ms')
    bench.registry.intercept = () => true
    assert.match((await failure(bench)).message, 'nothing came for 300 ms')
  }))

test('a layer that is a hostile archive names itself and the member', () =>
  withBench(async (bench) => {
    const tars = [buildTar([{ name: '../../../../tmp/evil', data: 'x' }])]
    const { layers } = bench.registry.addImage({ repository: 'evil', tag: 'v1', tars })
    const error = await failure(bench, { reference: bench.reference('evil:v1') })
    assert.is(error.code, 'invalid_argument')
    assert.match(error.message, `layer "${layers[0]}"`)
    assert.match(error.message, '"../../../../tmp/evil"')
    assert.is(error.stage, 'unpack')
  }))

test('an image for another platform is refused, an index without this one lists what it has', () =>
  withBench(async (bench) => {
    const platform = { os: 'linux', architecture: 's390x' }
    const foreign = bench.registry.addImage({ repository: 'f', tag: 'v1', tars: [TAR], platform })
    assert.match(
      (await failure(bench, { reference: bench.reference('f:v1') })).message,
      'it is for linux/s390x, this host is',
    )
    bench.registry.addIndex('f', 'multi', [{ ...foreign, platform }])
    const error = await failure(bench, { reference: bench.reference('f:multi') })
    assert.is(error.code, 'not_found')
    assert.match(error.message, 'it has linux/s390x')
  }))

test('of an index the manifest for this platform is taken, and its digest is the index’s', () =>
  withBench(async (bench, image) => {
    const own = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }
    const foreign = bench.registry.addImage({
      repository: 'app',
      tag: 'f',
      tars: [TAR],
      platform: { os: 'linux', architecture: 's390x' },
    })
    const digest = bench.registry.addIndex('app', 'multi', [
      { digest: foreign.digest, size: foreign.size, platform: { os: 'linux', architecture: 's390x' } },
      { digest: image.digest, size: image.size, platform: own },
    ])
    const record = await bench.images.pull({ reference: bench.reference('app:multi'), signal: never() })
    assert.is(record.id, image.id)
    assert.equal(record.digests, [bench.reference(`app@${digest}`)])
  }))

test('a redirect to another host is followed without the credentials', () =>
  withBench(async (bench, { layers }) => {
    const storage = new TestRegistry()
    await storage.listen()
    try {
      storage.blobs.set(layers[0] ?? '', TAR)
      bench.registry.intercept = (request, response) => {
        if (request.headers.authorization === undefined) {
          response.setHeader('www-authenticate', 'Basic realm="x"')
          refuse(response, 401, 'UNAUTHORIZED', 'who?')
          return true
        }
        return onBlob(layers[0], (answer) => {
          answer.writeHead(307, { location: `${storage.origin}/v2/app/blobs/${layers[0]}?signature=secret` })
          answer.end()
        })(request, response)
      }
      const auth = { username: 'user', password: 'hunter2' }
      await bench.images.pull({ reference: bench.reference('app:v1'), auth, signal: never() })
      assert.is(storage.requests.length, 1)
      assert.is(storage.requests[0]?.headers.authorization, undefined)
      storage.blobs.clear()
      await bench.images.remove(bench.reference('app:v1'))
      const error = await failure(bench, { auth })
      assert.not.match(error.message, 'hunter2')
      assert.not.match(error.message, 'signature')
    } finally {
      await storage.close()
    }
  }))

test('a token is fetched once for all requests, by POST, then by GET where that is not known', () =>
  withBench(async (bench) => {
    for (const postStatus of [200, 404]) {
      bench.registry.requests.length = 0
      bench.registry.intercept = (request, response) => {
        if (request.url?.startsWith('/token')) {
          const isBasic = request.headers.authorization === `Basic ${Buffer.from('u:p').toString('base64')}`
          const isGood =
            request.method === 'POST'
              ? postStatus === 200
              : isBasic && request.url.includes('scope=repository%3Aapp%3Apull')
          response.writeHead(isGood ? 200 : request.method === 'POST' ? postStatus : 401)
          response.end(JSON.stringify({ access_token: 'tok', expires_in: 300 }))
          return true
        }
        if (request.headers.authorization === 'Bearer tok') return false
        response.setHeader(
          'www-authenticate',
          `Bearer realm="${bench.registry.origin}/token",service="s",scope="repository:app:pull"`,
        )
        refuse(response, 401, 'UNAUTHORIZED', 'authentication required')
        return true
      }
      await bench.images.remove(bench.reference('app:v1'))
      await bench.images.pull({
        reference: bench.reference('app:v1'),
        auth: { username: 'u', password: 'p' },
        signal: never(),
      })
      assert.is(bench.registry.count('/token'), postStatus === 200 ? 1 : 2)
    }
    const error = await failure(bench, {
      auth: { username: 'u', password: 'secret' },
      reference: bench.reference('other:v1'),
    })
    assert.is(error.code, 'unauthenticated')
    assert.not.match(error.message, 'secret')
  }))

test('wrong credentials are refused after one more try and denied access is told as such', () =>
  withBench(async (bench) => {
    bench.registry.intercept = (_, response) => {
      response.setHeader('www-authenticate', 'Basic realm="x"')
      refuse(response, 401, 'UNAUTHORIZED', 'no')
      return true
    }
    assert.match((await failure(bench)).message, 'it wants a user name and a password')
    bench.registry.requests.length = 0
    const error = await failure(bench, { auth: { auth: Buffer.from('u:hunter2').toString('base64') } })
    assert.is(error.code, 'unauthenticated')
    assert.match(error.message, 'it refuses the credentials')
    assert.is(bench.registry.requests.length, 2)
    bench.registry.intercept = (_, response) => {
      refuse(response, 403, 'DENIED', 'requested access to the resource is denied')
      return true
    }
    assert.is((await failure(bench)).code, 'permission_denied')
  }))

test('mirrors are asked in order, told whom they stand for, and each one’s answer is told', () =>
  withBench(async (bench) => {
    const mirror = new TestRegistry()
    await mirror.listen()
    try {
      const directory = path.join(bench.root, 'certs.d/example.test')
      mkdirSync(directory, { recursive: true })
      const hosts = `server = "${bench.registry.origin}"\n[host."${mirror.origin}"]\ncapabilities = ["pull", "resolve"]\n`
      writeFileSync(path.join(directory, 'hosts.toml'), hosts)
      const record = await bench.images.pull({ reference: 'example.test/app:v1', signal: never() })
      assert.equal(record.tags, ['example.test/app:v1'])
      assert.match(mirror.requests[0]?.url ?? '', 'ns=example.test')
      const error = await failure(bench, { reference: 'example.test/nope:v1' })
      assert.match(
        error.message,
        `registry "${mirror.host}": manifest unknown (404); then registry "${bench.registry.host}"`,
      )
    } finally {
      await mirror.close()
    }
  }))

test('a registry with a certificate of its own is trusted by ca, asked for a client certificate it is shown one', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'gantry-tls-'))
  const file = (name: string) => path.join(directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    ...subject,
    '-keyout',
    file('k'),
    '-out',
    file('c'),
  )
  const [cert, key] = [execFileSync('cat', [file('c')]).toString(), execFileSync('cat', [file('k')]).toString()]
  const registry = new TestRegistry({ cert, key, ca: cert })
  await registry.listen()
  try {
    await withBench(async (bench) => {
      registry.addImage({ repository: 'app', tag: 'v1', tars: [TAR] })
      const certs = path.join(bench.root, 'certs.d/secure.test')
      mkdirSync(certs, { recursive: true })
      writeFileSync(path.join(certs, 'hosts.toml'), `server = "${registry.origin}"\n`)
      assert.match((await failure(bench, { reference: 'secure.test/app:v1' })).message, 'self-signed')
      const own = `ca = "${file('c')}"\nclient = [["${file('c')}", "${file('k')}"]]\n`
      writeFileSync(path.join(certs, 'hosts.toml'), `server = "${registry.origin}"\n${own}`)
      await bench.images.pull({ reference: 'secure.test/app:v1', signal: never() })
    })
  } finally {
    await registry.close()
    rmSync(directory, { recursive: true })
  }
})

test('a full disk is told with the layer and ENOSPC and leaves nothing', async () => {
  // In a mount namespace of its own, so that nothing is left on the host whatever happens.
  if (process.env['GANTRY_TEST_SMALL_ROOT'] === undefined) {
    const root = mkdtempSync(path.join(tmpdir(), 'gantry-small-'))
    const script = `mount -t tmpfs -o size=4m tmpfs ${root} && exec ${process.execPath} ${import.meta.filename}`
    try {
      const env = { ...process.env, GANTRY_TEST_SMALL_ROOT: root }
      execFileSync('unshare', ['--mount', 'sh', '-c', script], { env, stdio: 'pipe' })
    } catch (error) {
      assert.unreachable(String((error as { stdout?: Buffer }).stdout ?? error))
    } finally {
      rmSync(root, { recursive: true })
    }
    return
  }
  const bench = await new Workbench({ root: process.env['GANTRY_TEST_SMALL_ROOT'], lingerMs: 0 }).start()
  try {
    const { layers } = bench.registry.addImage({
      repository: 'app',
      tag: 'v1',
      tars: [buildTar([{ name: 'big', data: Buffer.alloc(8 << 20, 7) }])],
    })
    const error = await failure(bench)
    assert.is(error.code, 'resource_exhausted')
    assert.match(error.message, `layer "${layers[0]}": unpack: "big": ENOSPC`)
    await bench.images.settled()
    assert.equal(readdirSync(path.join(bench.root, 'staging')), [])
    assert.equal(readdirSync(path.join(bench.root, 'layers')), [])
  } finally {
    await bench.close()
  }
})

test.run()
