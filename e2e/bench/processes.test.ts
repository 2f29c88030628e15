// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { waitFor } from '../harness/wait.ts'
import { descendants, listProcesses, pssBytes, rssBytes } from './processes.ts'

test('a grandchild is found below its grandparent with its command line', async () => {
  const shell = spawn('/bin/sh', ['-c', 'sleep 60 & wait'], { stdio: 'ignore' })
  // Between its fork and its exec it is still a copy of the shell.
  const sleeper = await waitFor('sleep below the shell', async () => {
    const below = descendants(await listProcesses(), [shell.pid ?? 0])
    return below.find(({ argv }) => argv[0] === 'sleep')
  })
  const family = descendants(await listProcesses(), [process.pid])
  process.kill(sleeper.pid)
  await once(shell, 'exit')
  assert.equal(sleeper.argv, ['sleep', '60'])
  assert.ok(family.some(({ pid }) => pid === sleeper.pid))
})

test('memory is that of the process, its share never more than what is resident', async () => {
  const resident = await rssBytes([process.pid])
  const share = await pssBytes([process.pid])
  assert.ok(Math.abs(resident - process.memoryUsage().rss) < 30e6, `${resident}`)
  assert.ok(share > 1e6 && share <= resident, `${share} of ${resident}`)
})

test('a process that is gone counts nothing', async () => {
  const child = spawn('/bin/true')
  await once(child, 'exit')
  assert.is(await pssBytes([child.pid ?? 0]), 0)
})

test.run()
