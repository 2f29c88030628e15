// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FAILED_CLONE, FAILED_IO } from '../keeper/protocol.ts'
import { errnoNumber } from '../kernel/errno.ts'
import { planFailure } from './failure.ts'
import { forPurpose, type Op, op, type Plan } from './ops.ts'

const EXECVE = forPurpose('start "nginx"', [op('execve', ['/bin/nginx'], ['nginx'], [])])
const CHDIR = forPurpose('change to working directory "/app"', [op('chdir', '/app')])

/** What a caller is told when the last operation of a plan fails. */
function told(operations: readonly Op[], errno: string, interrupted = false) {
  const plan: Plan = { cloneFlags: 0x20000n, prepare: [op('mkdir_host', '/cg', 0o755)], parent: [], child: operations }
  const failed = { index: operations.length, errno: errnoNumber(errno) }
  const { message, code, hint } = planFailure('start container', 'c1', plan, failed, interrupted)
  return { message, code, hint }
}

test('a program that is not in the image is named, with advice', () => {
  assert.equal(told(EXECVE, 'ENOENT'), {
    message: 'start container "c1": start "nginx": execve candidates=["/bin/nginx"] argv=["nginx"] envp=[]: ENOENT',
    code: 'invalid_argument',
    hint: 'the program, or the interpreter its first line names, is not in the image',
  })
})

test('a program that may not be executed, and one of another architecture, get advice too', () => {
  assert.match(told(EXECVE, 'EACCES').hint ?? '', /not executable/)
  assert.match(told(EXECVE, 'ENOEXEC').hint ?? '', /architecture/)
  assert.is(told(EXECVE, 'E2BIG').hint, undefined)
  assert.is(told(CHDIR, 'ENOENT').hint, undefined)
})

test('a refused cgroup limit comes with what its errno means', () => {
  const [write] = forPurpose('set cgroup limit', [
    op('write_first', '/cg/a/blkio.weight', '5', '/cg/a/blkio.bfq.weight', '5'),
  ])
  assert.match(told(write === undefined ? [] : [write], 'ENOENT').hint ?? '', /BFQ/)
})

test('a process that the kernel refuses to make is not blamed on an operation', () => {
  const plan: Plan = { cloneFlags: 0x200000000n, prepare: [], parent: [], child: CHDIR }
  const failed = { index: FAILED_CLONE, errno: errnoNumber('EBUSY') }
  const { message } = planFailure('exec in container', 'c1', plan, failed)
  assert.is(message, 'exec in container "c1": clone3 flags=0x200000000: EBUSY')
})

test('a working directory that is a file is the caller’s mistake', () => {
  assert.equal(told(CHDIR, 'ENOTDIR'), {
    message: 'start container "c1": change to working directory "/app": chdir path="/app": ENOTDIR',
    code: 'invalid_argument',
    hint: undefined,
  })
})

test('a full disk is exhaustion, whoever meets it', () => {
  for (const errno of ['ENOSPC', 'ENOMEM', 'EMFILE', 'EAGAIN', 'EDQUOT']) {
    assert.is(told(CHDIR, errno).code, 'resource_exhausted', errno)
    assert.is(told([op('setsid')], errno).code, 'resource_exhausted', errno)
  }
})

test('an operation that nobody asked for by name is our own mistake', () => {
  assert.equal(told([op('setsid')], 'EINVAL'), {
    message: 'start container "c1": setsid: EINVAL',
    code: 'internal',
    hint: undefined,
  })
})

test('an errno that is no caller’s mistake is internal, whatever the purpose', () => {
  assert.is(told(CHDIR, 'EIO').code, 'internal')
  assert.is(told(EXECVE, 'EPERM').code, 'internal')
})

test('a start that hung names what it hung in', () => {
  assert.equal(told(CHDIR, 'EINTR', true), {
    message: 'start container "c1": change to working directory "/app": chdir path="/app": it did not finish in time',
    code: 'deadline_exceeded',
    hint: undefined,
  })
})

test('an exec into a container that ended is refused, without an operation to name', () => {
  const plan: Plan = { cloneFlags: 0n, prepare: [], parent: [], child: CHDIR }
  const error = planFailure('exec in container', 'c1', plan, { index: 0xffff_ffff, errno: errnoNumber('ESRCH') })
  assert.is(error.message, 'exec in container "c1": ESRCH')
  assert.is(error.code, 'failed_precondition')
})

test('a log that cannot be opened is named as such, not as the first operation', () => {
  const plan: Plan = { cloneFlags: 0n, prepare: CHDIR, parent: [], child: [] }
  const error = planFailure('start container', 'c1', plan, { index: FAILED_IO, errno: errnoNumber('ENOENT') })
  assert.is(error.message, 'start container "c1": open log and streams: ENOENT')
})

test('an endless command line is cut in the text', () => {
  const long = forPurpose('start "sh"', [op('execve', ['/bin/sh'], ['sh', '-c', 'x'.repeat(5000)], [])])
  const { message } = told(long, 'E2BIG')
  assert.ok(message.length < 500, String(message.length))
  assert.ok(message.endsWith('…: E2BIG'))
})

test.run()
