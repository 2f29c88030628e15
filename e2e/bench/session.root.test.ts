// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measureLife } from './measure-life.ts'
import { listProcesses } from './processes.ts'
import { Samples } from './samples.ts'
import { openSession } from './session.ts'

const missing = ['containerd', 'runc', 'ip'].filter((name) => spawnSync(name, ['--version']).error !== undefined)
const check = missing.length === 0 ? test : test.skip
const reason = missing.length === 0 ? '' : ` (skipped: not installed: ${missing.join(', ')})`
// Everything of this run lies below here, so that another bench at the same time is not mistaken for a trace of ours.
const place = mkdtempSync(join(tmpdir(), 'bench-'))
process.env['TMPDIR'] = place

const OPTIONS = { peers: ['containerd'], rounds: 1, pods: 1, json: undefined, containerdDirectory: undefined } as const

test.after(() => rmdirSync(place))

check(`a round against containerd measures every step, and leaves nothing behind${reason}`, async () => {
  const before = await traces()
  const samples = new Samples()
  {
    await using session = await openSession(OPTIONS, () => undefined)
    for (const peer of session.peers) await measureLife(peer, samples)
  }
  assert.ok(samples.rows().length >= 11, JSON.stringify(samples.rows()))
  assert.equal(await traces(), before)
})

check(`a run that breaks off with a pod alive leaves nothing behind either${reason}`, async () => {
  const before = await traces()
  const run = async (): Promise<void> => {
    await using session = await openSession(OPTIONS, () => undefined)
    for (const peer of session.peers) await peer.runPod(await peer.nextPod('bridge'))
    throw new Error('broken off')
  }
  await run().then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'broken off'),
  )
  assert.equal(await traces(), before)
})

/** What a run could leave: its directory, mounts and processes that name it, its link, its cgroups. */
async function traces(): Promise<Record<string, string[]>> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(place))
  const hierarchies = await readdir('/sys/fs/cgroup')
  const cgroups = await Promise.all(hierarchies.map((name) => readdir(`/sys/fs/cgroup/${name}`).catch(() => [])))
  const processes = (await listProcesses()).map(({ argv }) => argv.join(' ')).filter((line) => line.includes(place))
  return {
    files: await readdir(place),
    mounts,
    links: (await readdir('/sys/class/net')).filter((name) => name === `gb${process.pid}c`),
    cgroups: cgroups.flat().filter((name) => name.startsWith(`gantry-bench-${process.pid}`)),
    processes,
  }
}

test.run()
