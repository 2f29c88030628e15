// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseProtocol, listOf, REMOTE_COMMAND_SPDY, REMOTE_COMMAND_WEBSOCKET } from './negotiate.ts'

test('the first protocol of the client that is known is chosen', () => {
  assert.is(
    chooseProtocol(['v9.channel.k8s.io', 'v3.channel.k8s.io', 'v4.channel.k8s.io'], REMOTE_COMMAND_SPDY),
    'v3.channel.k8s.io',
  )
})

test('v5 is for WebSocket only', () => {
  assert.is(chooseProtocol(['v5.channel.k8s.io'], REMOTE_COMMAND_SPDY), undefined)
  assert.is(chooseProtocol(['v5.channel.k8s.io'], REMOTE_COMMAND_WEBSOCKET), 'v5.channel.k8s.io')
})

test('a header may be repeated, comma separated, or both', () => {
  assert.equal(listOf(['a, b', 'c']), ['a', 'b', 'c'])
  assert.equal(listOf(' a ,, b'), ['a', 'b'])
  assert.equal(listOf(undefined), [])
})

test.run()
