// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { credentialsFor } from './credentials.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

test('user name and password come first, then a refresh token, auth, a bearer token', () => {
  const all = { username: 'u', password: 'p', identityToken: 'i', auth: base64('a:b'), registryToken: 'r' }
  assert.equal(credentialsFor(all, 'h'), { kind: 'password', username: 'u', password: 'p' })
  assert.equal(credentialsFor({ ...all, username: '' }, 'h'), { kind: 'refresh', token: 'i' })
  assert.equal(credentialsFor({ auth: base64('a:b:c\0\0'), registryToken: 'r' }, 'h'), {
    kind: 'password',
    username: 'a',
    password: 'b:c',
  })
  assert.equal(credentialsFor({ registryToken: 'r' }, 'h'), { kind: 'bearer', token: 'r' })
  assert.is(credentialsFor({}, 'h'), undefined)
  assert.is(credentialsFor(undefined, 'h'), undefined)
})

test('credentials with a server address go to that host only', () => {
  const auth = { username: 'u', password: 'p' }
  for (const serverAddress of ['https://index.docker.io/v1/', 'docker.io', 'registry-1.docker.io']) {
    assert.ok(credentialsFor({ ...auth, serverAddress }, 'registry-1.docker.io'), serverAddress)
    assert.is(credentialsFor({ ...auth, serverAddress }, 'mirror.example'), undefined)
  }
  assert.ok(credentialsFor({ ...auth, serverAddress: 'http://localhost:5000' }, 'localhost:5000'))
  assert.is(credentialsFor({ ...auth, serverAddress: 'localhost' }, 'localhost:5000'), undefined)
})

test('malformed auth is an error that does not tell its value', () => {
  try {
    credentialsFor({ auth: base64('secretwithoutcolon') }, 'h')
  } catch (error) {
    assert.match(String(error), 'auth is not base64')
    assert.not.match(String(error), 'secret')
    assert.not.match(String(error), base64('secretwithoutcolon'))
    return
  }
  assert.unreachable()
})

test.run()
