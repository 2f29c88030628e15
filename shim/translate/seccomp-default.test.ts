// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciSeccompRule } from '../../runtime-core/spec/types.ts'
import { containerCapabilities } from './capabilities.ts'
import { defaultSeccomp } from './seccomp-default.ts'

const ORDINARY = containerCapabilities({ request: undefined, privileged: false, lastCap: 40 }).bounding ?? []
const rulesFor = (
  name: string,
  over: Partial<Parameters<typeof defaultSeccomp>[0]> = {},
): readonly OciSeccompRule[] => {
  const target = { arch: 'x64', kernelRelease: '6.1.0-9-amd64', capabilities: ORDINARY, ...over }
  return (defaultSeccomp(target).syscalls ?? []).filter((rule) => rule.names.includes(name))
}
const allows = (name: string, over: Partial<Parameters<typeof defaultSeccomp>[0]> = {}) =>
  rulesFor(name, over).some((rule) => rule.action === 'SCMP_ACT_ALLOW' && rule.args === undefined)

test('what is not listed fails with EPERM', () => {
  const profile = defaultSeccomp({ arch: 'x64', kernelRelease: '6.1', capabilities: [] })
  assert.is(profile.defaultAction, 'SCMP_ACT_ERRNO')
  assert.is(profile.defaultErrnoRet, 1)
})

test('no rule keeps the conditions that chose it', () => {
  const { syscalls = [] } = defaultSeccomp({ arch: 'x64', kernelRelease: '6.1', capabilities: ORDINARY })
  for (const rule of syscalls) {
    for (const key of Object.keys(rule)) assert.ok(['names', 'action', 'errnoRet', 'args'].includes(key), key)
  }
})

test('ordinary system calls are allowed, dangerous ones are not', () => {
  for (const name of ['read', 'openat2', 'io_setup', 'futex']) assert.ok(allows(name), name)
  for (const name of ['keyctl', 'kexec_load', 'mount', 'bpf', 'userfaultfd', 'unshare', 'setns', 'io_uring_setup']) {
    assert.equal(rulesFor(name), [], name)
  }
})

test('only the address families AF_ALG and AF_VSOCK are left out', () => {
  const ranges = rulesFor('socket').map((rule) => rule.args?.map(({ value, op }) => `${op} ${value}`).join())
  assert.equal(ranges, ['SCMP_CMP_LT 38', 'SCMP_CMP_EQ 39', 'SCMP_CMP_GT 40'])
})

test('without CAP_SYS_ADMIN clone may not make namespaces and clone3 does not exist', () => {
  const [clone, ...more] = rulesFor('clone')
  assert.equal(more, [])
  assert.equal(clone?.args, [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }])
  assert.equal(rulesFor('clone3'), [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }])
})

test('with CAP_SYS_ADMIN clone, mount and setns are free', () => {
  const capabilities = [...ORDINARY, 'CAP_SYS_ADMIN']
  for (const name of ['clone', 'clone3', 'mount', 'setns', 'bpf']) {
    assert.ok(allows(name, { capabilities }), name)
    assert.is(rulesFor(name, { capabilities }).length, 1, name)
  }
})

const BY_CAPABILITY = [
  ['CAP_SYS_CHROOT', 'chroot'],
  ['CAP_SYS_TIME', 'settimeofday'],
  ['CAP_SYS_BOOT', 'reboot'],
  ['CAP_SYS_MODULE', 'init_module'],
  ['CAP_SYS_PTRACE', 'kcmp'],
  ['CAP_SYS_NICE', 'mbind'],
  ['CAP_SYSLOG', 'syslog'],
  ['CAP_BPF', 'bpf'],
  ['CAP_PERFMON', 'perf_event_open'],
  ['CAP_DAC_READ_SEARCH', 'open_by_handle_at'],
] as const

for (const [capability, name] of BY_CAPABILITY) {
  test(`${name} needs ${capability}`, () => {
    assert.is(allows(name, { capabilities: [] }), false)
    assert.is(allows(name, { capabilities: [capability] }), true)
  })
}

test('ptrace needs Linux 4.8', () => {
  for (const [kernelRelease, expected] of [
    ['3.10.0-1160.el7.x86_64', false],
    ['4.7.10', false],
    ['4.8', true],
    ['4.18.0-rc1', true],
    ['6.1-custom', true],
    ['10.0.0', true],
  ] as const) {
    assert.is(allows('ptrace', { kernelRelease }), expected, kernelRelease)
  }
})

test('each architecture has its own calls and sub-architectures', () => {
  for (const [arch, name] of [
    ['x64', 'arch_prctl'],
    ['arm64', 'set_tls'],
    ['ppc64', 'swapcontext'],
    ['s390x', 's390_runtime_instr'],
    ['riscv64', 'riscv_flush_icache'],
  ] as const) {
    assert.ok(allows(name, { arch }), `${name} on ${arch}`)
    for (const other of ['x64', 'arm64', 'ppc64', 's390x', 'riscv64'].filter((candidate) => candidate !== arch)) {
      assert.not.ok(allows(name, { arch: other }), `${name} on ${other}`)
    }
  }
  const architectures = (arch: string) => defaultSeccomp({ arch, kernelRelease: '6.1', capabilities: [] }).architectures
  assert.equal(architectures('x64'), ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'])
  assert.equal(architectures('arm64'), ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'])
  assert.equal(architectures('ppc64'), [])
  assert.equal(architectures('unheard-of'), [])
})

test('on s390x the flags of clone are the second argument', () => {
  const [clone, ...more] = rulesFor('clone', { arch: 's390x' })
  assert.equal(more, [])
  assert.is(clone?.args?.[0]?.index, 1)
})

test.run()
