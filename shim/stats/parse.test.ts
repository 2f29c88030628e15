// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parsePartitions } from './block-devices.ts'
import { pageSizeName } from './cgroup-extras.ts'
import { deviceOf } from './file-system.ts'
import { parseNetDev } from './net-dev.ts'

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 3430849385  129013    0    0    0     0          0         0 3430849385  129013    0    0    0     0       0          0
  eth0:18446744073709551615 7 3 4 0 0 0 0 612 8 5 6 0 0 0 0
eth0:1: 1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0
 short: 1 2 3
`

test('interfaces are read with all their digits, and without the loopback', () => {
  const [eth0, alias, ...more] = parseNetDev(NET_DEV)
  assert.equal(eth0, {
    name: 'eth0',
    rxBytes: 18446744073709551615n,
    rxPackets: 7n,
    rxErrors: 3n,
    rxDropped: 4n,
    txBytes: 612n,
    txPackets: 8n,
    txErrors: 5n,
    txDropped: 6n,
  })
  assert.equal([alias?.name, alias?.txBytes], ['eth0:1', 2n])
  assert.equal(more, [])
})

test('a pod that makes thousands of interfaces is told in part', () => {
  const lines = Array.from({ length: 5000 }, (_, index) => `v${index}: ${'1 '.repeat(16)}`)
  assert.is(parseNetDev(lines.join('\n')).length, 64)
})

test('block devices have their names', () => {
  const names = parsePartitions('major minor  #blocks  name\n\n 254        0  268435456 vda\n   8        1  42 sda1\n')
  assert.equal(
    [...names],
    [
      ['254:0', '/dev/vda'],
      ['8:1', '/dev/sda1'],
    ],
  )
})

test('the file system of a directory is the one mounted nearest above it, and last', () => {
  const mountinfo = `22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw
30 22 8:1 / /var/lib rw - xfs /dev/sda1 rw
31 22 8:2 / /var/lib/gantry\\040data rw,noatime shared:7 master:1 - xfs /dev/sdb rw
32 22 8:2 / /var/libra rw - xfs /dev/sdc rw
33 30 8:3 / /var/lib rw - ext4 /dev/sdd rw
`
  assert.is(deviceOf(mountinfo, '/var/lib/gantry data/layers'), '/dev/sdb')
  assert.is(deviceOf(mountinfo, '/var/lib/other'), '/dev/sdd')
  assert.is(deviceOf(mountinfo, '/home'), '/dev/vda')
  assert.is(deviceOf('', '/home'), '')
})

test('huge pages are called as the files of their controller are', () => {
  assert.equal([64, 2048, 1_048_576].map(pageSizeName), ['64KB', '2MB', '1GB'])
})

test.run()
