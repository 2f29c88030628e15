// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseOptions } from './options.ts'

test('without options both are measured', () => {
  assert.equal(parseOptions([]), {
    peers: ['gantry', 'containerd'],
    rounds: 20,
    pods: 40,
    json: undefined,
    containerdDirectory: undefined,
  })
})

test('one alone can be measured, with other counts', () => {
  const options = parseOptions(['--only', 'containerd', '--rounds', '3', '--pods=8', '--json', 'out.json'])
  assert.ok(options !== 'help')
  assert.equal([options.peers, options.rounds, options.pods, options.json], [['containerd'], 3, 8, 'out.json'])
})

test('what cannot be meant is refused by name', () => {
  assert.throws(() => parseOptions(['--only', 'docker']), /option "--only": "docker" is not gantry or containerd/)
  assert.throws(() => parseOptions(['--rounds', '0']), /option "--rounds": "0" is not a number from 1 to 10000/)
  assert.throws(() => parseOptions(['--pods', 'many']), /option "--pods": "many"/)
  assert.throws(() => parseOptions(['--fast']), /--fast/)
})

test.run()
