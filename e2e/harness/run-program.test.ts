// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, runProgram } from './run-program.ts'

function shell(script: string, more: Partial<Program> = {}): Program {
  return { command: '/bin/sh', args: ['-c', script], cwd: '/', env: process.env, timeoutMs: 30_000, ...more }
}

test('a program is known by what it said and how it ended', async () => {
  const run = await runProgram(shell('echo out; echo err >&2; exit 3'))
  assert.is(run.output, 'out\nerr\n')
  assert.is(run.exitCode, 3)
  assert.is(run.timedOut, false)
  assert.equal(run.survivors, [])
})

test('a program has no input to wait for', async () => {
  assert.is((await runProgram(shell('cat; echo end'))).output, 'end\n')
})

test('a program that a signal ended is told from one that exited', async () => {
  const run = await runProgram(shell('kill -KILL $$'))
  assert.is(run.exitCode, null)
  assert.is(run.signal, 'SIGKILL')
  assert.is(run.timedOut, false)
})

test('a program that takes too long is ended, with its children', async () => {
  const run = await runProgram(shell('sleep 4711 & echo $!; wait', { timeoutMs: 300 }))
  assert.is(run.timedOut, true)
  assert.is(run.signal, 'SIGTERM')
  assert.not.ok(isRunning(run.output.trim()))
})

test('a program that takes too long may still clean up', async () => {
  const run = await runProgram(shell('trap "echo cleaned; exit 0" TERM; sleep 4711 & wait', { timeoutMs: 300 }))
  assert.is(run.output, 'cleaned\n')
  assert.is(run.timedOut, true)
})

test('an interrupted run ends its program and is not a timeout', async () => {
  const controller = new AbortController()
  const running = runProgram(shell('sleep 4711', { signal: controller.signal }))
  controller.abort()
  const run = await running
  assert.is(run.signal, 'SIGTERM')
  assert.is(run.timedOut, false)
})

test('a child that outlives its program is named and ended', async () => {
  // Its end is reported by name, so it must have become what it is by then.
  const run = await runProgram(shell('sleep 4711 & echo $!; until grep -q sleep /proc/$!/comm; do :; done'))
  assert.is(run.survivors.length, 1)
  assert.match(run.survivors[0] ?? '', /^\d+ sleep 4711$/)
  assert.not.ok(isRunning(run.output.trim()))
})

test('of a flood of output the end is kept', async () => {
  const run = await runProgram(shell('head -c 5000000 /dev/zero | tr "\\0" x; echo end'))
  assert.ok(run.output.endsWith('xxxend\n'))
  assert.match(run.output, /^… \d+ bytes before this left out …\n/)
  assert.ok(run.output.length < 1_200_000)
})

test('a program that does not exist is an error that names it', async () => {
  try {
    await runProgram({ ...shell(''), command: '/no/such/program' })
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'run "/no/such/program": ENOENT')
  }
})

function isRunning(pid: string): boolean {
  assert.match(pid, /^\d+$/)
  // A killed process stays a zombie until whoever inherited it reaps it; then it has no command line any more.
  return existsSync(`/proc/${pid}/exe`)
}

test.run()
