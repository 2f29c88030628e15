// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NO_CGROUP, V2_HOST } from '../testdata/bundles.ts'
import { warningsOf } from './warnings.ts'

test('a capability that nobody knows is a warning that names it', () => {
  const capabilities = { bounding: ['CAP_CHOWN', 'CAP_FLY'], permitted: ['CAP_CHOWN'], ambient: ['CAP_CHOWN'] }
  const cgroup = { ...NO_CGROUP, warnings: ['hugepageLimits ignored'] }
  assert.equal(warningsOf({ cwd: '/', capabilities }, cgroup, V2_HOST), [
    'process.capabilities: CAP_FLY: no such capability',
    'process.capabilities: CAP_CHOWN: left out of ambient, for it is not both permitted and inheritable',
    'hugepageLimits ignored',
  ])
})

test('nothing asked for is nothing to warn of', () => {
  assert.equal(warningsOf({ cwd: '/' }, NO_CGROUP, V2_HOST), [])
})

test.run()
