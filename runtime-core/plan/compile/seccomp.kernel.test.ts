// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { arch, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadLibseccomp } from '../../kernel/libseccomp.ts'
import type { OciSeccomp, OciSeccompRule } from '../../spec/types.ts'
import { compileSeccomp } from './seccomp.ts'

/** The compiled filters, loaded into this kernel. Numbers below are x86-64's. */
const kernel = suite('seccomp in the kernel')
const test = arch() === 'x64' ? kernel : kernel.skip

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'gantry-seccomp-'))
const program = join(directory, 'try')
kernel.before(() => {
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-O1', '-o', program, here('./seccomp.try.c')])
})
kernel.after(() => rmSync(directory, { recursive: true }))

/** What each call gave: `0`, `-1` (EPERM), `-38` (ENOSYS), `signal 31` (SIGSYS). */
function attempt({ filter, flags }: { filter: Uint8Array; flags: number }, ...calls: string[]): string[] {
  const path = join(directory, 'filter')
  writeFileSync(path, filter)
  return execFileSync(program, [path, String(flags), ...calls], { encoding: 'utf8' })
    .trim()
    .split('\n')
}

const library = loadLibseccomp()
const compile = (profile: OciSeccomp) => compileSeccomp(profile, { library })
const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']

/** Docker's default profile for a container without added capabilities. */
function defaultProfile(): OciSeccomp {
  const facts = JSON.parse(readFileSync(here('../../../shim/facts/seccomp-default.json'), 'utf8'))
  const forThisMachine = ({ includes, excludes }: { includes?: Conditions; excludes?: Conditions }) =>
    (includes?.arches?.includes('amd64') ?? true) && !(excludes?.arches?.includes('amd64') ?? false)
  const groups = [...facts.by_args, ...facts.by_min_kernel, ...facts.by_arch, ...facts.by_capability_absent]
  const unconditional: OciSeccompRule = { names: facts.allow_unconditional, action: 'SCMP_ACT_ALLOW' }
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures,
    syscalls: [unconditional, ...groups.filter(forThisMachine)],
  }
}

interface Conditions {
  readonly arches?: readonly string[]
}

const NR = {
  getpid: 39,
  socket: 41,
  clone: 56,
  personality: 135,
  mount: 165,
  kexecLoad: 246,
  unshare: 272,
  clone3: 435,
}

test('the default profile lets ordinary calls through and refuses dangerous ones', () => {
  const filter = compile(defaultProfile())
  const [getpid, mount, kexec, unshare] = attempt(
    filter,
    `${NR.getpid}`,
    `${NR.mount}`,
    `${NR.kexecLoad}`,
    `${NR.unshare}`,
  )
  assert.ok(Number(getpid) > 0, getpid)
  assert.equal([mount, kexec, unshare], ['-1', '-1', '-1'])
})

test('the default profile decides by arguments: socket families, personalities, namespaces', () => {
  const filter = compile(defaultProfile())
  const [unix, alg, vsock] = attempt(filter, `${NR.socket},1,1,0`, `${NR.socket},38,5,0`, `${NR.socket},40,1,0`)
  assert.ok(Number(unix) >= 0, unix)
  assert.equal([alg, vsock], ['-1', '-1'])
  const [query, norandom] = attempt(filter, `${NR.personality},0xffffffff`, `${NR.personality},0x40000`)
  assert.ok(Number(query) >= 0, query)
  assert.is(norandom, '-1')
  assert.equal(attempt(filter, `${NR.clone},0x10000000`, `${NR.clone3},0,0`), ['-1', '-38'])
})

test('a call this kernel has but the profile’s author did not know gets ENOSYS', () => {
  assert.equal(attempt(compile(defaultProfile()), '999', '0xfff'), ['-38', '-38'])
})

test('the i386 entry of the kernel is filtered too', () => {
  const [plain] = attempt({ filter: new Uint8Array(), flags: 0 }, 'i20')
  if (!(Number(plain) > 0)) return // a kernel without IA32 emulation has no such entry
  const [getpid, mount] = attempt(compile(defaultProfile()), 'i20', 'i21')
  assert.ok(Number(getpid) > 0, getpid)
  assert.is(mount, '-1')
  const own = { ...defaultProfile(), architectures: ['SCMP_ARCH_X86_64'] }
  assert.equal(attempt(compile(own), 'i20'), ['signal 31'])
})

test('each action does what it says', () => {
  const act = (action: OciSeccompRule['action'], errnoRet?: number) => {
    const rule: OciSeccompRule = { names: ['getpid'], action, ...(errnoRet === undefined ? {} : { errnoRet }) }
    const [result = ''] = attempt(compile({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }), `${NR.getpid}`)
    return Number(result) > 0 ? 'passed' : result
  }
  assert.is(act('SCMP_ACT_ERRNO', 13), '-13')
  assert.is(act('SCMP_ACT_KILL_PROCESS'), 'signal 31')
  assert.is(act('SCMP_ACT_KILL'), 'signal 31')
  assert.is(act('SCMP_ACT_TRAP'), 'signal 31')
  assert.is(act('SCMP_ACT_TRACE', 7), '-38')
  assert.is(act('SCMP_ACT_LOG'), 'passed')
})

test('comparisons hold for 64 bit arguments', () => {
  const args = [{ index: 3, value: 0x1_0000_0005n, op: 'SCMP_CMP_GE' } as const]
  const filter = compile({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['getpid'], action: 'SCMP_ACT_ERRNO', errnoRet: 44, args }],
  })
  const call = (value: string) => attempt(filter, `${NR.getpid},0,0,0,${value}`)[0]
  assert.is(call('0x100000005'), '-44')
  assert.is(call('0xffffffffffffffff'), '-44')
  assert.ok(Number(call('0x100000004')) > 0)
  assert.ok(Number(call('0xffffffff')) > 0)
})

test('the kernel accepts every flag a profile can have', () => {
  const flags = ['LOG', 'SPEC_ALLOW', 'TSYNC', 'WAIT_KILLABLE_RECV'].map((name) => `SECCOMP_FILTER_FLAG_${name}`)
  const [getpid] = attempt(compile({ ...defaultProfile(), flags }), `${NR.getpid}`)
  assert.ok(Number(getpid) > 0, getpid)
})

kernel.run()
