// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Capability } from '../../cri-proto/index.ts'
import { containerCapabilities } from './capabilities.ts'
import { refused } from './refused.ts'

const LAST = 40
const caps = (request: Parameters<typeof Capability.fromPartial>[0] | undefined, privileged = false, lastCap = LAST) =>
  containerCapabilities({
    request: request === undefined ? undefined : Capability.fromPartial(request),
    privileged,
    lastCap,
  })
const bounding = (...input: Parameters<typeof caps>) => [...(caps(...input).bounding ?? [])].sort()
const DEFAULTS = [
  ...['CAP_AUDIT_WRITE', 'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_MKNOD'],
  ...[
    'CAP_NET_BIND_SERVICE',
    'CAP_NET_RAW',
    'CAP_SETFCAP',
    'CAP_SETGID',
    'CAP_SETPCAP',
    'CAP_SETUID',
    'CAP_SYS_CHROOT',
  ],
]

test('without a request a container has the default capabilities', () => {
  assert.equal(bounding(undefined), DEFAULTS)
  assert.equal(bounding({}), DEFAULTS)
})

test('bounding, effective and permitted are equal; inheritable and ambient are empty', () => {
  const { effective, permitted, inheritable, ambient, bounding: limit } = caps({ addCapabilities: ['NET_ADMIN'] })
  assert.equal(effective, limit)
  assert.equal(permitted, limit)
  assert.equal(inheritable, [])
  assert.equal(ambient, [])
})

test('single capabilities are added and dropped, in any case, with or without CAP_', () => {
  assert.equal(bounding({ addCapabilities: ['net_admin'] }), [...DEFAULTS, 'CAP_NET_ADMIN'].sort())
  assert.equal(bounding({ addCapabilities: ['CAP_NET_ADMIN'] }), [...DEFAULTS, 'CAP_NET_ADMIN'].sort())
  assert.equal(
    bounding({ dropCapabilities: ['Chown'] }),
    DEFAULTS.filter((name) => name !== 'CAP_CHOWN'),
  )
})

test('drop ALL leaves nothing', () => assert.equal(bounding({ dropCapabilities: ['ALL'] }), []))

test('drop ALL with an add leaves the added one', () => {
  assert.equal(bounding({ addCapabilities: ['SYS_TIME'], dropCapabilities: ['all'] }), ['CAP_SYS_TIME'])
})

test('add ALL gives all, less those dropped', () => {
  assert.is(bounding({ addCapabilities: ['all'] }).length, 41)
  const result = bounding({ addCapabilities: ['ALL'], dropCapabilities: ['SYS_ADMIN', 'CHOWN'] })
  assert.is(result.length, 39)
  assert.not.ok(result.includes('CAP_SYS_ADMIN'))
})

test('add ALL and drop ALL leave nothing but single adds', () => {
  assert.equal(bounding({ addCapabilities: ['ALL', 'KILL'], dropCapabilities: ['ALL'] }), ['CAP_KILL'])
})

test('what is both added and dropped is dropped', () => {
  assert.not.ok(bounding({ addCapabilities: ['SYS_TIME'], dropCapabilities: ['SYS_TIME'] }).includes('CAP_SYS_TIME'))
})

test('privileged has all that the kernel knows, whatever is asked for', () => {
  assert.is(bounding({ dropCapabilities: ['ALL'] }, true).length, 41)
  assert.is(bounding(undefined, true, 37).length, 38)
  assert.not.ok(bounding(undefined, true, 37).includes('CAP_BPF'))
})

test('a capability that this kernel lacks is left out', () => {
  assert.equal(bounding({ addCapabilities: ['BPF'], dropCapabilities: ['ALL'] }, false, 37), [])
})

test('an ambient capability is in all five sets', () => {
  const sets = caps({ addAmbientCapabilities: ['NET_BIND_SERVICE', 'SYS_TIME'], dropCapabilities: ['ALL'] })
  const expected = ['CAP_NET_BIND_SERVICE', 'CAP_SYS_TIME']
  for (const set of Object.values(sets)) assert.equal(set, expected)
  assert.equal(caps({ addAmbientCapabilities: ['KILL'], dropCapabilities: ['KILL'] }).ambient, [])
})

test('an unknown name is refused', () => {
  const field = 'config.linux.security_context.capabilities'
  refused(() => caps({ addCapabilities: ['FLY'] }), 'invalid_argument', `${field}.add_capabilities`, '"FLY"')
  refused(() => caps({ dropCapabilities: ['KILL', ''] }), 'invalid_argument', `${field}.drop_capabilities`)
  refused(() => caps({ addAmbientCapabilities: ['1'] }), 'invalid_argument', `${field}.add_ambient_capabilities`)
})

test.run()
