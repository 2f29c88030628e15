// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildHosts } from './hosts.ts'

const hostText = '127.0.0.1 localhost\n192.0.2.9 secret-database\n'

test('a pod with its own network finds loopback and itself, by all its addresses', () => {
  const text = buildHosts({ network: 'pod', hostname: 'web-0', ips: ['10.1.0.5', 'fd00::5'], hostText })
  const lines = text.split('\n')
  assert.is(lines[0], '127.0.0.1\tlocalhost')
  assert.equal(lines.slice(-3), ['10.1.0.5\tweb-0', 'fd00::5\tweb-0', ''])
})

test("the host's names stay out of pods with their own network", () => {
  assert.not.match(buildHosts({ network: 'pod', hostname: 'web-0', ips: [], hostText }), 'secret')
})

test("a pod on the host's network has the host's file", () => {
  assert.is(buildHosts({ network: 'host', hostname: 'node-1', ips: ['192.0.2.2'], hostText }), hostText)
})

test.run()
