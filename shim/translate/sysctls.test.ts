// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { refused } from './refused.ts'
import { podSysctls } from './sysctls.ts'

const POD = { network: 'pod', ipc: 'pod' } as const
const DEFAULTS = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' }
const user = { uids: [], gids: [] }

test('a pod with its own network lets any user bind low ports and ping', () => {
  assert.equal(podSysctls({}, POD), DEFAULTS)
})

test("on the node's network nothing is set", () => {
  assert.equal(podSysctls({}, { ...POD, network: 'host' }), {})
})

test('groups that a user namespace does not map cannot ping', () => {
  assert.equal(podSysctls({}, { ...POD, user }), { 'net.ipv4.ip_unprivileged_port_start': '0' })
})

test('the request wins over the defaults, with dots and with slashes', () => {
  const wanted = { 'net.ipv4.ip_unprivileged_port_start': '1024', 'net/ipv4/ping_group_range': '1 0' }
  assert.equal(podSysctls(wanted, POD), {
    'net.ipv4.ip_unprivileged_port_start': '1024',
    'net.ipv4.ping_group_range': '1 0',
  })
})

const OWN = [
  'kernel.shm_rmid_forced',
  'kernel.shmmax',
  'kernel.msgmax',
  'kernel.sem',
  'fs.mqueue.msg_max',
  'net.core.somaxconn',
  'net.ipv4.conf.eth0.rp_filter',
]
for (const name of OWN) {
  test(`${name} is the pod's own`, () => assert.is(podSysctls({ [name]: '1' }, POD)[name], '1'))
}

test('a name whose part holds a dot is written with slashes', () => {
  assert.is(podSysctls({ 'net.ipv4.conf.eth0/100.rp_filter': '2' }, POD)['net/ipv4/conf/eth0.100/rp_filter'], '2')
  assert.is(podSysctls({ 'net/ipv4/conf/eth0.100/rp_filter': '2' }, POD)['net/ipv4/conf/eth0.100/rp_filter'], '2')
})

const NODES = [
  'kernel.panic',
  'vm.swappiness',
  'kernel.semantics',
  'fs.file-max',
  'kernel.hostname',
  'user.max_user_namespaces',
]
for (const name of NODES) {
  test(`${name} is the node's and refused by name`, () =>
    refused(() => podSysctls({ [name]: '1' }, POD), 'invalid_argument', 'config.linux.sysctls', name))
}

test('sysctls of a namespace that the pod shares with the node are refused', () => {
  const host = { network: 'host', ipc: 'host' } as const
  refused(() => podSysctls({ 'net.core.somaxconn': '1' }, host), 'invalid_argument', 'net.core.somaxconn', 'network')
  refused(() => podSysctls({ 'kernel.sem': '1' }, host), 'invalid_argument', 'kernel.sem', 'ipc')
  assert.equal(podSysctls({ 'kernel.sem': '1' }, { network: 'host', ipc: 'pod' }), { 'kernel.sem': '1' })
})

test('a name cannot lead out of /proc/sys/net', () => {
  for (const name of [
    'net/../kernel/panic',
    'net',
    'net.',
    '.net.x',
    'net//x',
    'net/ipv4/./x',
    'net.\0',
    '',
    'net/..',
  ]) {
    refused(() => podSysctls({ [name]: '1' }, POD), 'invalid_argument', 'config.linux.sysctls')
  }
})

test('a value is one line', () => {
  refused(() => podSysctls({ 'net.core.somaxconn': '1\n2' }, POD), 'invalid_argument', 'net.core.somaxconn')
  assert.is(
    podSysctls({ 'net.ipv4.tcp_rmem': '4096\t131072\t6291456' }, POD)['net.ipv4.tcp_rmem'],
    '4096\t131072\t6291456',
  )
})

test.run()
