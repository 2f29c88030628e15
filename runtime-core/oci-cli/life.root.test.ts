// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../keeper/test/eventually.ts'
import { makeConfig, Workplace } from './testing.ts'

const test = suite<{ place: Workplace }>('the life of a container')
test.before.each((context) => {
  context.place = new Workplace()
})
test.after.each(({ place }) => place.leave())

const SLEEP = makeConfig(['sleep', '1000'])

test('run forwards output and exit status, and leaves nothing', ({ place }) => {
  const id = place.id()
  const bundle = place.bundle(makeConfig(['sh', '-c', 'echo hello; echo oops >&2; exit 7']))
  assert.equal(place.call('run', '-b', bundle, id), { status: 7, stdout: 'hello\n', stderr: 'oops\n' })
  assert.not(existsSync(join(place.root, id)))
  assert.match(place.call('state', id).stderr, /container does not exist/)
})

test('create, start, kill and delete go through the states of the specification', async ({ place }) => {
  const id = place.id()
  const bundle = place.bundle(SLEEP)
  const pidFile = join(place.directory, 'pid')
  place.must('create', '--bundle', bundle, '--pid-file', pidFile, id)
  const created = place.state(id)
  assert.is(created.status, 'created')
  assert.is(created.pid, Number(readFileSync(pidFile, 'latin1')))
  assert.is(created['bundle'], bundle)
  place.must('start', id)
  assert.is(place.state(id).status, 'running')
  assert.is(readFileSync(`/proc/${created.pid}/comm`, 'latin1'), 'sleep\n')
  place.must('kill', id, 'KILL')
  await eventually('it has stopped', () => place.state(id).status === 'stopped')
  assert.is(place.state(id).pid, 0)
  place.must('delete', id)
  assert.is(place.call('state', id).status, 1)
})

test('cgroups by systemd are refused where that is not the init, and nothing is left of the container', ({ place }) => {
  if (existsSync('/run/systemd/system')) return
  const id = place.id()
  const { status, stderr } = place.call('--systemd-cgroup', 'create', '-b', place.bundle(SLEEP), id)
  assert.is(status, 1)
  assert.match(stderr, /use cgroup driver .*systemd.*: systemd is not the init of this machine/)
  assert.not(existsSync(join(place.root, id)))
})

test('commands that the state forbids fail in runc’s words', async ({ place }) => {
  const id = place.id()
  const bundle = place.bundle(SLEEP)
  const words = (...args: readonly string[]) => {
    const { status, stderr } = place.call(...args)
    assert.ok(status !== 0, args.join(' '))
    return /msg="((?:[^"\\]|\\.)*)"/.exec(stderr)?.[1]
  }
  assert.is(words('start', id), 'container does not exist')
  assert.is(words('create', '-b', bundle, '..'), 'invalid container ID format \\"..\\"')
  place.must('create', '-b', bundle, id)
  assert.is(words('create', '-b', bundle, id), `container with given ID already exists \\"${id}\\"`)
  place.must('start', id)
  assert.is(words('start', id), 'cannot start an already running container')
  assert.is(words('delete', id), `cannot delete container ${id} that is not stopped: running`)
  assert.is(words('kill', id, 'NONSENSE'), 'unknown signal \\"NONSENSE\\"')
  place.must('kill', id, '9')
  await eventually('it has stopped', () => place.state(id).status === 'stopped')
  assert.is(words('start', id), 'cannot start a container that has stopped')
  assert.is(words('kill', id), 'container not running')
  assert.is(words('exec', id, 'true'), 'cannot exec in a stopped container')
  place.must('kill', '--all', id)
  place.must('delete', id)
  place.must('delete', '--force', id)
})

test('a created container can be deleted', async ({ place }) => {
  const id = place.id()
  place.must('create', '-b', place.bundle(SLEEP), id)
  const { pid } = place.state(id)
  place.must('delete', id)
  await eventually('its process is gone', () => !existsSync(`/proc/${pid}`))
})

test('a failed create says which operation failed, and leaves nothing', ({ place }) => {
  const id = place.id()
  const config = makeConfig(['sh'], { mounts: [{ destination: '/x', type: 'bind', source: '/nonexistent-source' }] })
  const { status, stderr } = place.call('create', '-b', place.bundle(config), id)
  assert.is(status, 1)
  assert.match(stderr, /mount \\"\/nonexistent-source\\" on \\"\/x\\": open_tree .*: ENOENT/)
  assert.not(existsSync(join(place.root, id)))
})

test('a capability that nobody knows is left out with a warning', ({ place }) => {
  const config = makeConfig(['true'])
  const process = { ...config.process, cwd: '/', capabilities: { bounding: ['CAP_KILL', 'CAP_OF_TOMORROW'] } }
  const { status, stderr } = place.call('run', '-b', place.bundle({ ...config, process }), place.id())
  assert.is(status, 0, stderr)
  assert.match(stderr, /level=warning msg="process\.capabilities: .*CAP_OF_TOMORROW/)
})

test('what the environment would have Node do is left undone', ({ place }) => {
  const trap = join(place.directory, 'trap.cjs')
  writeFileSync(trap, `require('fs').writeFileSync(${JSON.stringify(join(place.directory, 'sprung'))}, '')`)
  const env = {
    ...process.env,
    NODE_OPTIONS: `--require ${trap}`,
    NODE_CHANNEL_FD: '0',
    NODE_V8_COVERAGE: place.directory,
  }
  assert.equal(place.callWith({ env }, 'list', '--quiet'), { status: 0, stdout: '', stderr: '' })
  assert.not(existsSync(join(place.directory, 'sprung')))
})

test('a program that is not there fails the create, not the start', ({ place }) => {
  const { status, stderr } = place.call('create', '-b', place.bundle(makeConfig(['nowhere'])), place.id())
  assert.is(status, 1)
  assert.match(stderr, /start \\"nowhere\\": require_program .*: ENOENT/)
})

test('a file that is no program fails the start, which says so', ({ place }) => {
  const id = place.id()
  const bundle = place.bundle(makeConfig(['/bad']))
  writeProgram(join(bundle, 'rootfs', 'bad'), '\x7fELF but no')
  place.must('create', '-b', bundle, id)
  const { status, stderr } = place.call('start', id)
  assert.is(status, 1)
  assert.match(stderr, /start \\"\/bad\\": execve .*: ENOEXEC/)
  place.must('delete', id)
})

function writeProgram(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o755 })
}

test('exec joins the container and forwards status; a missing program is 255', ({ place }) => {
  const id = place.id()
  place.must('run', '-d', '-b', place.bundle(SLEEP), id)
  assert.match(place.must('exec', id, 'ps'), /1 .*sleep 1000/)
  assert.is(place.call('exec', '-e', 'A=b', '--cwd', '/bin', id, 'sh', '-c', 'echo $A $PWD; exit 3').stdout, 'b /bin\n')
  assert.is(place.call('exec', id, 'sh', '-c', 'exit 3').status, 3)
  assert.is(place.must('exec', '-u', '7:8', '-g', '9', id, 'id'), 'uid=7 gid=8 groups=9\n')
  const missing = place.call('exec', id, 'nowhere')
  assert.is(missing.status, 255)
  assert.match(missing.stderr, /start \\"nowhere\\": .*ENOENT/)
  place.must('delete', '-f', id)
})

test('HOME is that of the user in the image, of an exec too', ({ place }) => {
  const id = place.id()
  const print = ['sh', '-c', 'echo $HOME']
  assert.is(place.must('run', '-b', place.bundle(makeConfig(print)), id), '/root\n')
  place.must('run', '-d', '-b', place.bundle(SLEEP), id)
  assert.is(place.must('exec', id, ...print), '/root\n')
  assert.is(place.must('exec', '-u', '7', id, ...print), '/\n')
  place.must('delete', '-f', id)
})

test('an update may name the rules of devices, as containerd does; they stay', ({ place }) => {
  const id = place.id()
  place.must('run', '-d', '-b', place.bundle(SLEEP), id)
  const change = JSON.stringify({ devices: [{ allow: false, access: 'rwm' }], pids: { limit: 33 } })
  assert.is(place.callWith({ input: change }, 'update', '-r', '-', id).status, 0)
  const { pids } = JSON.parse(place.must('events', '--stats', id)).data
  assert.is(pids.limit, 33)
  assert.is(place.must('exec', id, 'sh', '-c', 'echo x > /dev/null && echo written'), 'written\n')
  place.must('delete', '-f', id)
})

test('a log file gets the error as the record that shims read', ({ place }) => {
  const log = join(place.directory, 'log.json')
  const { status, stderr } = place.call('--log', log, '--log-format', 'json', 'start', 'nobody')
  assert.is(status, 1)
  assert.is(stderr, 'container does not exist\n')
  const record = JSON.parse(readFileSync(log, 'utf8').trim())
  assert.is(record.level, 'error')
  assert.is(record.msg, 'container does not exist')
  assert.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
})

test.run()
