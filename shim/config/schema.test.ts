// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildConfig } from './schema.ts'

const SOCKET = 'unix:///run/containerd/containerd.sock'

test('a table of the file is the beginning of its keys', () => {
  const config = buildConfig({ 'log-level': 'warn', upstream: { endpoint: SOCKET, handlers: ['gantry', ''] } }, {})
  assert.equal([config.logLevel, config.upstreamEndpoint, config.upstreamHandlers], ['warn', SOCKET, ['gantry', '']])
})

test('without an upstream there is none, and its handlers have their default', () => {
  const config = buildConfig({}, {})
  assert.equal([config.upstreamEndpoint, config.upstreamHandlers], ['', ['gantry']])
})

test('a flag wins over the file, and a list in it is separated by commas', () => {
  const config = buildConfig({ upstream: { handlers: ['x'] } }, { 'upstream-handlers': 'a,b' })
  assert.equal(config.upstreamHandlers, ['a', 'b'])
})

test('a wrong key or value is named with its table, and with what is expected', () => {
  assert.throws(() => buildConfig({ upstream: { socket: SOCKET } }, {}), /"upstream-socket": unknown key/)
  assert.throws(() => buildConfig({ upstream: { endpoint: '/run/x' } }, {}), /"upstream-endpoint".*unix:\/\/\/path/)
  assert.throws(() => buildConfig({ upstream: { handlers: 'Not A Name' } }, {}), /"upstream-handlers".*handlers/)
  assert.throws(() => buildConfig({ upstream: { handlers: [1] } }, {}), /"upstream-handlers"/)
})

test('a daemon does not stand in front of itself', () => {
  assert.throws(() => buildConfig({ listen: SOCKET, upstream: { endpoint: SOCKET } }, {}), /another socket/)
})

test.run()
