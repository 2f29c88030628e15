// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

/** What this release must pass at least; the rest is named, with its cause, in critest-known.json. */
const LEAST_PASSED = 100

/** Runs e2e/critest.ts; how many specs passed. What failed, or was left behind, is in the error. */
async function critest(...args: string[]): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'critest.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  assert.is(code, 0, `${output}\n${errors}`)
  return Number(/^passed (\d+), /m.exec(output)?.[1] ?? 0)
}

test('critest passes but for the specs that are listed with their cause, and leaves nothing behind', async () => {
  const passed = await critest()
  assert.ok(passed >= LEAST_PASSED, `${passed} specs passed, expected ${LEAST_PASSED}`)
})

test('critest’s streaming specs pass over WebSocket too', async () => {
  assert.is(await critest('--websocket', '--focus', 'Streaming'), 5)
})

test('containerd behind gantryd passes and fails the same streaming specs as without it', async () => {
  assert.is(await critest('--peer', 'containerd', '--through', 'gantry', '--focus', 'Streaming'), 5)
})

test.run()
