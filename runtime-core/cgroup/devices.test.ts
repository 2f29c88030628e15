// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciDeviceRule } from '../spec/types.ts'
import { ACCESS, DEFAULT_DEVICE_RULES, type DeviceKind, deviceLine, reduceDeviceRules } from './devices.ts'
import { compileDeviceProgram } from './devices-ebpf.ts'

const all = (allow: boolean): OciDeviceRule => ({ allow, access: 'rwm' })
const rule = (allow: boolean, line: string): OciDeviceRule => {
  const [, type, major = '', minor = '', access = ''] = /^([cb]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(line) ?? []
  const number = (text: string, key: string) => (text === '*' ? {} : { [key]: Number(text) })
  return { allow, type: type as DeviceKind, ...number(major, 'major'), ...number(minor, 'minor'), access }
}
const allow = (line: string) => rule(true, line)
const deny = (line: string) => rule(false, line)
const lines = (rules: readonly OciDeviceRule[]) => reduceDeviceRules(rules).exceptions.map(deviceLine)

test('without any rule nothing is allowed', () => {
  assert.equal(reduceDeviceRules([]), { allowByDefault: false, exceptions: [] })
})

test('a rule for all devices forgets what came before', () => {
  assert.equal(reduceDeviceRules([allow('c 1:3 rwm'), all(true)]), { allowByDefault: true, exceptions: [] })
  assert.equal(lines([allow('c 1:3 rwm'), all(false), allow('b 8:0 r')]), ['b 8:0 r'])
})

test('rules for one device add up and take away', () => {
  assert.equal(lines([all(false), allow('c 1:3 r'), allow('c 1:3 w')]), ['c 1:3 rw'])
  assert.equal(lines([all(false), allow('c 1:3 rwm'), deny('c 1:3 m')]), ['c 1:3 rw'])
  assert.equal(lines([all(false), allow('c 1:3 rwm'), deny('c 1:3 rwm')]), [])
  assert.equal(lines([all(false), deny('c 1:3 w')]), [])
})

test('where all is allowed, denials are the exceptions', () => {
  const policy = reduceDeviceRules([all(true), deny('b 8:0 w'), deny('b 8:16 rwm'), allow('b 8:16 rwm')])
  assert.is(policy.allowByDefault, true)
  assert.equal(policy.exceptions.map(deviceLine), ['b 8:0 w'])
})

test('a hole in a wider rule, which the kernel would ignore, is refused', () => {
  assert.throws(
    () => reduceDeviceRules([all(false), allow('c 1:* rwm'), deny('c 1:3 w')]),
    /"linux.resources.devices\[2\]": is "c 1:3 w", expected no part of the wider rule before it, c 1:\* rwm/,
  )
  assert.throws(() => reduceDeviceRules([all(true), deny('c *:* w'), allow('c 1:3 w')]), /devices\[2\]/)
  assert.equal(lines([all(false), allow('c *:* m'), deny('c 1:3 w')]), ['c *:* m'])
})

test('minus one stands for any number, as Go runtimes write it', () => {
  assert.equal(lines([{ allow: true, type: 'c', major: 136, minor: -1, access: 'rw' }]), ['c 136:* rw'])
})

test('a mistake in a rule is named by its field', () => {
  const refused = (bad: object, text: RegExp) =>
    assert.throws(() => reduceDeviceRules([all(false), { allow: true, type: 'c', ...bad } as OciDeviceRule]), text)
  refused({ type: 'u' }, /"linux.resources.devices\[1\].type": is "u", expected a, b or c/)
  refused({ access: 'rx' }, /devices\[1\].access": is "rx"/)
  refused({ access: '' }, /devices\[1\].access/)
  refused({ major: 4096 }, /devices\[1\].major": is 4096, expected 0 to 4095/)
  refused({ minor: 1.5 }, /devices\[1\].minor/)
  assert.throws(() => reduceDeviceRules(Array(2000).fill(all(true))), /at most 1024/)
})

/** Runs the few eBPF instructions the compiler uses, as the kernel would; anything else is an error. */
function run(program: Uint8Array, kind: DeviceKind, major: number, minor: number, access: number): boolean {
  const code = Buffer.from(program)
  const context = [(access << 16) | (kind === 'b' ? 1 : 2), major, minor]
  const registers = Array<number>(11).fill(Number.NaN)
  for (let pc = 0; pc < code.length / 8; pc++) {
    const at = pc * 8
    const [dst, src] = [code.readUInt8(at + 1) & 15, code.readUInt8(at + 1) >> 4]
    const [off, imm] = [code.readInt16LE(at + 2), code.readInt32LE(at + 4)]
    const value = registers[dst] ?? Number.NaN
    switch (code.readUInt8(at)) {
      case 0x61:
        assert.is(src, 1)
        registers[dst] = context[off / 4] ?? Number.NaN
        break
      case 0xb7:
        registers[dst] = imm
        break
      case 0xbf:
        registers[dst] = registers[src] ?? Number.NaN
        break
      case 0x57:
        registers[dst] = value & imm
        break
      case 0x77:
        registers[dst] = value >>> imm
        break
      case 0x05:
        pc += off
        break
      case 0x55:
        if (value !== imm) pc += off
        break
      case 0x15:
        if (value === imm) pc += off
        break
      case 0x95:
        assert.ok(registers[0] === 0 || registers[0] === 1)
        return registers[0] === 1
      default:
        throw new Error(`opcode 0x${code.readUInt8(at).toString(16)}`)
    }
  }
  throw new Error('fell off the end')
}

/** What the rules mean, said differently: devcgroup_legacy_check_permission of security/device_cgroup.c. */
function expected(
  rules: readonly OciDeviceRule[],
  kind: DeviceKind,
  major: number,
  minor: number,
  access: number,
): boolean {
  const { allowByDefault, exceptions } = reduceDeviceRules(rules)
  const same = exceptions.filter((e) => e.kind === kind && (e.major ?? major) === major && (e.minor ?? minor) === minor)
  return allowByDefault
    ? !same.some((e) => (e.access & access) !== 0)
    : same.some((e) => (e.access & access) === access)
}

test('the program decides as the v1 controller for every device, kind and access', () => {
  const lists = [
    [],
    [all(false)],
    [...DEFAULT_DEVICE_RULES],
    [all(false), allow('c 1:3 rw'), allow('c 5:* m'), allow('c *:7 r'), allow('b *:* w')],
    [all(true), deny('c 1:3 w'), deny('b 8:* rwm'), deny('c *:7 m'), deny('b *:1 r')],
    [all(true), deny('c *:* rwm')],
    [
      all(false),
      allow('c 1:* r'),
      allow('c 1:3 w'),
      allow('c *:3 m'),
      allow('c 5:1 rw'),
      allow('c 5:* m'),
      allow('b 8:1 r'),
    ],
    [all(true), deny('c 5:* r'), deny('c 5:1 w'), deny('c *:2 m')],
  ]
  let decided = 0
  for (const rules of lists) {
    const program = compileDeviceProgram(reduceDeviceRules(rules))
    assert.ok(program)
    if (program === undefined) continue
    for (const kind of ['c', 'b'] as const) {
      for (const major of [0, 1, 5, 8, 10, 136, 4095]) {
        for (const minor of [0, 1, 2, 3, 7, 200, 0xf_ffff]) {
          for (let access = 1; access <= ACCESS.all; access++) {
            const want = expected(rules, kind, major, minor, access)
            assert.is(
              run(program, kind, major, minor, access),
              want,
              `${lines(rules)}: ${kind} ${major}:${minor} ${access}`,
            )
            decided += want ? 1 : 0
          }
        }
      }
    }
  }
  assert.ok(decided > 500, 'some are allowed')
})

/** Instructions some path leads to: the verifier refuses a program with others. */
function reached(program: Uint8Array): Set<number> {
  const code = Buffer.from(program)
  const found = new Set<number>()
  const open = [0]
  for (let pc = open.pop(); pc !== undefined; pc = open.pop()) {
    if (found.has(pc)) continue
    found.add(pc)
    const opcode = code.readUInt8(pc * 8)
    if ([0x05, 0x15, 0x55].includes(opcode)) open.push(pc + 1 + code.readInt16LE(pc * 8 + 2))
    if (opcode !== 0x05 && opcode !== 0x95) open.push(pc + 1)
  }
  return found
}

test('no instruction of a program is unreachable', () => {
  const lists = [
    [],
    [...DEFAULT_DEVICE_RULES],
    [allow('c *:* rwm'), allow('c 1:3 r')],
    [allow('c 1:* rwm'), allow('c 1:3 r')],
  ]
  for (const rules of lists) {
    const program = compileDeviceProgram(reduceDeviceRules(rules)) ?? new Uint8Array()
    assert.is(reached(program).size, program.length / 8, JSON.stringify(rules))
  }
})

test('a denial of writing refuses an open for reading and writing', () => {
  const program = compileDeviceProgram(reduceDeviceRules([all(true), deny('c 1:3 w')])) ?? new Uint8Array()
  assert.is(run(program, 'c', 1, 3, ACCESS.read), true)
  assert.is(run(program, 'c', 1, 3, ACCESS.read | ACCESS.write), false)
})

test('no program is needed where all is allowed', () => {
  assert.is(compileDeviceProgram(reduceDeviceRules([all(true), ...DEFAULT_DEVICE_RULES])), undefined)
})

test('every container has the devices the runtime-spec promises', () => {
  const program = compileDeviceProgram(reduceDeviceRules(DEFAULT_DEVICE_RULES)) ?? new Uint8Array()
  for (const [major, minor] of [
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 2],
    [136, 5],
  ] as const) {
    assert.is(run(program, 'c', major, minor, ACCESS.all), true, `${major}:${minor}`)
  }
  assert.is(run(program, 'b', 8, 0, ACCESS.mknod), true)
  assert.is(run(program, 'b', 8, 0, ACCESS.read), false)
  assert.is(run(program, 'c', 1, 1, ACCESS.read), false)
})

test.run()
