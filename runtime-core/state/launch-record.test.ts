// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { errnoOf } from '../errors.ts'
import { assemble } from '../plan/assemble.ts'
import { op } from '../plan/ops.ts'
import { explainLaunch, writeLaunchRecord } from './launch-record.ts'

const directory = mkdtempSync(join(tmpdir(), 'keeper-state-'))
test.after(() => rmSync(directory, { recursive: true }))

const PLAN = assemble({
  cloneFlags: 0x20000n,
  prepare: [op('mkdir_host', '/cg', 0o755)],
  parent: [],
  child: [op('setsid')],
})
const RESULT = { call: 1, errno: 0, failedOp: 0, pid: 42, startedAtNs: 1n, times: [1500, 4_294_967_295] }

test('what was kept of a start is explained with its times', async () => {
  await writeLaunchRecord(directory, PLAN, RESULT)
  assert.fixture(
    await explainLaunch(directory),
    `keeper, before the clone:
        1.5 µs  mkdir_host path="/cg" mode=0755
child of clone3(mount):
  4294967.3 µs  setsid
`,
  )
})

test('of a start that failed, where it failed', async () => {
  await writeLaunchRecord(directory, PLAN, { ...RESULT, errno: 28, failedOp: 1, times: [1500, 0] })
  assert.match(await explainLaunch(directory), /\n +· µs {2}setsid {3}← ENOSPC\n$/)
})

test('a container that was never started has nothing to explain', async () => {
  const error = await explainLaunch(join(directory, 'none')).catch((cause: unknown) => cause)
  assert.is(errnoOf(error), 'ENOENT')
})

test.run()
