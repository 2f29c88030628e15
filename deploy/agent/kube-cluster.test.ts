// SPDX-License-Identifier: Apache-2.0
import { V1MicroTime } from '@kubernetes/client-node'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isHeldByAnother } from './kube-cluster.ts'

test('a turn is another node’s until that has shown no sign of life for as long as it said', () => {
  const renewTime = new V1MicroTime(1_000_000)
  const spec = { holderIdentity: 'a', renewTime, leaseDurationSeconds: 60 }
  assert.ok(isHeldByAnother({ spec }, 'b', 1_059_999))
  assert.not.ok(isHeldByAnother({ spec }, 'b', 1_060_000))
  assert.not.ok(isHeldByAnother({ spec }, 'a', 1_000_001))
  assert.not.ok(isHeldByAnother({ spec: { leaseDurationSeconds: 60, renewTime } }, 'b', 1_000_001))
  assert.not.ok(isHeldByAnother({}, 'b', 0))
})

test.run()
