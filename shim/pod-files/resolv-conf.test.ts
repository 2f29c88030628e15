// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildResolvConf } from './resolv-conf.ts'

const none = { servers: [], searches: [], options: [] }

test('search, nameservers and options come in this order, a list that is empty has no line', () => {
  const dns = { servers: ['10.0.0.10', 'fd00::10'], searches: ['a.b', 'b'], options: ['ndots:5', 'rotate'] }
  assert.is(
    buildResolvConf(dns, 'host'),
    'search a.b b\nnameserver 10.0.0.10\nnameserver fd00::10\noptions ndots:5 rotate\n',
  )
  assert.is(buildResolvConf({ ...none, servers: ['1.1.1.1'] }, 'host'), 'nameserver 1.1.1.1\n')
  assert.is(buildResolvConf({ ...none, searches: ['.'] }, 'host'), 'search .\n')
  assert.is(buildResolvConf({ ...none, options: ['edns0'] }, 'host'), 'options edns0\n')
})

test("without a configuration, or with an empty one, the host's file is copied byte for byte", () => {
  const host = '# by hand\nnameserver 9.9.9.9'
  assert.is(buildResolvConf(undefined, host), host)
  assert.is(buildResolvConf(none, host), host)
})

test('an entry cannot add a line or a word of its own', () => {
  const refuses = (dns: Partial<typeof none>, text: string) =>
    assert.throws(
      () => buildResolvConf({ ...none, ...dns }, ''),
      (error: Error) => error.message === text,
    )
  refuses({ servers: ['1.1.1.1\nsearch evil'] as never[] }, 'use as nameserver "1.1.1.1\\nsearch evil": not one word')
  refuses({ searches: ['a b'] as never[] }, 'use as search domain "a b": not one word')
  refuses({ options: [''] as never[] }, 'use as resolver option "": not one word')
  refuses({ options: ['a\0'] as never[] }, 'use as resolver option "a\\u0000": not one word')
})

test.run()
