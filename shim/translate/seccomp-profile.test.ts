// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { refused } from './refused.ts'
import { parseSeccompProfile } from './seccomp-profile.ts'

const TARGET = { arch: 'x64', kernelRelease: '6.1.0', capabilities: ['CAP_KILL'] }
const parse = (profile: unknown) =>
  parseSeccompProfile(typeof profile === 'string' ? profile : JSON.stringify(profile), '/p.json', TARGET)
const RULE = { names: ['chmod'], action: 'SCMP_ACT_ERRNO' }
const withRule = (rule: object) => ({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ ...RULE, ...rule }] })

test('a profile in the OCI form is taken as it is', () => {
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ['SCMP_ARCH_X86_64'],
    flags: ['SECCOMP_FILTER_FLAG_LOG'],
    syscalls: [
      { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' },
      { names: ['chmod'], action: 'SCMP_ACT_ERRNO', errnoRet: 13, args: [{ index: 1, value: 511, op: 'SCMP_CMP_EQ' }] },
    ],
  }
  assert.equal(parse(profile), profile)
})

test('the smallest profile is one action', () => {
  assert.equal(parse({ defaultAction: 'SCMP_ACT_ALLOW' }), {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: [],
    syscalls: [],
  })
  assert.equal(parse({ defaultAction: 'SCMP_ACT_LOG', syscalls: null, architectures: null, comment: 'x' }).syscalls, [])
})

test("Docker's form: archMap, conditions and single names are resolved", () => {
  const { architectures, syscalls } = parse({
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
    ],
    syscalls: [
      { name: 'read', action: 'SCMP_ACT_ALLOW', args: null, includes: {}, excludes: {} },
      { names: ['kill'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_KILL'] } },
      { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_KILL', 'CAP_SYS_ADMIN'] } },
      { names: ['tkill'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_X', 'CAP_KILL'] } },
      { names: ['set_tls'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['arm64'] } },
      { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
      { names: ['future'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '7.0' } },
    ],
  })
  assert.equal(architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])
  assert.equal(
    syscalls?.map((rule) => rule.names.join()),
    ['read', 'kill', 'ptrace'],
  )
})

test('arguments of 64 bits are exact', () => {
  const text = JSON.stringify(withRule({ args: [{ index: 0, value: 1, valueTwo: 2, op: 'SCMP_CMP_MASKED_EQ' }] }))
  const args = parse(
    text.replace('"value":1', '"value":18446744073709551615').replace('"valueTwo":2', '"valueTwo":9007199254740993'),
  ).syscalls?.[0]?.args
  assert.is(args?.[0]?.value, 18446744073709551615n)
  assert.is(args?.[0]?.valueTwo, 9007199254740993n)
})

test('a profile may hand calls to a listener', () => {
  const profile = { ...withRule({ action: 'SCMP_ACT_NOTIFY' }), listenerPath: '/run/l.sock', listenerMetadata: 'm' }
  assert.is(parse(profile).listenerPath, '/run/l.sock')
  refused(() => parse(withRule({ action: 'SCMP_ACT_NOTIFY' })), 'invalid_argument', '/p.json: listenerPath')
  refused(() => parse({ ...withRule({}), listenerMetadata: 'm' }), 'invalid_argument', 'listenerMetadata')
  refused(() => parse({ defaultAction: 'SCMP_ACT_NOTIFY', listenerPath: '/l' }), 'invalid_argument', 'defaultAction')
})

const ALLOW = { defaultAction: 'SCMP_ACT_ALLOW' }
const REFUSED: readonly [string, unknown, ...string[]][] = [
  ['no JSON', '{"defaultAction":', '/p.json', 'JSON'],
  ['an empty file', '', '/p.json', 'JSON'],
  ['a list', [], '/p.json', 'an object'],
  ['null', null, '/p.json', 'an object'],
  ['no default action', {}, 'defaultAction'],
  ['an unknown default action', { defaultAction: 'ALLOW' }, 'defaultAction', '"ALLOW"'],
  ['an unknown action', withRule({ action: 'SCMP_ACT_X' }), 'syscalls[0].action', '"SCMP_ACT_X"'],
  ['no names', withRule({ names: [] }), 'syscalls[0].names'],
  ['an empty name', withRule({ names: [''] }), 'syscalls[0].names'],
  ['names that are no list', withRule({ names: 'chmod' }), 'syscalls[0].names', 'a list'],
  ['name and names', withRule({ name: 'read' }), 'syscalls[0]', 'one of them'],
  ['an errno beyond the last', withRule({ errnoRet: 4096 }), 'errnoRet', '4096'],
  ['an errno that is no number', withRule({ errnoRet: '1' }), 'errnoRet'],
  [
    'an errno with an action that has none',
    withRule({ action: 'SCMP_ACT_ALLOW', errnoRet: 1 }),
    'errnoRet',
    'none with',
  ],
  ['a default errno with allow', { ...ALLOW, defaultErrnoRet: 1 }, 'defaultErrnoRet'],
  ['a seventh argument', withRule({ args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] }), 'args[0].index', '6'],
  ['an unknown operator', withRule({ args: [{ index: 0, value: 0, op: '==' }] }), 'args[0].op', '"=="'],
  ['a negative value', withRule({ args: [{ index: 0, value: -1, op: 'SCMP_CMP_EQ' }] }), 'args[0].value', '-1'],
  ['a fraction', withRule({ args: [{ index: 0, value: 1.5, op: 'SCMP_CMP_EQ' }] }), 'args[0].value', '1.5'],
  ['no value', withRule({ args: [{ index: 0, op: 'SCMP_CMP_EQ' }] }), 'args[0].value'],
  ['an unknown flag', { ...ALLOW, flags: ['FAST'] }, 'flags', '"FAST"'],
  ['an unknown architecture', { ...ALLOW, architectures: ['x86'] }, 'architectures', '"x86"'],
  ['both kinds of architectures', { ...ALLOW, architectures: ['SCMP_ARCH_ARM'], archMap: [{}] }, 'one of them'],
  ['a condition that is no object', withRule({ includes: 'caps' }), 'includes', 'an object'],
  ['a kernel that is none', withRule({ includes: { minKernel: 'new' } }), 'minKernel', '"new"'],
]

for (const [title, profile, ...fragments] of REFUSED) {
  test(`refused: ${title}`, () => refused(() => parse(profile), 'invalid_argument', ...fragments))
}

test('a value beyond 64 bits and a file beyond 1 MiB are refused', () => {
  const text = JSON.stringify(withRule({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] }))
  refused(() => parse(text.replace('"value":1', '"value":18446744073709551616')), 'invalid_argument', 'args[0].value')
  refused(() => parse(`${text}${' '.repeat(1 << 20)}`), 'invalid_argument', '1 MiB')
})

test.run()
