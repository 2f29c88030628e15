// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Leak, leaksBetween, snapshotHost } from './leaks.ts'

// Other suites may run beside this one: only what carries this test's own mark is looked at.
const mark = `leak${process.pid}`

async function leaksAround(make: () => void, remove: () => void): Promise<Leak[]> {
  const before = await snapshotHost()
  make()
  try {
    return leaksBetween(before, await snapshotHost()).filter(({ what }) => what.includes(mark))
  } finally {
    remove()
    const left = leaksBetween(before, await snapshotHost()).filter(({ what }) => what.includes(mark))
    assert.equal(left, [])
  }
}

test('a mount that stays is a leak', async () => {
  const directory = mkdtempSync(join(tmpdir(), mark))
  const leaks = await leaksAround(
    () => execFileSync('mount', ['-t', 'tmpfs', mark, directory]),
    () => execFileSync('umount', [directory]),
  )
  rmdirSync(directory)
  assert.equal(leaks, [{ kind: 'mount', what: `${directory} (tmpfs ${mark} /)` }])
})

test('a network namespace and a link that stay are leaks', async () => {
  const leaks = await leaksAround(
    () => {
      // Not by `ip netns add`: its first use on a host mounts over /run/netns and hides the namespaces of others.
      mkdirSync('/run/netns', { recursive: true })
      writeFileSync(join('/run/netns', mark), '')
      execFileSync('ip', ['link', 'add', mark, 'type', 'bridge'])
    },
    () => {
      execFileSync('ip', ['link', 'delete', mark])
      rmSync(join('/run/netns', mark))
    },
  )
  assert.ok(leaks.some(({ kind, what }) => kind === 'netns' && what === mark))
  assert.ok(leaks.some(({ kind, what }) => kind === 'link' && what === mark))
})

test('a cgroup that stays is a leak in each hierarchy it stays in', async () => {
  const parents = ['pids', 'memory', ''].map((name) => join('/sys/fs/cgroup', name))
  const directories = parents.filter((path) => existsSync(join(path, 'cgroup.procs'))).map((path) => join(path, mark))
  const leaks = await leaksAround(
    () => {
      for (const directory of directories) mkdirSync(directory)
    },
    () => {
      for (const directory of directories) rmdirSync(directory)
    },
  )
  assert.ok(directories.length > 0)
  assert.equal(leaks.map(({ what }) => what).sort(), directories.sort())
})

test('a NAT rule that stays is a leak', async () => {
  const rule = ['-s', '203.0.113.7/32', '-m', 'comment', '--comment', mark, '-j', 'ACCEPT']
  const leaks = await leaksAround(
    () => execFileSync('iptables', ['-t', 'nat', '-A', 'POSTROUTING', ...rule]),
    () => execFileSync('iptables', ['-t', 'nat', '-D', 'POSTROUTING', ...rule]),
  )
  assert.is(leaks.length, 1)
  assert.is(leaks[0]?.kind, 'nat')
})

test.run()
