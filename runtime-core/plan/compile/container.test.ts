// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../errors.ts'
import type { OciSpec } from '../../spec/types.ts'
import { SLOT_COUNT, SLOTS } from '../ops.ts'
import { bundle, LINUX, PROCESS } from '../testdata/bundles.ts'
import { compileContainer } from './container.ts'
import type { ContainerInput } from './input.ts'
import { PLAN_SLOTS } from './slots.ts'

/** Bundles that are refused, each by a text that names the field. */
function refused(
  what: string,
  change: Partial<OciSpec>,
  message: RegExp,
  code: GantryError['code'],
  input: Partial<ContainerInput> = {},
): void {
  test(`${what} is refused`, () => {
    try {
      compileContainer(bundle(change, input))
    } catch (error) {
      if (!(error instanceof GantryError)) throw error
      assert.match(error.message, message)
      assert.is(error.code, code)
      return
    }
    assert.unreachable('it was compiled')
  })
}

refused(
  'a container in the mount namespace of the host',
  { linux: { namespaces: [{ type: 'pid' }] } },
  /read linux\.namespaces: .* mount namespace/,
  'unimplemented',
)
for (const [name, reason] of [
  ['vm.swappiness', 'the whole host’s'],
  ['kernel.panic', 'the whole host’s'],
  ['kernel.hostname', 'it is what the field "hostname" sets'],
  ['kernel.sem', 'no ipc namespace'],
  ['fs.mqueue.msg_max', 'no ipc namespace'],
  ['net.ipv4.ip_forward', 'no network namespace'],
  ['net/ipv4/conf/eth0.1/forwarding', 'no network namespace'],
  ['kernel.domainname', 'no uts namespace'],
  ['user.max_user_namespaces', 'no user namespace'],
] as const) {
  refused(
    `the sysctl ${name} in a container without its namespace`,
    { linux: { namespaces: [{ type: 'mount' }], sysctl: { [name]: '1' } } },
    new RegExp(`read sysctl "${name}": it is .*${reason}|read sysctl "${name}": ${reason}`),
    'invalid_argument',
  )
}
refused(
  'a namespace type that appears twice',
  { linux: { namespaces: [...(LINUX.namespaces ?? []), { type: 'pid' }] } },
  /"pid" appears twice/,
  'invalid_argument',
)
refused(
  'an empty command',
  { process: { ...PROCESS, args: [] } },
  /read process\.args: it is empty/,
  'invalid_argument',
)
refused('a command without a name', { process: { ...PROCESS, args: [''] } }, /process\.args/, 'invalid_argument')
refused(
  'a limit nobody knows',
  { process: { ...PROCESS, rlimits: [{ type: 'RLIMIT_NONE', soft: 1, hard: 1 }] } },
  /read process\.rlimits "RLIMIT_NONE": unknown limit/,
  'invalid_argument',
)
refused(
  'a bind without a source',
  { mounts: [{ destination: '/a', type: 'bind' }] },
  /mount bind on "\/a": a bind mount needs a source/,
  'invalid_argument',
)
for (const name of ['../kernel/hostname', 'net..ipv4/../../x', 'kernel', '/kernel/x', 'net.ipv4.a b']) {
  refused(`the sysctl ${name}`, { linux: { ...LINUX, sysctl: { [name]: '1' } } }, /read sysctl/, 'invalid_argument')
}
refused(
  'more shared mounts than there are descriptors',
  {
    mounts: Array.from({ length: 40 }, (_, i) => ({
      destination: `/m${i}`,
      type: 'bind',
      source: `/m${i}`,
      options: ['rbind', 'rshared'],
    })),
  },
  /at most \d+ mounts/,
  'resource_exhausted',
)
refused(
  'more layers than an old kernel takes',
  {},
  /mount overlay: 200 layers need \d+ bytes of options, this kernel takes 4095/,
  'invalid_argument',
  {
    host: { ...bundle().host, overlayLowerdirPlus: false },
    rootfs: { kind: 'overlay', lowerdirs: Array.from({ length: 200 }, (_, i) => `/layers/${i}-${'x'.repeat(64)}/fs`) },
  },
)

test('each slot has one meaning, and there is a descriptor for each', () => {
  const numbers = [...Object.values(SLOTS).filter((slot) => slot < SLOTS.free), ...Object.values(PLAN_SLOTS)]
  assert.is(new Set(numbers).size, numbers.length)
  assert.ok(numbers.every((slot) => slot < SLOT_COUNT))
})

test.run()
