// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { printOp } from '../explain.ts'
import type { Op } from '../ops.ts'
import { bitmap } from './bitmap.ts'
import { compileAffinity, compileScheduling } from './scheduling.ts'

const PROCESS = { cwd: '/' }

function dataOf(operation: Op | undefined): Buffer {
  return Buffer.from(operation?.args.at(-1) as Uint8Array)
}

test('a deadline is the struct that the kernel reads', () => {
  const scheduler = {
    policy: 'SCHED_DEADLINE',
    flags: ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM'],
    runtime: 10_000_000,
    deadline: 2n ** 40n,
    period: 30_000_000,
  }
  const [operation] = compileScheduling({ ...PROCESS, scheduler }, {})
  const attr = dataOf(operation)
  assert.is(attr.length, 48)
  assert.equal([attr.readUInt32LE(0), attr.readUInt32LE(4)], [48, 6])
  assert.is(attr.readBigUInt64LE(8), 3n)
  assert.equal(
    [24, 32, 40].map((at) => attr.readBigUInt64LE(at)),
    [10_000_000n, 2n ** 40n, 30_000_000n],
  )
  assert.is(operation?.purpose, 'set scheduler SCHED_DEADLINE')
})

test('nice and priority have their places, clamps a longer struct', () => {
  const nice = dataOf(compileScheduling({ ...PROCESS, scheduler: { policy: 'SCHED_BATCH', nice: -7 } }, {})[0])
  assert.equal([nice.readUInt32LE(4), nice.readInt32LE(16), nice.readUInt32LE(20)], [3, -7, 0])
  const flags = ['SCHED_FLAG_UTIL_CLAMP_MAX']
  const fifo = dataOf(
    compileScheduling({ ...PROCESS, scheduler: { policy: 'SCHED_FIFO', priority: 42, flags } }, {})[0],
  )
  assert.equal([fifo.length, fifo.readUInt32LE(0), fifo.readUInt32LE(4), fifo.readUInt32LE(20)], [56, 56, 1, 42])
})

test('I/O priority, memory policy and personality are their numbers', () => {
  const ioPriority = { class: 'IOPRIO_CLASS_IDLE', priority: 5 }
  const memoryPolicy = { mode: 'MPOL_BIND', nodes: '0,65', flags: ['MPOL_F_STATIC_NODES'] }
  const operations = compileScheduling({ ...PROCESS, ioPriority }, { memoryPolicy, personality: { domain: 'LINUX32' } })
  assert.equal(operations.map(printOp), [
    'ioprio_set priority=0x6005',
    'set_mempolicy mode=0x8002 nodes=<16 bytes>',
    'personality persona=0x8',
  ])
})

test('names that nobody knows are refused with the field', () => {
  const refused = (scheduler: string, io: string, linux: Parameters<typeof compileScheduling>[1]) => () =>
    compileScheduling({ ...PROCESS, scheduler: { policy: scheduler }, ioPriority: { class: io, priority: 0 } }, linux)
  const io = 'IOPRIO_CLASS_RT'
  assert.throws(
    refused('SCHED_NONE', io, {}),
    /read process\.scheduler\.policy "SCHED_NONE": unknown, expected one of SCHED/,
  )
  assert.throws(refused('SCHED_RR', 'IDLE', {}), /read process\.ioPriority\.class "IDLE"/)
  assert.throws(refused('SCHED_RR', io, { memoryPolicy: { mode: 'X' } }), /read linux\.memoryPolicy\.mode "X"/)
  assert.throws(refused('SCHED_RR', io, { personality: { domain: 'X' } }), /read linux\.personality\.domain "X"/)
  const flags = { domain: 'LINUX', flags: ['X'] }
  assert.throws(refused('SCHED_RR', io, { personality: flags }), /personality\.flags "X": unknown, expected none/)
})

test('lists of numbers are bits', () => {
  assert.equal(bitmap('', 'f'), new Uint8Array())
  assert.equal(bitmap('0', 'f'), new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]))
  assert.equal(bitmap('0-3,7, 9', 'f'), new Uint8Array([0x8f, 2, 0, 0, 0, 0, 0, 0]))
  assert.is(bitmap('8191', 'f').length, 1024)
  for (const wrong of ['3-1', 'x', '1,', '8192', '1-99999999', '-1']) {
    assert.throws(() => bitmap(wrong, 'process.x'), /read process\.x .* expected a list/, wrong)
  }
})

test('an affinity nobody asked for is none', () => {
  assert.equal(compileAffinity('final', undefined), [])
})

test.run()
