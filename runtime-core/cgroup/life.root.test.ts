// SPDX-License-Identifier: Apache-2.0

import { existsSync, mkdirSync, statSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { GantryError } from '../errors.ts'
import { endOf, lineOf, spawnInside } from './apply.testing.ts'
import { onEveryHost } from './contract.testing.ts'
import { freezeCgroup, isFrozen, thawCgroup } from './freeze.ts'
import { killCgroup, processesOf } from './kill.ts'
import { removeCgroup } from './remove.ts'
import { readAllCgroupStats, readCgroupStats, readOomKills } from './stats.ts'

const MiB = 2 ** 20

await onEveryHost('a cgroup', ({ test, host, make }) => {
  test('stops all its processes when frozen, and resumes them', async (context) => {
    const plan = make(context)
    const child = await spawnInside(plan, 'while read line; do echo "$line"; done')
    assert.not(await isFrozen(plan))
    await freezeCgroup(plan)
    assert.ok(await isFrozen(plan))
    let answered = false
    child.stdout?.once('data', () => {
      answered = true
    })
    const answer = lineOf(child)
    child.stdin?.write('hello\n')
    assert.ok(await isFrozen(plan))
    assert.not(answered)
    await thawCgroup(plan)
    assert.is(await answer, 'hello')
    assert.not(await isFrozen(plan))
  })

  test('dies with everything it forked', async (context) => {
    const plan = make(context)
    const child = await spawnInside(plan, 'for n in 1 2 3; do setsid sleep 1000 & done; echo ready; wait')
    await lineOf(child)
    assert.is((await processesOf(plan.procsFile.replace('/cgroup.procs', ''))).length, 4)
    assert.ok(await killCgroup(plan, 5000))
    assert.is(await endOf(child), 'SIGKILL')
    assert.equal(await processesOf(plan.procsFile.replace('/cgroup.procs', '')), [])
  })

  test('dies without cgroup.kill too, though it forks all the while', async (context) => {
    const plan = make(context, { pids: { limit: 40 } })
    const child = await spawnInside(
      plan,
      `echo ready; exec perl -e 'while (1) { fork; select undef, undef, undef, 0.001 }'`,
    )
    await lineOf(child)
    assert.ok(await killCgroup({ procsFile: plan.procsFile }, 5000))
    assert.is(await endOf(child), 'SIGKILL')
  })

  test('dies while frozen', async (context) => {
    const plan = make(context)
    const child = await spawnInside(plan, 'exec sleep 1000')
    await freezeCgroup(plan)
    assert.ok(await killCgroup(plan, 5000))
    assert.is(await endOf(child), 'SIGKILL')
  })

  test('counts whom the OOM killer took', async (context) => {
    const plan = make(context, { memory: { limit: 16 * MiB, swap: 16 * MiB } })
    assert.is(await readOomKills(plan.oomFile), 0)
    const child = await spawnInside(plan, 'exec tail /dev/zero')
    assert.is(await endOf(child), 'SIGKILL')
    assert.is(await readOomKills(plan.oomFile), 1)
    assert.is((await readCgroupStats(host, context.path)).memory?.oomKills, 1)
  })

  test('tells what its processes use', async (context) => {
    const plan = make(context, { memory: { limit: 256 * MiB }, pids: { limit: 20 } })
    const child = await spawnInside(
      plan,
      `sleep 1000 & exec perl -e '$| = 1; $x .= "x" x 99 for 1 .. 300000; $n++ for 1 .. 5000000; print "ready\n"; sleep 1000'`,
    )
    await lineOf(child)
    const { cpu, memory, pids, io } = await readCgroupStats(host, context.path)
    assert.ok((cpu?.usageNs ?? 0n) > 10_000_000n, `${cpu?.usageNs} ns`)
    assert.ok((cpu?.userNs ?? 0n) > 0n)
    assert.ok((memory?.usage ?? 0) > 29_000_000 && (memory?.usage ?? 0) < 200 * MiB, `${memory?.usage} bytes`)
    assert.ok((memory?.rss ?? 0) > 29_000_000 && (memory?.rss ?? 0) <= (memory?.usage ?? 0))
    assert.ok((memory?.pageFaults ?? 0) > 1000)
    assert.is(memory?.limit, 256 * MiB)
    assert.is(memory?.available, 256 * MiB - (memory?.workingSet ?? 0))
    assert.equal(pids, { current: 2, limit: 20 })
    assert.ok(Array.isArray(io?.devices))
  })

  test('has the same figures when many are read at once, and the event loop keeps turning', async (context) => {
    make(context, { memory: { limit: 256 * MiB }, pids: { limit: 20 } })
    const many = Array.from({ length: 300 }, (_, n) => (n % 2 === 0 ? context.path : `${context.path}/gone-${n}`))
    let turns = 0
    const turn = (): void => {
      turns++
      turning = setImmediate(turn)
    }
    let turning = setImmediate(turn)
    const all = await readAllCgroupStats(host, many)
    clearImmediate(turning)
    assert.equal([...all.keys()], [context.path])
    const { cpu, memory, pids } = await readCgroupStats(host, context.path)
    assert.equal(all.get(context.path)?.pids, pids)
    assert.is(all.get(context.path)?.memory?.limit, memory?.limit)
    assert.is(typeof all.get(context.path)?.cpu?.usageNs, typeof cpu?.usageNs)
    assert.ok(turns >= 2, `${turns} turns`)
  })

  test('has no figures when it is gone', async (context) => {
    const error = await readCgroupStats(host, context.path).catch((reason: unknown) => reason)
    assert.ok(error instanceof GantryError && error.code === 'not_found', String(error))
  })

  test('is removed with what was made below it, and its parent stays', async (context) => {
    const plan = make(context)
    for (const leaf of plan.leaves) mkdirSync(`${leaf}/a/b/c`, { recursive: true })
    await removeCgroup(plan.leaves)
    for (const leaf of plan.leaves) {
      assert.not(existsSync(leaf), leaf)
      assert.ok(statSync(leaf.slice(0, leaf.lastIndexOf('/'))).isDirectory())
    }
    await removeCgroup(plan.leaves)
  })

  test('is removed as soon as its last process has ended', async (context) => {
    const plan = make(context)
    const child = await spawnInside(plan, 'read line')
    const removed = removeCgroup(plan.leaves, 5000)
    child.stdin?.end('\n')
    await removed
    assert.is(await endOf(child), '0')
    assert.not(plan.leaves.some((leaf) => existsSync(leaf)))
  })

  test('is not removed under a living process, and says so', async (context) => {
    const plan = make(context)
    const child = await spawnInside(plan, 'exec sleep 1000')
    const error = await removeCgroup(plan.leaves, 100).catch((reason: unknown) => reason)
    assert.ok(
      error instanceof GantryError && error.code === 'failed_precondition' && error.errno === 'EBUSY',
      String(error),
    )
    assert.match((error as GantryError).message, /^remove cgroup ".*c\d+": processes are still in it after 100 ms/)
    assert.equal(await processesOf(plan.procsFile.replace('/cgroup.procs', '')), [child.pid])
  })
})
