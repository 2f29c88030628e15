// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../errors.ts'
import { assemble, HEADER_BYTES, OP_BYTES } from './assemble.ts'
import { disassemble } from './disassemble.ts'
import { ABSENT, type Op, op } from './ops.ts'

/** Where word `n` of operation `index` is. */
function word(index: number, n: number): number {
  return HEADER_BYTES + index * OP_BYTES + 8 + n * 8
}

function planBytes(...child: readonly Op[]): Buffer {
  return Buffer.from(assemble({ cloneFlags: 0n, prepare: [], parent: [], child }))
}

function refused(name: string, bytes: Uint8Array, reason: RegExp): void {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => disassemble(bytes),
      (error: unknown) => {
        assert.instance(error, Error)
        assert.ok(hasCode(error, 'invalid_argument'), String(error))
        assert.match(error.message, reason)
        return true
      },
    )
  })
}

/** The bytes of a good plan with one change. */
function changed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(bytes)
  return bytes
}

refused('nothing at all', new Uint8Array(), /no plan header/)
refused('less than a header', planBytes(op('setsid')).subarray(0, HEADER_BYTES - 1), /no plan header/)
refused(
  'another magic number',
  changed(planBytes(op('setsid')), (b) => b.writeUInt32LE(0, 0)),
  /no plan header/,
)
refused(
  'another version',
  changed(planBytes(op('setsid')), (b) => b.writeUInt32LE(99, 4)),
  /version 99/,
)
refused('a plan cut short', planBytes(op('chdir', '/a')).subarray(0, -1), /size \d+, but \d+ bytes/)
refused('bytes behind the plan', Buffer.concat([planBytes(op('setsid')), Buffer.alloc(1)]), /size/)
refused(
  'more operations than there are bytes',
  changed(planBytes(op('setsid')), (b) => b.writeUInt32LE(0xffff_ffff, 20)),
  /outside the plan/,
)
refused(
  'an operation that does not exist',
  changed(planBytes(op('setsid')), (b) => b.writeUInt16LE(999, HEADER_BYTES)),
  /unknown operation 999/,
)
refused(
  'a string outside the plan',
  changed(planBytes(op('chdir', '/a')), (b) => b.writeBigUInt64LE(1n << 40n, word(0, 0))),
  /outside the plan/,
)
refused(
  'a string that begins in the operations',
  changed(planBytes(op('chdir', '/a')), (b) => b.writeBigUInt64LE(8n, word(0, 0))),
  /outside the plan/,
)
refused(
  'a string without an end',
  changed(planBytes(op('chdir', '/a')), (b) => b.fill(1, HEADER_BYTES + OP_BYTES)),
  /no end/,
)
refused(
  'a missing string where one is needed',
  changed(planBytes(op('chdir', '/a')), (b) => b.writeBigUInt64LE(ABSENT, word(0, 0))),
  /chdir\.path is missing/,
)
refused(
  'data that reaches beyond the plan',
  changed(planBytes(op('seccomp', 'abc', 0)), (b) => b.writeBigUInt64LE(1000n, word(0, 1))),
  /outside the plan/,
)
refused(
  'data so long that its end wraps around',
  changed(planBytes(op('seccomp', 'abc', 0)), (b) => b.writeBigUInt64LE(ABSENT, word(0, 1))),
  /outside the plan/,
)
refused(
  'an array of strings without an end',
  changed(planBytes(op('execve', ['/a'], ['a'], ['E=1'])), (b) => {
    const at = Number(b.readBigUInt64LE(word(0, 2)))
    for (let entry = at; entry + 8 <= b.length; entry += 8) b.writeBigUInt64LE(BigInt(at), entry)
  }),
  /no end/,
)
refused(
  'a slot that does not exist',
  changed(planBytes(op('close', 1)), (b) => b.writeBigUInt64LE(48n, word(0, 0))),
  /slot 48/,
)
refused(
  'a missing slot where one is needed',
  changed(planBytes(op('close', 1)), (b) => b.writeBigUInt64LE(ABSENT, word(0, 0))),
  /close\.fd is missing/,
)

test('a plan without operations is a plan', () => {
  assert.equal(disassemble(planBytes()), { cloneFlags: 0n, prepare: [], parent: [], child: [] })
})

test('a plan may lie anywhere in a larger buffer', () => {
  const bytes = planBytes(op('chdir', '/there'))
  const inside = Buffer.concat([Buffer.alloc(3, 7), bytes, Buffer.alloc(5, 7)]).subarray(3, 3 + bytes.length)
  assert.equal(disassemble(inside).child[0]?.args, ['/there'])
})

test.run()
