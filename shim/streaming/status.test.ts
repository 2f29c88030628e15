// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RemoteResult, statusText } from './status.ts'

const json = (result: RemoteResult) => JSON.parse(statusText(result, 'json') ?? 'null')

test('success is a status of its own since v4, and nothing before', () => {
  assert.equal(json({ kind: 'success' }), { metadata: {}, status: 'Success' })
  assert.is(statusText({ kind: 'success' }, 'text'), undefined)
})

test('an exit code is a cause that clients find by its reason', () => {
  const status = json({ kind: 'exit', code: 17 })
  assert.is(status.status, 'Failure')
  assert.is(status.reason, 'NonZeroExitCode')
  assert.equal(status.details.causes, [{ reason: 'ExitCode', message: '17' }])
  assert.match(statusText({ kind: 'exit', code: 17 }, 'text') ?? '', /17/)
})

test('any other failure says what it was', () => {
  const status = json({ kind: 'failure', message: 'exec in container "c": ENOENT' })
  assert.equal([status.status, status.reason, status.code], ['Failure', 'InternalError', 500])
  assert.match(status.message, /exec in container "c": ENOENT/)
  assert.is(statusText({ kind: 'failure', message: 'gone' }, 'text'), 'gone')
})

test.run()
