// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../errors.ts'
import { loadLibsystemd } from './sd-bus.ts'
import { elementOf, splitSignature } from './sd-bus-signature.ts'

test('a signature is cut into its complete types', () => {
  assert.equal(splitSignature('ssa(sv)a(sa(sv))'), ['s', 's', 'a(sv)', 'a(sa(sv))'])
  assert.equal(splitSignature('aaya{s(ub)}v'), ['aay', 'a{s(ub)}', 'v'])
  assert.equal(splitSignature(''), [])
  for (const broken of ['a', '(', '(s', 'a{sv', 'k', ')']) {
    assert.throws(() => splitSignature(broken), `read D-Bus signature "${broken}`, broken)
  }
})

test('containers are named as libsystemd wants to hear them', () => {
  assert.equal(elementOf('a(sv)'), { container: 'a', contents: '(sv)' })
  assert.equal(elementOf('(sv)'), { container: 'r', contents: 'sv' })
  assert.equal(elementOf('{sv}'), { container: 'e', contents: 'sv' })
})

test('a missing libsystemd is named, with what to install', () => {
  const error = caught(() => loadLibsystemd('libsystemd.so.none'))
  assert.is(error.code, 'failed_precondition')
  assert.match(error.message, /^load library "libsystemd.so.none": /)
  assert.match(error.hint ?? '', 'libsystemd0')
})

function caught(work: () => unknown): GantryError {
  try {
    work()
  } catch (error) {
    if (error instanceof GantryError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

test.run()
