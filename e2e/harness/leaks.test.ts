// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeLeaks, type HostState, leaksBetween, snapshotHost } from './leaks.ts'

const EMPTY: HostState = {
  mount: new Map(),
  netns: new Map(),
  link: new Map(),
  cgroup: new Map(),
  process: new Map(),
  nat: new Map(),
  ipc: new Map(),
}

test('what was there before is no leak, a second one of it is', () => {
  const before = { ...EMPTY, mount: new Map([['/a (tmpfs)', 1]]) }
  assert.equal(leaksBetween(before, before), [])
  const after = { ...EMPTY, mount: new Map([['/a (tmpfs)', 2]]) }
  assert.equal(leaksBetween(before, after), [{ kind: 'mount', what: '/a (tmpfs)' }])
})

test('what has gone is no leak', () => {
  assert.equal(leaksBetween({ ...EMPTY, netns: new Map([['cni-1', 1]]) }, EMPTY), [])
})

test('each leak is one line that says what it is', () => {
  const leaks = leaksBetween(EMPTY, { ...EMPTY, netns: new Map([['cni-1', 1]]), link: new Map([['veth1', 1]]) })
  assert.is(describeLeaks(leaks), 'left behind: netns cni-1\nleft behind: link veth1')
  assert.is(describeLeaks([]), '')
})

test('a process of ours that still runs is named with its command line', async () => {
  const before = await snapshotHost()
  const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)', 'x'], { argv0: 'gantry-keeper' })
  try {
    await once(child, 'spawn')
    const leaks = leaksBetween(before, await snapshotHost()).filter(({ kind }) => kind === 'process')
    assert.ok(leaks.some(({ what }) => what.startsWith(`${child.pid} gantry-keeper -e`)))
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const after = leaksBetween(before, await snapshotHost()).filter(({ what }) => what.startsWith(`${child.pid} `))
  assert.equal(after, [])
})

test.run()
