// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../keeper/test/eventually.ts'
import { GANTRY_OCI, makeConfig, Workplace } from './testing.ts'

const test = suite<{ place: Workplace }>('options')
test.before.each((context) => {
  context.place = new Workplace()
})
test.after.each(({ place }) => place.leave())

const SLEEP = makeConfig(['sleep', '1000'])
const DEADLINE_MS = 30_000

function running(place: Workplace, config = SLEEP): string {
  const id = place.id()
  place.must('run', '-d', '-b', place.bundle(config), id)
  return id
}

test('--keep leaves the container as stopped after its end', ({ place }) => {
  const id = place.id()
  assert.is(place.call('run', '--keep', '-b', place.bundle(makeConfig(['sh', '-c', 'exit 3'])), id).status, 3)
  assert.is(place.state(id).status, 'stopped')
  place.must('delete', id)
})

test('--preserve-fds hands on that many descriptors, and no others', ({ place }) => {
  const file = join(place.directory, 'handed')
  writeFileSync(file, 'handed on\n')
  const [three, four] = [openSync(file, 'r'), openSync(file, 'r')]
  const bundle = place.bundle(makeConfig(['sh', '-c', 'cat <&3; test -e /proc/self/fd/4 || echo no more']))
  const run = (count: string) =>
    spawnSync(GANTRY_OCI, ['--root', place.root, 'run', '--preserve-fds', count, '-b', bundle, place.id()], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', three, four],
      timeout: DEADLINE_MS,
    })
  assert.is(run('1').stdout, 'handed on\nno more\n')
  closeSync(three)
  closeSync(four)
  const missing = place.call('run', '--preserve-fds', '900', '-b', bundle, place.id())
  assert.is(missing.status, 1)
  assert.match(missing.stderr, /unable to stat preserved-fd/)
})

test('descriptors of socket activation are handed on, and the program is told', ({ place }) => {
  const bundle = place.bundle(makeConfig(['sh', '-c', 'echo $LISTEN_FDS $LISTEN_PID; cat <&3']))
  const script = `exec 3<<END\nactivated\nEND\nLISTEN_PID=$$ LISTEN_FDS=1 exec ${GANTRY_OCI} "$@"`
  const argv = ['-c', script, 'sh', '--root', place.root, 'run', '-b', bundle, place.id()]
  assert.is(spawnSync('sh', argv, { encoding: 'utf8', timeout: DEADLINE_MS }).stdout, '1 1\nactivated\n')
})

test('a terminal wants somebody at its other end', ({ place }) => {
  const config = { ...SLEEP, process: { ...SLEEP.process, cwd: '/', terminal: true } }
  const bundle = place.bundle(config)
  const without = place.call('create', '-b', bundle, place.id())
  assert.match(without.stderr, /cannot allocate tty if runc will detach without setting console socket/)
  const needless = place.call('create', '--console-socket', '/x', '-b', place.bundle(SLEEP), place.id())
  assert.match(needless.stderr, /cannot use console socket if runc will not detach or allocate tty/)
})

test('exec takes a whole process from a file', ({ place }) => {
  const id = running(place)
  const path = join(place.directory, 'process.json')
  const script = 'echo $(id -u) $PWD $A; exit 5'
  const process = { cwd: '/tmp', args: ['sh', '-c', script], env: ['PATH=/bin', 'A=b'], user: { uid: 7, gid: 8 } }
  writeFileSync(path, JSON.stringify(process))
  const { status, stdout } = place.call('exec', '-p', path, id)
  assert.equal([status, stdout], [5, '7 /tmp b\n'])
  writeFileSync(path, JSON.stringify({ ...process, cwd: 'relative' }))
  assert.match(place.call('exec', '-p', path, id).stderr, /cwd/)
  place.must('delete', '-f', id)
})

test('exec --cap and --no-new-privs change what the program may', ({ place }) => {
  const id = running(place)
  const status = (...options: readonly string[]) => place.must('exec', ...options, id, 'cat', '/proc/self/status')
  const effective = (text: string) => BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(text)?.[1]}`)
  const CAP_NET_RAW = 1n << 13n
  assert.is(effective(status()) & CAP_NET_RAW, 0n)
  assert.is(effective(status('--cap', 'CAP_NET_RAW')) & CAP_NET_RAW, CAP_NET_RAW)
  assert.match(status('--no-new-privs'), /^NoNewPrivs:\s*1$/m)
  place.must('delete', '-f', id)
})

test('exec --detach returns at once, with the pid in its file', async ({ place }) => {
  const id = running(place)
  const pidFile = join(place.directory, 'exec-pid')
  place.must('exec', '-d', '--pid-file', pidFile, id, 'sleep', '2000')
  const pid = readFileSync(pidFile, 'latin1')
  assert.is(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), 'sleep\x002000\x00')
  place.must('delete', '-f', id)
  await eventually('it ended with its container', () => !existsSync(`/proc/${pid}/cwd`))
})

test('exec in a paused container is refused until it is resumed', ({ place }) => {
  const id = running(place)
  place.must('pause', id)
  assert.is(place.state(id).status, 'paused')
  const refused = place.call('exec', id, 'true')
  assert.is(refused.status, 255)
  assert.match(refused.stderr, /cannot exec in a paused container/)
  place.must('resume', id)
  assert.is(place.state(id).status, 'running')
  place.must('exec', id, 'true')
  place.must('delete', '-f', id)
})

test('spec writes a bundle that runs, and never over one that is there', ({ place }) => {
  const bundle = join(place.directory, 'fresh')
  mkdirSync(bundle)
  place.must('spec', '-b', bundle)
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
  assert.equal(config.process.args, ['sh'])
  assert.match(place.call('spec', '-b', bundle).stderr, /File .*config\.json exists. Remove it first/)
})

test('--debug logs more, and only then', ({ place }) => {
  const log = join(place.directory, 'debug.log')
  place.call('--log', log, 'start', 'nobody')
  assert.not.match(readFileSync(log, 'utf8'), /level=debug/)
  place.call('--debug', '--log', log, 'start', 'nobody')
  assert.match(readFileSync(log, 'utf8'), /level=debug/)
})

test('what nobody knows is a usage error', ({ place }) => {
  for (const args of [
    ['start'],
    ['start', 'a', 'b'],
    ['start', '--nothing', 'a'],
    ['nothing'],
    ['--nothing', 'list'],
  ]) {
    assert.is.not(place.call(...args).status, 0, args.join(' '))
  }
})

test.run()
