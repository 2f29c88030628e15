// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Podman } from './podman.ts'

const podman = await Podman.start()
const { image } = podman
test.after(() => podman[Symbol.asyncDispose]())

test('run prints what the program prints, and ends with its status', async () => {
  const { status, stdout, stderr } = await podman.run(image, 'sh', '-c', 'echo out; echo err >&2; exit 7')
  assert.equal([status, stdout, stderr], [7, 'out\n', 'err\n'])
})

test('run hands on standard input', async () => {
  const { stdout } = await podman.callWith({ input: 'a\nb\n' }, 'run', '--rm', '-i', '--network', 'none', image, 'cat')
  assert.is(stdout, 'a\nb\n')
})

test('a program that is not there is 127, one that is none 126', async () => {
  assert.is((await podman.run(image, 'nowhere')).status, 127)
  assert.is((await podman.run(image, '/etc/passwd')).status, 126)
  assert.is((await podman.run(image, '/etc')).status, 126)
})

test('a program killed by a signal is 128 and the signal', async () => {
  const { status } = await podman.run('--init', image, 'sh', '-c', 'kill -9 $$')
  assert.is(status, 137)
})

test('exec runs in the container, as another user, elsewhere, with its own environment', async () => {
  const name = await podman.background(['--env', 'FROM=run'])
  const exec = (...args: readonly string[]) => podman.call('exec', ...args)
  assert.is((await exec(name, 'sh', '-c', 'echo $FROM')).stdout, 'run\n')
  const other = await exec('-u', '7:8', '-w', '/tmp', '-e', 'A=b', name, 'sh', '-c', 'echo $(id -u):$(id -g) $PWD $A')
  assert.is(other.stdout, '7:8 /tmp b\n')
  assert.is((await exec(name, 'sh', '-c', 'exit 9')).status, 9)
  assert.is((await exec(name, 'nowhere')).status, 127)
  assert.is((await exec(name, '/etc/passwd')).status, 126)
  await podman.remove(name)
})

test('exec -it has a terminal', async () => {
  const name = await podman.background()
  const tty = await podman.onTerminal(
    'exec',
    '-it',
    name,
    'sh',
    '-c',
    'test -t 0 && test -t 1 && echo a terminal; exit 3',
  )
  assert.match(tty.stdout, /a terminal\r\n/)
  assert.is(tty.status, 3)
  await podman.remove(name)
})

test('run -it has a terminal', async () => {
  const run = ['run', '--rm', '-it', '--network', 'none', image]
  const tty = await podman.onTerminal(
    ...run,
    'sh',
    '-c',
    'test -t 0 && test -c /dev/console && echo a terminal; exit 4',
  )
  assert.match(tty.stdout, /a terminal\r\n/)
  assert.is(tty.status, 4)
})

test('a container goes from created through running to exited, and can be started again', async () => {
  const name = podman.name()
  await podman.must('create', '--network', 'none', '--name', name, image, 'sh', '-c', 'echo once; exit 5')
  assert.is(await podman.inspect(name, '{{.State.Status}}'), 'created')
  for (const logs of ['once\n', 'once\nonce\n']) {
    await podman.must('start', name)
    assert.is(await podman.must('wait', name), '5\n')
    assert.is(await podman.inspect(name, '{{.State.Status}} {{.State.ExitCode}}'), 'exited 5')
    assert.is(await podman.must('logs', name), logs)
  }
  await podman.remove(name)
})

test('init makes a container that is not started yet', async () => {
  const name = podman.name()
  await podman.must('create', '--network', 'none', '--name', name, image, 'sh', '-c', 'exit 6')
  await podman.must('init', name)
  assert.is(await podman.inspect(name, '{{.State.Status}}'), 'initialized')
  await podman.must('start', name)
  assert.is(await podman.must('wait', name), '6\n')
  await podman.remove(name)
})

test('stop sends the stop signal, kill any', async () => {
  const trap = (signal: string, status: number) => [
    'sh',
    '-c',
    `trap "exit ${status}" ${signal}; echo ready; while :; do sleep 0.05; done`,
  ]
  const stopped = await podman.background([], trap('TERM', 11))
  await podman.logged(stopped, 'ready')
  await podman.must('stop', stopped)
  assert.is(await podman.inspect(stopped, '{{.State.ExitCode}}'), '11')
  const killed = await podman.background([], trap('USR1', 12))
  await podman.logged(killed, 'ready')
  await podman.must('kill', '--signal', 'USR1', killed)
  assert.is(await podman.must('wait', killed), '12\n')
  const forced = await podman.background()
  await podman.must('stop', '--time', '0', forced)
  assert.is(await podman.inspect(forced, '{{.State.ExitCode}}'), '137')
  await podman.must('rm', stopped, killed, forced)
})

test('pause stops all processes, unpause lets them go on', async () => {
  const name = await podman.background()
  await podman.must('pause', name)
  assert.is(await podman.inspect(name, '{{.State.Status}}'), 'paused')
  assert.is.not((await podman.call('exec', name, 'true')).status, 0)
  await podman.must('unpause', name)
  assert.is(await podman.inspect(name, '{{.State.Status}}'), 'running')
  await podman.must('exec', name, 'true')
  await podman.remove(name)
})

test('top and stats look into a running container', async () => {
  const name = await podman.background()
  assert.match(await podman.must('top', name), /sleep 1000/)
  assert.match(await podman.must('stats', '--no-stream', '--format', '{{.PIDs}} {{.MemUsage}}', name), /^1 \S+ \/ \S+/)
  await podman.remove(name)
})

test('healthchecks are execs with a verdict', async () => {
  const name = await podman.background([
    '--health-cmd',
    'test -e /healthy',
    '--health-interval',
    'disable',
    '--health-retries',
    '1',
  ])
  assert.is((await podman.call('healthcheck', 'run', name)).status, 1)
  await podman.must('exec', name, 'touch', '/healthy')
  assert.is((await podman.call('healthcheck', 'run', name)).status, 0)
  await podman.remove(name)
})

test('many containers start at once, and all end', async () => {
  const runs = Array.from({ length: 12 }, (_, n) => podman.run(image, 'sh', '-c', `echo ${n}; exit ${n}`))
  const ended = await Promise.all(runs)
  assert.equal(
    ended.map(({ status, stdout }) => [status, stdout]),
    ended.map((_, n) => [n, `${n}\n`]),
  )
})

test('nothing is left of any container', async () => {
  await podman.must('rm', '--all', '--force', '--time', '0')
  assert.equal(await podman.traces(), [])
})

test.run()
