// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'execs')
const podSandboxId = await workloads.runPod(pod)
const containerId = await workloads.runContainer(
  podSandboxId,
  idleConfig('main', { envs: [{ key: 'FROM', value: Buffer.from('config') }] as never, workingDir: '/tmp' }),
  pod,
)

test.after(() => daemon[Symbol.asyncDispose]())

const sh = (script: string, timeout = 0n) =>
  runtime.execSync({ containerId, cmd: ['/bin/sh', '-c', script], timeout }, { timeoutMs: 30_000 })

/** Command lines of all processes the container has. */
async function processes(): Promise<string> {
  return (await sh('cat /proc/[0-9]*/cmdline | tr "\\0" " "')).stdout.toString()
}

test('output and errors come back separately, with the exit code', async () => {
  const { stdout, stderr, exitCode } = await sh('echo out; echo err >&2; exit 5')
  assert.equal([stdout.toString(), stderr.toString(), exitCode], ['out\n', 'err\n', 5])
})

test('output is bytes: nothing is translated or lost', async () => {
  const { stdout } = await sh("printf '\\000\\377\\r\\nno newline'")
  assert.equal([...stdout], [0, 255, 13, 10, ...Buffer.from('no newline')])
})

test('a command without output gives empty output', async () => {
  const { stdout, stderr, exitCode } = await runtime.execSync({ containerId, cmd: ['/bin/true'], timeout: 0n })
  assert.equal([stdout.length, stderr.length, exitCode], [0, 0, 0])
})

test('a command has the container’s environment, working directory and processes', async () => {
  assert.is((await sh('echo $FROM $PWD')).stdout.toString(), 'config /tmp\n')
  assert.match(await processes(), /\/bin\/sleep 3600/)
})

test('a command has no standard input', async () => {
  const { stdout, exitCode } = await sh('cat; echo end')
  assert.equal([stdout.toString(), exitCode], ['end\n', 0])
})

test('a command killed by a signal gives 128 and the signal', async () => {
  assert.is((await sh('kill -9 $$')).exitCode, 137)
})

test('a command that is not there is an error, or the exit code a shell would give', async () => {
  const call = runtime.execSync({ containerId, cmd: ['/no/such/command'], timeout: 0n })
  await expectFailure(
    call,
    ['NOT_FOUND', 'FAILED_PRECONDITION', 'INVALID_ARGUMENT', 'INTERNAL', 'UNKNOWN'],
    '/no/such/command',
  )
})

test('a command that takes too long is killed with all its children, and the answer says so', async () => {
  const began = performance.now()
  const call = sh('sleep 7001 & sleep 7002; sleep 7003', 1n)
  await expectFailure(call, ['DEADLINE_EXCEEDED'])
  const took = performance.now() - began
  assert.ok(took >= 990 && took < 5_000, `${took} ms`)
  assert.not.match(await processes(), /sleep 700[123]/)
})

test('a command that ends within its timeout is not disturbed', async () => {
  assert.is((await sh('sleep 0.2; echo done', 10n)).stdout.toString(), 'done\n')
})

test('a child that keeps the output open does not hold up the answer for ever', async () => {
  const began = performance.now()
  const { stdout, exitCode } = await sh('sleep 7004 & echo started', 20n)
  assert.equal([stdout.toString(), exitCode], ['started\n', 0])
  assert.ok(performance.now() - began < 10_000)
})

test('twenty megabytes of output are cut to what one message may hold, and the command goes on', async () => {
  const script = 'dd if=/dev/zero bs=1048576 count=20 2>/dev/null; echo finished > /tmp/finished'
  const { stdout, exitCode } = await sh(script, 25n)
  assert.is(exitCode, 0)
  assert.ok(stdout.length > 15 * 1024 * 1024 && stdout.length <= 16 * 1024 * 1024, String(stdout.length))
  assert.is((await sh('cat /tmp/finished')).stdout.toString(), 'finished\n')
})

test('twenty megabytes on each stream still fit into one answer', async () => {
  const script = 'dd if=/dev/zero bs=1048576 count=20 2>/dev/null; dd if=/dev/zero bs=1048576 count=20 2>/dev/null >&2'
  const { stdout, stderr, exitCode } = await sh(script, 25n)
  assert.is(exitCode, 0)
  assert.ok(stdout.length + stderr.length <= 16 * 1024 * 1024, `${stdout.length} + ${stderr.length}`)
})

test('fifty commands at the same time each get their own output', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => sh(`echo number ${n}; exit ${n}`)))
  assert.equal(
    answers.map(({ stdout, exitCode }) => [stdout.toString(), exitCode]),
    answers.map((_, n) => [`number ${n}\n`, n]),
  )
})

test('a caller that goes away takes its command along', async () => {
  const abort = new AbortController()
  const call = runtime.execSync({ containerId, cmd: ['/bin/sleep', '7005'], timeout: 0n }, { signal: abort.signal })
  const failed = call.then(
    () => assert.unreachable(),
    () => undefined,
  )
  await waitFor('the command runs', async () => /sleep 7005/.test(await processes()))
  abort.abort()
  await failed
  if (!daemon.isPeer) await waitFor('the command is gone', async () => !/sleep 7005/.test(await processes()))
})

test('no command leaves a zombie with the keeper, however it ended', async () => {
  if (daemon.isPeer) return
  const ends = ['exit 0', 'kill -9 $$', 'sleep 0.01 & exit 3', 'sleep 3600']
  await Promise.allSettled(Array.from({ length: 20 }, (_, n) => sh(ends[n % ends.length] ?? '', 1n)))
  const { info } = await runtime.podSandboxStatus({ podSandboxId, verbose: true })
  const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number }
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ')
  const states = await Promise.all(
    children.map(async (child) => /^State:\t(.)/m.exec(await readFile(`/proc/${child}/status`, 'utf8'))?.[1]),
  )
  assert.ok(states.length > 0)
  assert.not.ok(states.includes('Z'), states.join())
})

test('a command ends with its container', async () => {
  const other = await workloads.runContainer(podSandboxId, idleConfig('other'), pod)
  const call = runtime.execSync({
    containerId: other,
    cmd: ['/bin/sh', '-c', 'echo up > /up; sleep 7006'],
    timeout: 0n,
  })
  const ended = call.then(
    ({ exitCode }) => exitCode,
    () => 'an error',
  )
  await waitFor('the command runs', async () => (await workloads.exec(other, 'cat', '/up')) === 'up\n')
  await runtime.stopContainer({ containerId: other, timeout: 0n })
  assert.ok([137, 'an error'].includes(await ended))
})

test('a container that is not running refuses commands and says what it is', async () => {
  const { status } = await workloads.runToEnd(podSandboxId, scriptConfig('ended', 'exit 0'), pod)
  const call = runtime.execSync({ containerId: status.id, cmd: ['/bin/true'], timeout: 0n })
  await expectFailure(call, ['FAILED_PRECONDITION', 'UNKNOWN'], /exited|EXITED|not running|state/)
})

test('an unknown container, an empty command and a negative timeout are refused', async () => {
  const id = randomUUID()
  await expectFailure(runtime.execSync({ containerId: id, cmd: ['/bin/true'], timeout: 0n }), 'NOT_FOUND', id)
  await expectFailure(runtime.execSync({ containerId, cmd: [], timeout: 0n }), ['INVALID_ARGUMENT', 'UNKNOWN'])
  if (!daemon.isPeer) await expectFailure(sh('true', -1n), 'INVALID_ARGUMENT', 'timeout')
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
