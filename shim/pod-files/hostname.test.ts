// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { buildHostname, podHostname } from './hostname.ts'

const source = { requested: '', network: 'pod' as const, hostHostname: 'node-1', sandboxId: 'abcdef0123456789' }

test('the requested name wins, on either network', () => {
  assert.is(podHostname({ ...source, requested: 'web-0' }), 'web-0')
  assert.is(podHostname({ ...source, requested: 'web-0', network: 'host' }), 'web-0')
})

test("without one a pod has the host's name on the host's network, and the head of its id on its own", () => {
  assert.is(podHostname({ ...source, network: 'host' }), 'node-1')
  assert.is(podHostname(source), 'abcdef012345')
})

test('a name of 64 letters is the longest', () => {
  assert.is(podHostname({ ...source, requested: 'a'.repeat(64) }), 'a'.repeat(64))
  assert.throws(() => podHostname({ ...source, requested: 'a'.repeat(65) }), /use as hostname "a{65}": .* at most 64/)
})

test('what cannot be a host name is refused', () => {
  for (const requested of ['a b', 'a\nb', 'a/b', '-a', 'a-', '.', 'ä']) {
    assert.throws(
      () => podHostname({ ...source, requested }),
      (error: Error) => hasCode(error, 'invalid_argument'),
    )
  }
})

test('/etc/hostname is the name and a newline', () => {
  assert.is(buildHostname('web-0'), 'web-0\n')
})

test.run()
