// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadHosts } from './hosts.ts'

const root = mkdtempSync(path.join(tmpdir(), 'gantry-hosts-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
  writeFileSync(path.join(root, file), text)
}
const bases = async (domain: string, dirs = [root]) => (await loadHosts(domain, dirs)).endpoints.map(({ base }) => base)

test('without a file a registry is asked by https, Docker Hub under its other name', async () => {
  assert.equal(await bases('quay.io'), ['https://quay.io/v2'])
  assert.equal(await bases('docker.io'), ['https://registry-1.docker.io/v2'])
  assert.equal(await bases('quay.io', ['/does/not/exist']), ['https://quay.io/v2'])
})

test('a registry on this machine may speak plain http', async () => {
  assert.equal(await bases('localhost:5000'), ['https://localhost:5000/v2', 'http://localhost:5000/v2'])
  assert.equal(await bases('127.0.0.1:80'), ['http://127.0.0.1:80/v2'])
  assert.equal(await bases('localhost'), ['https://localhost/v2'])
  assert.equal(await bases('[::1]:5000'), ['https://[::1]:5000/v2', 'http://[::1]:5000/v2'])
  const [https] = (await loadHosts('localhost:5000', [root])).endpoints
  assert.is(https?.tls.verify, false)
})

test('mirrors come in file order before the server and are told whom they stand for', async () => {
  write('m.io/ca.pem', 'CA')
  write(
    'm.io/hosts.toml',
    `server = "up.io"
[host."http://one:5000"]
capabilities = ["pull"]
[host."https://two/v2/cache"]
override_path = true
skip_verify = true
ca = "ca.pem"
dial_timeout = "1m30s"
[host."https://two/v2/cache".header]
X-Key = ["a", "b"]
`,
  )
  const { endpoints, source } = await loadHosts('m.io', [root])
  assert.is(source, path.join(root, 'm.io/hosts.toml'))
  assert.equal(
    endpoints.map(({ base }) => base),
    ['http://one:5000/v2', 'https://two/v2/cache', 'https://up.io/v2'],
  )
  const [one, two, up] = endpoints
  assert.equal([one?.canPull, one?.canResolve], [true, false])
  assert.equal(two?.tls, { ca: ['CA'], clients: [], verify: false })
  assert.equal(two?.headers, { 'x-key': ['a', 'b'] })
  assert.is(two?.dialTimeoutMs, 90_000)
  assert.equal([one?.namespace, up?.namespace], ['m.io', 'm.io'])
})

test('the forms host_port_, host:port and _default are found in this order', async () => {
  write('_default/hosts.toml', 'server = "https://default"')
  assert.equal(await bases('a.io:5000'), ['https://default/v2'])
  write('a.io:5000/hosts.toml', 'server = "https://colon"')
  assert.equal(await bases('a.io:5000'), ['https://colon/v2'])
  write('a.io_5000_/hosts.toml', 'server = "https://underscore"')
  assert.equal(await bases('a.io:5000'), ['https://underscore/v2'])
})

test('certificates in the style of Docker are used where there is no hosts.toml', async () => {
  write('c.io/ca.crt', 'CA')
  write('c.io/me.cert', 'CERT')
  write('c.io/me.key', 'KEY')
  const { endpoints } = await loadHosts('c.io', [root])
  assert.equal(endpoints[0]?.tls, { ca: ['CA'], clients: [{ cert: 'CERT', key: 'KEY' }], verify: true })
})

const BROKEN: readonly (readonly [string, string])[] = [
  ['server = [', 'not TOML in line 1'],
  ['server = 5', 'server is not a string'],
  ['server = "ftp://x"', 'not an http or https URL'],
  ['server = "https://u:p@x"', 'contains credentials'],
  ['[host."https://x"]\ncapabilities = ["fly"]', 'capability "fly" is unknown'],
  ['[host."https://x"]\nskip_verify = "yes"', 'skip_verify is not true or false'],
  ['ca = "missing.pem"', 'missing.pem": ENOENT'],
  ['dial_timeout = "soon"', 'dial_timeout'],
]
for (const [text, why] of BROKEN) {
  test(`a hosts.toml is refused, and its path told, when ${why}`, async () => {
    write('broken.io/hosts.toml', text)
    try {
      await loadHosts('broken.io', [root])
    } catch (error) {
      assert.match(String(error), why)
      assert.match(String(error), path.join(root, 'broken.io'))
      assert.not.match(String(error), 'u:p')
      return
    }
    assert.unreachable()
  })
}

test.run()
