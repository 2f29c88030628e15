// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../errors.ts'
import { assemble, HEADER_BYTES, MAX_OPS, MAX_PLAN_BYTES, OP_BYTES } from './assemble.ts'
import { disassemble } from './disassemble.ts'
import { ABSENT, OPS, type Op, type Operand, type OpName, op, type Plan, SLOT_COUNT, tolerating } from './ops.ts'

const EMPTY = { cloneFlags: 0n, prepare: [], parent: [], child: [] } as const
const NAMES = Object.keys(OPS) as OpName[]

/** A plan whose child does the given operations. */
function childOf(...child: readonly Op[]): Plan {
  return { ...EMPTY, child }
}

/** Two values of each kind that are not each other's: what comes back must be what went in, not a default. */
const SAMPLES: Readonly<Record<Operand['kind'], readonly [Op['args'][number], Op['args'][number]]>> = {
  str: ['/etc/ünï', ''],
  ostr: [undefined, 'tmpfs'],
  u64: [0x0123_4567_89ab_cdefn, ABSENT],
  slot: [0, SLOT_COUNT - 1],
  oslot: [undefined, 17],
  data: [Buffer.from([0, 1, 2, 255, 0]), Buffer.alloc(0)],
  strv: [['a', 'b c', ''], []],
}

function sampleOp(name: OpName, which: 0 | 1): Op {
  const operands: readonly Operand[] = OPS[name].operands
  return { name, args: operands.map(({ kind }) => SAMPLES[kind][which]), tolerate: which === 0 ? [] : [2, 22] }
}

for (const name of NAMES) {
  test(`${name} comes back from the wire as it went in`, () => {
    const ops = [sampleOp(name, 0), sampleOp(name, 1)]
    const back = disassemble(assemble({ cloneFlags: 0x2002_0000n, prepare: ops, parent: ops, child: ops }))
    assert.equal(back, { cloneFlags: 0x2002_0000n, prepare: ops, parent: ops, child: ops })
  })
}

test('no two operations share a code, and every row fits the words of an operation', () => {
  const codes = NAMES.map((name) => OPS[name].code)
  assert.is(new Set(codes).size, codes.length)
  for (const name of NAMES) {
    const words = OPS[name].operands.reduce((sum, { kind }) => sum + (kind === 'data' ? 2 : 1), 0)
    assert.ok(8 + words * 8 <= OP_BYTES, `${name} needs ${words} words`)
  }
})

test('equal strings are stored once', () => {
  const long = 'x'.repeat(1000)
  const one = assemble(childOf(op('chdir', long))).length
  const many = assemble(childOf(...Array.from({ length: 10 }, () => op('chdir', long)))).length
  assert.is(many - one, 9 * OP_BYTES)
})

test('a plan ends with zero bytes, so that its last string has an end', () => {
  const bytes = assemble(childOf(op('chdir', '/last')))
  assert.equal([...bytes.subarray(-8)], [0, 0, 0, 0, 0, 0, 0, 0])
})

test('arrays of strings stand at multiples of eight, whatever came before', () => {
  for (let pad = 0; pad < 9; pad++) {
    const plan = childOf(op('chdir', 'y'.repeat(pad)), op('execve', ['/bin/sh'], ['sh', 'z'.repeat(pad)], []))
    const view = Buffer.from(assemble(plan))
    const words = [0, 1, 2].map((word) => view.readBigUInt64LE(HEADER_BYTES + OP_BYTES + 8 + word * 8))
    for (const at of words) assert.is(at % 8n, 0n, `padding ${pad}`)
    assert.equal(disassemble(view).child[1]?.args, [['/bin/sh'], ['sh', 'z'.repeat(pad)], []])
  }
})

test('a negative number is written as its two’s complement', () => {
  const [operation] = disassemble(assemble(childOf(op('set_rlimit', 7, -1, -1n)))).child
  assert.equal(operation?.args, [7n, ABSENT, ABSENT])
})

test('bytes that are no UTF-8 reach the keeper as they are', () => {
  const name = Buffer.from([0x2f, 0xff, 0xfe])
  const bytes = Buffer.from(assemble(childOf(op('chdir', name))))
  assert.ok(bytes.includes(Buffer.from([0x2f, 0xff, 0xfe, 0])))
})

test('a string with a NUL byte is refused and the operand named', () => {
  assert.throws(
    () => assemble(childOf(op('chdir', '/a\0b'))),
    (error: unknown) => hasCode(error, 'invalid_argument') && /chdir\.path.*NUL/.test(error.message),
  )
  assert.throws(
    () => assemble(childOf(op('execve', ['/a'], ['a', Buffer.from([65, 0])], []))),
    (error: unknown) => hasCode(error, 'invalid_argument') && error.message.includes('execve.argv'),
  )
})

test('a slot out of range is refused', () => {
  for (const slot of [-1, SLOT_COUNT, 1.5, Number.NaN]) {
    assert.throws(
      () => assemble(childOf(op('close', slot))),
      (error: unknown) => hasCode(error, 'internal'),
      `${slot}`,
    )
  }
})

test('a plan with more operations or bytes than the keeper takes is refused', () => {
  const many = Array.from({ length: MAX_OPS + 1 }, () => op('setsid'))
  const large = op('write_file', undefined, '/x', new Uint8Array(MAX_PLAN_BYTES))
  for (const plan of [childOf(...many), childOf(large)]) {
    assert.throws(
      () => assemble(plan),
      (error: unknown) => hasCode(error, 'resource_exhausted') && error.message.includes('too large'),
    )
  }
  assert.is(disassemble(assemble(childOf(...many.slice(1)))).child.length, MAX_OPS)
})

test('an operation tolerates two errnos, not three', () => {
  assert.equal(tolerating(tolerating(op('setsid'), 1), 2).tolerate, [1, 2])
  assert.throws(() => tolerating(op('setsid'), 1, 2, 3), RangeError)
})

test.run()
