// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciSeccomp } from '../spec/types.ts'
import { explainSeccomp, summarizeSeccomp } from './explain-seccomp.ts'

const DENYING: OciSeccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  syscalls: [
    { names: ['write', 'read', 'clone'], action: 'SCMP_ACT_ALLOW', args: [] },
    {
      names: ['clone', 'unshare'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 40, op: 'SCMP_CMP_NE' }] },
    {
      names: ['socket'],
      action: 'SCMP_ACT_ALLOW',
      args: [
        { index: 1, value: 2n ** 63n, op: 'SCMP_CMP_GE' },
        { index: 2, value: 3, op: 'SCMP_CMP_LT' },
      ],
    },
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
    { names: ['ptrace'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 },
    { names: ['mount'], action: 'SCMP_ACT_NOTIFY' },
  ],
}

const FOREIGN = "architectures: the machine's own\ncalls of any other architecture: kill the thread\n"

test('what a container may call is listed by what happens, conditions included', () => {
  assert.is(
    explainSeccomp(DENYING),
    `allowed (3):
  clone read write
allowed, with conditions (2):
  socket: arg0 != 0x28 or arg1 >= 0x8000000000000000 and arg2 < 3
  unshare: arg0 & 0x7e020000 == 0
answered with ENOSYS (1):
  clone3
asks the listener (1):
  mount
all others: answered with EPERM
newer than any named here: answered with ENOSYS
architectures: SCMP_ARCH_X86_64 SCMP_ARCH_X86
calls of any other architecture: kill the thread
`,
  )
})

test('a profile that allows by default lists what it does not', () => {
  const profile: OciSeccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['reboot'], action: 'SCMP_ACT_KILL_PROCESS' },
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
    ],
  }
  assert.is(explainSeccomp(profile), `kills the process (1):\n  reboot\nall others: allowed\n${FOREIGN}`)
})

test('conditions on one argument stand each alone', () => {
  const args = [1, 2].map((value) => ({ index: 0, value, op: 'SCMP_CMP_EQ' }) as const)
  const profile: OciSeccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    syscalls: [{ names: ['personality'], action: 'SCMP_ACT_ALLOW', args }],
  }
  const { groups, newer } = summarizeSeccomp(profile)
  assert.equal(groups[0]?.conditional, [{ name: 'personality', conditions: ['arg0 == 1', 'arg0 == 2'] }])
  assert.is(newer, undefined)
})

test('no filter is said to be none', () => {
  assert.match(explainSeccomp(undefined), /no seccomp filter/)
})

test('calls newer than a profile names get ENOSYS where it names any, whatever it says of them', () => {
  const named: OciSeccomp = {
    defaultAction: 'SCMP_ACT_KILL_PROCESS',
    syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_KILL_PROCESS' }],
  }
  assert.is(summarizeSeccomp(named).newer, 'answered with ENOSYS')
  assert.is(summarizeSeccomp({ defaultAction: 'SCMP_ACT_KILL_PROCESS' }).newer, undefined)
})

test('long lists are wrapped', () => {
  const names = Array.from({ length: 80 }, (_, n) => `call_number_${n}`)
  const text = explainSeccomp({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] })
  assert.ok(text.split('\n').every((line) => line.length <= 100))
})

test.run()
