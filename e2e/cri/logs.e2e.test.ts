// SPDX-License-Identifier: Apache-2.0
import { readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig, readLog, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'logs')
const podSandboxId = await workloads.runPod(pod)

test.after(() => daemon[Symbol.asyncDispose]())

async function logOf(script: string, change: Parameters<typeof scriptConfig>[2] = {}) {
  const config = scriptConfig(workloads.name('log'), script, change)
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  return readLog(status.logPath)
}

test('a line has time, stream and tag, in the order of writing', async () => {
  const before = Date.now()
  const lines = await logOf('echo one; echo two')
  assert.equal(
    lines.map(({ stream, partial, content }) => [stream, partial, content]),
    [
      ['stdout', false, 'one'],
      ['stdout', false, 'two'],
    ],
  )
  const times = lines.map(({ time }) => Date.parse(time))
  assert.ok(
    times.every((time) => time >= before - 1 && time <= Date.now() + 1),
    String(times),
  )
  assert.ok((times[0] ?? 0) <= (times[1] ?? 0))
})

test('both streams are in one file, each line whole', async () => {
  const lines = await logOf('for n in 1 2 3; do echo out $n; echo err $n >&2; done')
  const of = (wanted: string) => lines.filter(({ stream }) => stream === wanted).map(({ content }) => content)
  assert.equal(of('stdout'), ['out 1', 'out 2', 'out 3'])
  assert.equal(of('stderr'), ['err 1', 'err 2', 'err 3'])
})

test('an empty line, blanks, and bytes that are no text are kept', async () => {
  const [empty, blanks] = await logOf("printf '\\n  x  \\n'")
  assert.equal([empty?.content, blanks?.content], ['', '  x  '])
})

test('output without a newline at the end is a partial line', async () => {
  const lines = await logOf('printf abc')
  assert.equal(
    lines.map(({ partial, content }) => [partial, content]),
    [[true, 'abc']],
  )
})

test('a long line is written in pieces that put together give the line', async () => {
  const lines = await logOf('head -c 100000 /dev/zero | tr "\\0" x; echo end')
  assert.ok(lines.length > 2, `${lines.length} lines`)
  assert.ok(lines.slice(0, -1).every(({ partial }) => partial))
  assert.is(lines.at(-1)?.partial, false)
  assert.is(lines.map(({ content }) => content).join(''), `${'x'.repeat(100_000)}end`)
})

test('a hundred thousand lines arrive complete and in order', async () => {
  const lines = await logOf('seq 1 100000')
  assert.is(lines.length, 100_000)
  assert.ok(lines.every(({ content }, at) => content === String(at + 1)))
})

test('the log is readable for the kubelet’s group and nobody else writes it', async () => {
  const config = scriptConfig(workloads.name('mode'), 'echo x')
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.is((await stat(status.logPath)).mode & 0o777, 0o640)
})

test('a directory in the log’s path is made', async () => {
  const lines = await logOf('echo deep', { logPath: 'a/b/0.log' })
  assert.is(lines[0]?.content, 'deep')
})

test('without a log path there is no log', async () => {
  const config = scriptConfig(workloads.name('none'), 'echo x', { logPath: '' })
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.equal([status.logPath, status.exitCode], ['', 0])
})

test('rotation loses no line: rename, reopen, and writing goes on in a new file of the same name', async () => {
  const script = 'n=0; while [ $n -lt 20000 ]; do n=$((n+1)); echo line $n; done; echo done; sleep 3600'
  const config = scriptConfig(workloads.name('rotated'), script)
  const containerId = await workloads.runContainer(podSandboxId, config, pod)
  const { logPath } = await workloads.status(containerId)
  for (let round = 1; round <= 5; round++) {
    await rename(logPath, `${logPath}.${round}`)
    await runtime.reopenContainerLog({ containerId })
    assert.ok((await stat(logPath)).isFile(), 'the new file is there when the call returns')
  }
  const finished = async () => (await readLog(logPath)).at(-1)?.content === 'done'
  await waitFor('the container has written all', finished)
  const files = [1, 2, 3, 4, 5].map((round) => `${logPath}.${round}`)
  const contents = await Promise.all([...files, logPath].map(readLog))
  const numbers = contents.flat().map(({ content }) => content)
  assert.equal(
    numbers.slice(0, -1),
    Array.from({ length: 20_000 }, (_, n) => `line ${n + 1}`),
  )
  await runtime.removeContainer({ containerId })
})

test('the log of a container that ended is not reopened, and no file appears', async () => {
  const config = scriptConfig(workloads.name('ended'), 'echo x')
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  await rename(status.logPath, `${status.logPath}.old`)
  await expectFailure(runtime.reopenContainerLog({ containerId: status.id }), ['FAILED_PRECONDITION', 'UNKNOWN'])
  assert.ok(!(await readdir(join(place.logDirectory, 'logs'))).includes(config.logPath))
})

test('with a terminal both streams come as one', async () => {
  const lines = await logOf('echo out; echo err >&2; test -t 0 && echo tty', { tty: true })
  assert.ok(lines.every(({ stream }) => stream === 'stdout'))
  assert.equal(
    lines.map(({ content }) => content.replace(/\r$/, '')),
    ['out', 'err', 'tty'],
  )
})

test('a flood of a million lines is in the log to the last one', async () => {
  const config = idleConfig(workloads.name('flood'), { command: ['/bin/sh', '-c', 'yes | head -n 1000000; echo over'] })
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.is(status.exitCode, 0)
  assert.is((await readLog(status.logPath)).length, 1_000_001)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
