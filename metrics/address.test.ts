// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseListenAddress } from './address.ts'

test('an empty address means that nothing listens', () => {
  assert.equal(parseListenAddress(''), { kind: 'off' })
})

test('IPv4, IPv6 and names are taken with a port', () => {
  assert.equal(parseListenAddress('127.0.0.1:9580'), { kind: 'tcp', host: '127.0.0.1', port: 9580 })
  assert.equal(parseListenAddress('[::1]:0'), { kind: 'tcp', host: '::1', port: 0 })
  assert.equal(parseListenAddress('localhost:1'), { kind: 'tcp', host: 'localhost', port: 1 })
})

test('a unix socket is taken with and without slashes of a URL', () => {
  assert.equal(parseListenAddress('unix:/run/m.sock'), { kind: 'unix', path: '/run/m.sock' })
  assert.equal(parseListenAddress('unix:///run/m.sock'), { kind: 'unix', path: '/run/m.sock' })
})

test('anything else is refused with the address and the reason', () => {
  const refused: [string, RegExp][] = [
    ['9580', /^parse metrics address "9580": not HOST:PORT, unix:PATH or empty$/],
    [':9580', /not HOST:PORT/],
    ['::1:9580', /not HOST:PORT/],
    ['127.0.0.1:65536', /port 65536 is above 65535/],
    ['127.0.0.1:-1', /not HOST:PORT/],
    ['unix:relative.sock', /not absolute/],
    [`unix:/${'x'.repeat(107)}`, /longer than 107 bytes/],
  ]
  for (const [text, reason] of refused) assert.throws(() => parseListenAddress(text), reason, text)
})

test.run()
