// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { publish } from './channels.ts'
import { printFacts } from './print-facts.ts'

const DEBUG = 20
const INFO = 30
const WARN = 40
const ERROR = 50

/** Runs `act` with facts printed by a real pino at debug level; returns the lines. */
function linesOf(act: () => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line))
  const end = printFacts(pino({ level: 'debug' }, { write }))
  act()
  end()
  return lines
}

test('a line names the fact, carries its fields and says it in words', () => {
  const [line] = linesOf(() => publish('OomKilled', { containerId: 'c1', podId: 'p1' }))
  assert.is(line?.['msg'], 'container out of memory')
  assert.is(line?.['fact'], 'OomKilled')
  assert.is(line?.['containerId'], 'c1')
  assert.is(line?.['level'], WARN)
})

test('a daemon that is ready says so with the message "ready"', () => {
  const fact = { version: '0.1.0', listen: 'unix:///x', durationMs: 5, sandboxes: 0, containers: 0 }
  const [line] = linesOf(() => publish('DaemonReady', fact))
  assert.is(line?.['msg'], 'ready')
})

test('polling by the kubelet is silent at the usual level, and its failures are not', () => {
  const rpc = (method: string, code: string) =>
    publish('RpcFinished', { service: 'RuntimeService', method, code, durationMs: 1 })
  const levels = linesOf(() => {
    rpc('ListContainers', 'OK')
    rpc('PodSandboxStatus', 'OK')
    rpc('RunPodSandbox', 'OK')
    rpc('ListContainers', 'INTERNAL')
    rpc('StartContainer', 'INVALID_ARGUMENT')
    rpc('ContainerStatus', 'NOT_FOUND')
  }).map((line) => line['level'])
  assert.equal(levels, [DEBUG, DEBUG, INFO, ERROR, WARN, INFO])
})

test('after it was ended nothing is printed', () => {
  const lines: string[] = []
  const end = printFacts(pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }))
  end()
  publish('OomKilled', { containerId: 'c1', podId: 'p1' })
  assert.equal(lines, [])
})

test.run()
