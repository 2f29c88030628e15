// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mountPropagation } from './mount-propagation.ts'

const MOUNTINFO = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /dev rw - devtmpfs udev rw
24 22 0:6 / /mnt rw master:7 - ext4 /dev/sdb rw
25 22 0:7 / /mnt/both rw shared:8 master:9 - ext4 /dev/sdc rw
26 22 0:8 / /with\\040space rw shared:10 propagate_from:2 - tmpfs tmpfs rw
27 22 0:9 / /over rw shared:11 - tmpfs tmpfs rw
28 27 0:10 / /over rw - tmpfs tmpfs rw
nonsense
`

const CASES = [
  ['/', '/', true, false],
  ['/var/lib', '/', true, false],
  ['/dev', '/dev', false, false],
  ['/device', '/', true, false],
  ['/mnt/x', '/mnt', false, true],
  ['/mnt/both/x/y', '/mnt/both', true, true],
  ['/with space/x', '/with space', true, false],
  ['/over/x', '/over', false, false],
] as const

for (const [path, mountPoint, shared, slave] of CASES) {
  test(`${path} is on ${mountPoint}`, () => {
    assert.equal(mountPropagation(MOUNTINFO, path), { mountPoint, shared, slave })
  })
}

test('without mounts nothing is found', () => assert.is(mountPropagation('', '/x'), undefined))

test('the mounts of this machine are understood', () => {
  assert.is(mountPropagation(readFileSync('/proc/self/mountinfo', 'utf8'), '/proc/self')?.mountPoint, '/proc')
})

test.run()
