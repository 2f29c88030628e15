// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ServiceNotifier } from './sd-notify.ts'

const directory = await mkdtemp(join(tmpdir(), 'gantry-notify-'))
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0), 1))
print('bound', flush=True)
while True: print(repr(s.recv(4096).decode()), flush=True)
`
test.after(() => rm(directory, { recursive: true }))

/** A receiver of datagrams, which Node has none of. */
class Receiver implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child
    this.#lines = lines[Symbol.asyncIterator]()
  }

  static async start(path: string): Promise<Receiver> {
    const child = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const receiver = new Receiver(child, createInterface(child.stdout))
    assert.is(await receiver.next(), 'bound')
    return receiver
  }

  async next(): Promise<string> {
    return String((await this.#lines.next()).value)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

function unexpected(error: unknown): never {
  throw error
}

for (const [kind, path] of [
  ['a path', join(directory, 'notify')],
  ['an abstract socket', `@gantry-notify-${process.pid}`],
] as const) {
  test(`readiness, signs of life and the end are told to ${kind}`, async () => {
    await using receiver = await Receiver.start(path)
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '30000', WATCHDOG_PID: String(process.pid), PATH: '/bin' }
    using notifier = ServiceNotifier.take(env, process.pid, unexpected)
    assert.equal(env, { PATH: '/bin' }, 'what is started later does not inherit them')
    notifier.ready('2 pods')
    assert.is(await receiver.next(), "'READY=1\\nSTATUS=2 pods'")
    // Nothing but the event loop's own timers keeps the process here.
    const held = setInterval(() => undefined, 1000)
    assert.is(await receiver.next(), "'WATCHDOG=1'")
    assert.is(await receiver.next(), "'WATCHDOG=1'")
    clearInterval(held)
    notifier[Symbol.dispose]()
    notifier.stopping()
    let last = ''
    do last = await receiver.next()
    while (last === "'WATCHDOG=1'")
    assert.is(last, "'STOPPING=1'")
  })
}

test('a watchdog of another process is none of ours', async () => {
  const path = join(directory, 'other')
  await using receiver = await Receiver.start(path)
  const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '1', WATCHDOG_PID: '1' }
  using notifier = ServiceNotifier.take(env, process.pid, unexpected)
  notifier.ready('')
  notifier.stopping()
  assert.is(await receiver.next(), "'READY=1\\nSTATUS='")
  assert.is(await receiver.next(), "'STOPPING=1'")
})

test('without systemd nothing is said', () => {
  using notifier = ServiceNotifier.take({}, process.pid, unexpected)
  notifier.ready('')
  notifier.stopping()
})

test('a systemd that does not listen is told of, and stops nothing', () => {
  const failures: unknown[] = []
  const path = join(directory, 'nobody')
  using notifier = ServiceNotifier.take({ NOTIFY_SOCKET: path }, process.pid, (error) => failures.push(error))
  notifier.ready('')
  assert.match(String(failures[0]), `notify systemd at "${path}": send datagram to "${path}": ENOENT`)
})

test('what makes no sense is refused by name', () => {
  const take = (env: NodeJS.ProcessEnv) => ServiceNotifier.take(env, process.pid, unexpected)
  assert.throws(() => take({ NOTIFY_SOCKET: 'vsock:2:1' }), 'read NOTIFY_SOCKET "vsock:2:1"')
  assert.throws(() => take({ WATCHDOG_USEC: 'often' }), 'read WATCHDOG_USEC "often"')
})

test.run()
