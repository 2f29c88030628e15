// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../errors.ts'
import { loadLibseccomp } from '../../kernel/libseccomp.ts'
import type { OciSeccomp, OciSeccompRule } from '../../spec/types.ts'
import { compileSeccomp, NEW_LISTENER } from './seccomp.ts'

const library = loadLibseccomp()
const compile = (profile: OciSeccomp, arch = 'SCMP_ARCH_X86_64') => compileSeccomp(profile, { library, arch })

const X86_64 = 0xc000_003e
const I386 = 0x4000_0003
const AARCH64 = 0xc000_00b7
const KILL_THREAD = 0
const ALLOW = 0x7fff_0000
const errno = (number: number) => 0x0005_0000 | number

/** Runs a filter as the kernel does: classic BPF over struct seccomp_data. */
function run(filter: Uint8Array, arch: number, nr: number, args: readonly bigint[] = []): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(nr >>> 0, 0)
  data.writeUInt32LE(arch, 4)
  for (const [n, arg] of args.entries()) data.writeBigUInt64LE(arg, 16 + n * 8)
  const program = Buffer.from(filter)
  let a = 0
  for (let pc = 0; pc * 8 < program.length; pc++) {
    const [jt, jf, k] = [program.readUInt8(pc * 8 + 2), program.readUInt8(pc * 8 + 3), program.readUInt32LE(pc * 8 + 4)]
    const jump = (condition: boolean) => (condition ? jt : jf)
    const code = program.readUInt16LE(pc * 8)
    if (code === 0x20) a = data.readUInt32LE(k)
    else if (code === 0x54) a = (a & k) >>> 0
    else if (code === 0x05) pc += k
    else if (code === 0x15) pc += jump(a === k)
    else if (code === 0x25) pc += jump(a > k)
    else if (code === 0x35) pc += jump(a >= k)
    else if (code === 0x45) pc += jump((a & k) !== 0)
    else if (code === 0x06) return k
    else throw new Error(`instruction ${pc}: opcode 0x${code.toString(16)}`)
  }
  throw new Error('fell off the end of the filter')
}

const allow = (...names: string[]): OciSeccompRule => ({ names, action: 'SCMP_ACT_ALLOW' })
const denyOthers = (...syscalls: OciSeccompRule[]): OciSeccomp => ({ defaultAction: 'SCMP_ACT_ERRNO', syscalls })

test('a system call in the profile is allowed and one that is not gets EPERM', () => {
  const { filter } = compile(denyOthers(allow('read', 'write', 'openat2')))
  assert.is(run(filter, X86_64, 0), ALLOW)
  assert.is(run(filter, X86_64, 1), ALLOW)
  assert.is(run(filter, X86_64, 437), ALLOW)
  assert.is(run(filter, X86_64, 2), errno(1))
})

test('a system call newer than any in the profile gets ENOSYS, so that libc falls back', () => {
  const { filter } = compile(denyOthers(allow('read', 'clone3')))
  assert.is(run(filter, X86_64, 435), ALLOW)
  assert.is(run(filter, X86_64, 434), errno(1))
  assert.is(run(filter, X86_64, 436), errno(38))
  assert.is(run(filter, X86_64, 0xffff_ffff), errno(38))
})

test('each architecture of a profile has its own newest system call', () => {
  const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']
  const { filter } = compile({ ...denyOthers(allow('read', 'getrandom')), architectures })
  assert.is(run(filter, X86_64, 318), ALLOW)
  assert.is(run(filter, X86_64, 317), errno(1))
  assert.is(run(filter, X86_64, 319), errno(38))
  assert.is(run(filter, I386, 355), ALLOW)
  assert.is(run(filter, I386, 354), errno(1))
  assert.is(run(filter, I386, 356), errno(38))
  const x32 = 0x4000_0000
  assert.is(run(filter, X86_64, x32 + 318), ALLOW)
  assert.is(run(filter, X86_64, x32 + 317), errno(1))
  assert.is(run(filter, X86_64, x32 + 319), errno(38))
})

test('a call through an architecture the profile does not name kills', () => {
  const { filter } = compile(denyOthers(allow('read', 'getrandom')))
  assert.is(run(filter, I386, 3), KILL_THREAD)
  assert.is(run(filter, AARCH64, 63), KILL_THREAD)
})

test('a profile compiles for arm64 too, with the numbers of arm64', () => {
  const { filter } = compile(denyOthers(allow('read', 'openat', 'open')), 'SCMP_ARCH_AARCH64')
  assert.is(run(filter, AARCH64, 63), ALLOW)
  assert.is(run(filter, AARCH64, 56), ALLOW)
  assert.is(run(filter, AARCH64, 57), errno(1))
  assert.is(run(filter, AARCH64, 64), errno(38))
  assert.is(run(filter, X86_64, 0), KILL_THREAD)
})

test('no ENOSYS is put before a default that lets calls through or says ENOSYS itself', () => {
  const deny: OciSeccompRule = { names: ['mount'], action: 'SCMP_ACT_ERRNO' }
  for (const defaultAction of ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'] as const) {
    const { filter } = compile({ defaultAction, syscalls: [deny] })
    assert.is.not(run(filter, X86_64, 999), errno(38), defaultAction)
    assert.is(run(filter, X86_64, 165), errno(1), defaultAction)
  }
  const own = compile({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38, syscalls: [allow('read')] })
  assert.is(Buffer.from(own.filter).readUInt32LE(12), X86_64)
  assert.is(run(own.filter, X86_64, 999), errno(38))
})

test('every action becomes the kernel’s, with the errno given', () => {
  const of = (rule: Pick<OciSeccompRule, 'action' | 'errnoRet'>) =>
    run(compile({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mount'], ...rule }] }).filter, X86_64, 165)
  assert.is(of({ action: 'SCMP_ACT_KILL' }), 0)
  assert.is(of({ action: 'SCMP_ACT_KILL_THREAD' }), 0)
  assert.is(of({ action: 'SCMP_ACT_KILL_PROCESS' }), 0x8000_0000)
  assert.is(of({ action: 'SCMP_ACT_TRAP' }), 0x0003_0000)
  assert.is(of({ action: 'SCMP_ACT_ERRNO' }), errno(1))
  assert.is(of({ action: 'SCMP_ACT_ERRNO', errnoRet: 13 }), errno(13))
  assert.is(of({ action: 'SCMP_ACT_ERRNO', errnoRet: 0 }), errno(0))
  assert.is(of({ action: 'SCMP_ACT_TRACE', errnoRet: 7 }), 0x7ff0_0007)
  assert.is(of({ action: 'SCMP_ACT_LOG' }), 0x7ffc_0000)
})

test('every comparison of an argument holds for all 64 bits', () => {
  const big = 0x1_0000_0005n
  const cases = [
    ['SCMP_CMP_EQ', [big], [5n, big + 1n]],
    ['SCMP_CMP_NE', [5n, 0n], [big]],
    ['SCMP_CMP_LT', [5n, big - 1n], [big, big + 1n, 2n ** 64n - 1n]],
    ['SCMP_CMP_LE', [5n, big], [big + 1n, 2n ** 63n]],
    ['SCMP_CMP_GE', [big, 2n ** 63n], [5n, 0xffff_ffffn]],
    ['SCMP_CMP_GT', [big + 1n, 0x2_0000_0000n], [big, 0xffff_ffffn]],
  ] as const
  for (const [op, passes, refused] of cases) {
    const { filter } = compile(denyOthers({ ...allow('read'), args: [{ index: 2, value: big, op }] }))
    for (const value of passes) assert.is(run(filter, X86_64, 0, [0n, 0n, value]), ALLOW, `${value} ${op}`)
    for (const value of refused) assert.is(run(filter, X86_64, 0, [0n, 0n, value]), errno(1), `${value} ${op}`)
  }
})

test('a masked comparison looks at the bits of `value` and expects `valueTwo`', () => {
  const arg = { index: 0, value: 0x7e02_0000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' } as const
  const { filter } = compile(denyOthers({ ...allow('clone'), args: [arg] }))
  assert.is(run(filter, X86_64, 56, [0x0120_0011n]), ALLOW)
  assert.is(run(filter, X86_64, 56, [0x1000_0011n]), errno(1))
})

test('conditions on different arguments must all hold, several on one argument are alternatives', () => {
  const both = { ...allow('socket'), args: [arg(0, 16), arg(2, 9)] }
  const all = compile(denyOthers(both)).filter
  assert.is(run(all, X86_64, 41, [16n, 0n, 9n]), ALLOW)
  assert.is(run(all, X86_64, 41, [16n, 0n, 8n]), errno(1))
  const any = compile(denyOthers({ ...allow('socket'), args: [arg(0, 1), arg(0, 2)] })).filter
  assert.is(run(any, X86_64, 41, [1n]), ALLOW)
  assert.is(run(any, X86_64, 41, [2n]), ALLOW)
  assert.is(run(any, X86_64, 41, [3n]), errno(1))
})

const arg = (index: number, value: number) => ({ index, value, op: 'SCMP_CMP_EQ' }) as const

test('system calls this libseccomp does not know are skipped and named', () => {
  const { filter, skipped } = compile(denyOthers(allow('read', 'no_such_call', 'close', 'no_such_call')))
  assert.equal(skipped, ['no_such_call'])
  assert.is(run(filter, X86_64, 3), ALLOW)
})

test('the same rule twice and a rule that repeats the default are no errors', () => {
  const same: OciSeccompRule = { names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }
  const { filter } = compile(denyOthers(allow('read', 'read'), allow('read'), same, same))
  assert.is(run(filter, X86_64, 0), ALLOW)
})

test('flags become those of seccomp(2), where they mean anything', () => {
  const flags = (...names: string[]) => compile({ ...denyOthers(allow('read')), flags: names }).flags
  assert.is(flags(), 0)
  assert.is(flags('SECCOMP_FILTER_FLAG_LOG'), 2)
  assert.is(flags('SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'), 6)
  assert.is(flags('SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'), 0)
})

test('a filter that asks a listener is marked as such, and alone takes WAIT_KILLABLE_RECV', () => {
  const asking = (flags: string[]) =>
    compile({
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: '/run/l.sock',
      syscalls: [{ names: ['mount'], action: 'SCMP_ACT_NOTIFY' }],
      flags,
    }).flags
  assert.is(asking([]), NEW_LISTENER)
  assert.is(asking(['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']), NEW_LISTENER | 0x20)
  assert.is(compile({ ...denyOthers(allow('read')), listenerPath: '/run/l.sock' }).flags, 0)
})

test('a mistake in a profile is named by its field', () => {
  const refused = (profile: unknown, code: string, text: RegExp) => {
    try {
      compile(profile as OciSeccomp)
    } catch (error) {
      assert.instance(error, GantryError)
      assert.is((error as GantryError).code, code)
      assert.match((error as GantryError).message, text)
      return
    }
    assert.unreachable(`accepted: ${JSON.stringify(profile)}`)
  }
  const rule = { names: ['read'], action: 'SCMP_ACT_ALLOW' }
  const base = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] }
  const withArg = (arg: object) => ({ ...base, syscalls: [rule, { ...rule, args: [arg] }] })
  refused({ ...base, defaultAction: 'constructor' }, 'invalid_argument', /"defaultAction": is "constructor", expected/)
  refused({ ...base, defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 3 }, 'invalid_argument', /errnoRet 3/)
  refused({ ...base, architectures: ['SCMP_ARCH_VAX'] }, 'invalid_argument', /"architectures": holds "SCMP_ARCH_VAX"/)
  refused({ ...base, architectures: ['x86_64'] }, 'invalid_argument', /"architectures"/)
  refused({ ...base, flags: ['toString'] }, 'invalid_argument', /"flags": holds "toString"/)
  refused({ ...base, syscalls: [{ ...rule, names: [] }] }, 'invalid_argument', /"syscalls\[0\].names": is empty/)
  refused({ ...base, syscalls: [{ ...rule, names: [''] }] }, 'invalid_argument', /"syscalls\[0\].names"/)
  refused(
    withArg({ index: 6, value: 1, op: 'SCMP_CMP_EQ' }),
    'invalid_argument',
    /"syscalls\[1\].args\[0\].index": is 6/,
  )
  refused(withArg({ index: 0, value: -1, op: 'SCMP_CMP_EQ' }), 'invalid_argument', /args\[0\].value": is -1/)
  refused(withArg({ index: 0, value: 2 ** 60, op: 'SCMP_CMP_EQ' }), 'invalid_argument', /an exact unsigned 64 bit/)
  refused(withArg({ index: 0, value: 1, op: 'SCMP_CMP_SOME' }), 'invalid_argument', /args\[0\].op/)
  const asking = { ...base, syscalls: [{ ...rule, action: 'SCMP_ACT_NOTIFY' }] }
  refused(asking, 'invalid_argument', /"listenerPath": is missing, expected the socket/)
  refused({ ...base, syscalls: Array(9000).fill(rule) }, 'invalid_argument', /holds 9000 rules, expected at most 8192/)
})

test('a filter longer than the kernel takes is refused, with its length', () => {
  const args = (value: number) => [{ index: 0, value, op: 'SCMP_CMP_EQ' } as const]
  const rules = Array.from({ length: 2100 }, (_, n) => ({ ...allow('read'), args: args(n * 2 ** 32 + n) }))
  assert.throws(() => compile(denyOthers(...rules)), /compiles to \d+ instructions, expected at most 4096/)
})

test('without libseccomp the error says what to install', () => {
  try {
    loadLibseccomp('libseccomp-that-is-not-there.so.9')
    assert.unreachable('loaded')
  } catch (error) {
    assert.instance(error, GantryError)
    assert.is((error as GantryError).code, 'failed_precondition')
    assert.match((error as GantryError).hint ?? '', /libseccomp2/)
  }
})

test.run()
