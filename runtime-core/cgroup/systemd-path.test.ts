// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cgroupPathOf, parentPathOf } from './path.ts'
import { expandSlice, parseScopePath, slicesOf } from './systemd-path.ts'

test('a slice is below the slices that its name spells', () => {
  assert.is(expandSlice('a-b-c.slice'), '/a.slice/a-b.slice/a-b-c.slice')
  assert.is(expandSlice('-.slice'), '')
  assert.equal(slicesOf('a-b.slice'), ['a.slice', 'a-b.slice'])
  for (const wrong of ['a', '.slice', '-a.slice', 'a-.slice', 'a--b.slice', 'a/b.slice', 'a b.slice', 'a\n.slice']) {
    assert.throws(() => expandSlice(wrong), 'expected the name of a slice', wrong)
  }
})

test('slice:prefix:name is a scope in that slice', () => {
  assert.equal(parseScopePath('kubepods-podx.slice:gantry:abc'), {
    slice: 'kubepods-podx.slice',
    scope: 'gantry-abc.scope',
    path: '/kubepods.slice/kubepods-podx.slice/gantry-abc.scope',
  })
  assert.is(parseScopePath(':runc:abc').path, '/system.slice/runc-abc.scope')
  assert.is(parseScopePath('-.slice::abc').path, '/abc.scope')
})

test('what is no such path is refused with what is expected', () => {
  assert.throws(() => parseScopePath('a:b'), 'place cgroup "a:b": expected slice:prefix:name')
  assert.throws(() => parseScopePath('a.slice:b:'), 'expected slice:prefix:name')
  assert.throws(() => parseScopePath('a.slice:b:c.slice'), 'the name of a scope is expected')
  assert.throws(() => parseScopePath('a.slice:b:c/d'), 'is no name of a unit')
  assert.throws(() => parseScopePath(`a.slice:b:${'c'.repeat(250)}`), 'is no name of a unit')
})

test('each form of a path says where the cgroup is, whichever driver is in use', () => {
  assert.is(cgroupPathOf('/kubepods/podx//abc'), '/kubepods/podx/abc')
  assert.is(cgroupPathOf('a-b.slice:gantry:abc'), '/a.slice/a-b.slice/gantry-abc.scope')
  assert.is(parentPathOf('/kubepods.slice/kubepods-podx.slice'), '/kubepods.slice/kubepods-podx.slice')
  assert.is(parentPathOf('kubepods-podx.slice'), '/kubepods.slice/kubepods-podx.slice')
  assert.is(parentPathOf('/kubepods/podx'), '/kubepods/podx')
})

test.run()
