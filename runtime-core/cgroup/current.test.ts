// SPDX-License-Identifier: Apache-2.0

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cgroupBelow } from './current.ts'
import type { CgroupHost } from './detect.ts'
import { compileCgroup } from './manager.ts'

const host: CgroupHost = {
  mode: 'v2',
  unifiedMount: '/sys/fs/cgroup',
  v1: new Map(),
  controllers: ['memory'],
  self: new Map([['', '/']]),
}
const plan = compileCgroup(host, '/pods/p1/c1', {})
const proc = await mkdtemp(join(tmpdir(), 'gantry-current-'))
await mkdir(join(proc, '7'))

test.after(() => rm(proc, { recursive: true }))

async function where(path: string): Promise<string | undefined> {
  await writeFile(join(proc, '7/cgroup'), `0::${path}\n`)
  return await cgroupBelow(plan, host, 7, proc)
}

test('a first process that moved below the container’s cgroup is followed there', async () => {
  assert.is(await where('/pods/p1/c1/init.scope'), '/sys/fs/cgroup/pods/p1/c1/init.scope')
})

test('one that stayed, or went to a neighbour or out of sight, is not followed', async () => {
  for (const path of ['/pods/p1/c1', '/pods/p1/c10/x', '/', '/../c1/x']) assert.is(await where(path), undefined, path)
})

test('a process that is gone is an error', async () => {
  try {
    await cgroupBelow(plan, host, 8, proc)
  } catch (error) {
    return assert.match(String(error), 'ENOENT')
  }
  assert.unreachable()
})

test.run()
