// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cgroupsPath } from './cgroups-path.ts'
import { refused } from './refused.ts'

const SLICE = '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice'
const CASES = [
  ['cgroupfs', '/kubepods/burstable/pod1-2', '/kubepods/burstable/pod1-2/c1'],
  ['cgroupfs', 'kubepods/pod1/', '/kubepods/pod1/c1'],
  ['cgroupfs', '', '/gantry/c1'],
  ['systemd', SLICE, 'kubepods-burstable-pod1_2.slice:gantry:c1'],
  ['systemd', 'system.slice', 'system.slice:gantry:c1'],
  ['systemd', '', 'system.slice:gantry:c1'],
] as const

for (const [driver, parent, expected] of CASES) {
  test(`${driver}: a container below "${parent}"`, () => assert.is(cgroupsPath(driver, parent, 'c1'), expected))
}

test("a parent of the other driver's form is refused", () => {
  refused(() => cgroupsPath('systemd', '/kubepods/pod1', 'c1'), 'invalid_argument', 'cgroup_parent', 'systemd')
  refused(() => cgroupsPath('cgroupfs', SLICE, 'c1'), 'invalid_argument', 'cgroup_parent', 'cgroupfs')
})

test('a parent cannot lead elsewhere', () => {
  for (const parent of ['/kubepods/../..', '..', '/a/./b', '/a\0b']) {
    refused(() => cgroupsPath('cgroupfs', parent, 'c1'), 'invalid_argument', 'cgroup_parent')
  }
})

test.run()
