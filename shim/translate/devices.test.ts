// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { containerDevices, type ResolvedDevice } from './devices.ts'
import { refused } from './refused.ts'

const NODE = { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 } as const
const device = (over: Partial<ResolvedDevice> = {}): ResolvedDevice => ({ ...NODE, permissions: 'rw', ...over })
const HOST = [
  { path: '/dev/fuse', type: 'c', major: 1, minor: 1 },
  { path: '/dev/sda', type: 'b', major: 8, minor: 0 },
] as const

test('a container may use the usual devices and no other', () => {
  const { devices, rules } = containerDevices([], HOST, false)
  assert.equal(devices, [])
  assert.equal(rules[0], { allow: false, access: 'rwm' })
  assert.equal(
    rules
      .slice(1)
      .map(({ allow, type, major, minor, access }) => `${allow} ${type} ${major}:${minor ?? '*'} ${access}`),
    ['1:3', '1:8', '1:7', '5:0', '1:5', '1:9', '5:1', '136:*', '5:2'].map((number) => `true c ${number} rwm`),
  )
})

test('a requested device is made and allowed as asked', () => {
  const { devices, rules } = containerDevices([device()], HOST, false)
  assert.equal(devices, [NODE])
  assert.equal(rules.at(-1), { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' })
})

test('no permissions mean all', () => {
  assert.is(containerDevices([device({ permissions: '' })], [], false).rules.at(-1)?.access, 'rwm')
})

test('a privileged container has all devices of the node; a requested one replaces that of its path', () => {
  const { devices, rules } = containerDevices([device()], HOST, true)
  assert.equal(devices, [NODE, HOST[1]])
  assert.equal(rules, [{ allow: true, access: 'rwm' }])
})

test('permissions other than r, w, m and relative paths are refused', () => {
  for (const permissions of ['x', 'rwx', 'rr', 'RW']) {
    refused(
      () => containerDevices([device({ permissions })], [], false),
      'invalid_argument',
      '/dev/fuse',
      `"${permissions}"`,
    )
  }
  refused(() => containerDevices([device({ path: 'fuse' })], [], false), 'invalid_argument', 'container_path')
})

test.run()
