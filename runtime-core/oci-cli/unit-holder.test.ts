// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { KEEPER_PROGRAM } from '../keeper/spawn.ts'
import { eventually } from '../keeper/test/eventually.ts'
import { assemble } from '../plan/assemble.ts'
import { op } from '../plan/ops.ts'
import { UnitHolder } from './unit-holder.ts'

const directory = await mkdtemp(join(tmpdir(), 'gantry-holder-'))
test.after(() => rm(directory, { recursive: true }))

/** It may be there as a zombie, until its parent has looked. */
const state = (pid: number) => /^State:\s*(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
const isGone = (pid: number) => !existsSync(`/proc/${pid}`) || state(pid) === 'Z'

test('a holder is there until it is ended', async () => {
  const holder = await UnitHolder.start()
  assert.match(readFileSync(`/proc/${holder.pid}/status`, 'utf8'), /^Name:\tgantry-holder\n/)
  await holder.end()
  assert.ok(isGone(holder.pid))
})

test('a holder ends with the process that started it, however that ends', async () => {
  const script = `
    const { UnitHolder } = await import(${JSON.stringify(new URL('unit-holder.ts', import.meta.url).href)})
    process.stdout.write(String((await UnitHolder.start()).pid))
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(child.stdout, 'data')
  const pid = Number(said)
  assert.is(isGone(pid), false)
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  await eventually('the holder is gone', () => isGone(pid))
})

test('a plan ends the holder before the program runs', async () => {
  const holder = await UnitHolder.start()
  // This process, its parent, has no time to reap it meanwhile.
  const look = ['grep', '-q', '^State:.Z', `/proc/${holder.pid}/status`]
  const child = [op('sync_parent'), op('execve', ['/bin/grep'], look, [])]
  const parent = [op('end_holder', holder.pid), op('resume_child'), op('await_exit')]
  const path = join(directory, 'plan')
  await writeFile(path, assemble({ cloneFlags: 0n, prepare: [], parent, child }))
  const { status, stderr } = spawnSync(KEEPER_PROGRAM, ['launch', path], { encoding: 'utf8' })
  assert.is(stderr, '')
  assert.is(status, 0)
})

test('a plan for a holder that is gone goes on', async () => {
  const holder = await UnitHolder.start()
  await holder.end()
  const child = [op('sync_parent'), op('execve', ['/bin/true'], ['true'], [])]
  const parent = [op('end_holder', holder.pid), op('resume_child'), op('await_exit')]
  const path = join(directory, 'plan')
  await writeFile(path, assemble({ cloneFlags: 0n, prepare: [], parent, child }))
  const { status, stderr } = spawnSync(KEEPER_PROGRAM, ['launch', path], { encoding: 'utf8' })
  assert.is(stderr, '')
  assert.is(status, 0)
})

test.run()
