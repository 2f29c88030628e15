// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../errors.ts'
import { failureText } from './failure-text.ts'

const failure = (errno: string, reason?: string) =>
  failureText(new GantryError('internal', { action: 'start', errno, ...(reason === undefined ? {} : { reason }) }))

test('an errno is followed by the words that callers look for', () => {
  assert.is(failure('ENOENT'), 'start: ENOENT: no such file or directory')
  assert.is(failure('EACCES'), 'start: EACCES: permission denied')
})

test('words that are there already, and an errno that nobody looks for, leave the text as it is', () => {
  assert.is(failure('EPERM', 'operation not permitted'), 'start: operation not permitted: EPERM')
  assert.is(failure('EINVAL'), 'start: EINVAL')
  assert.is(failureText(new Error('why')), 'why')
})

test.run()
