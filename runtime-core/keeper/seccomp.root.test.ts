// SPDX-License-Identifier: Apache-2.0

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { arch } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadLibseccomp } from '../kernel/libseccomp.ts'
import { compileSeccomp } from '../plan/compile/seccomp.ts'
import type { Pod } from '../pod.ts'
import type { OciLinux, OciProcess, OciSeccomp } from '../spec/types.ts'
import { within } from './test/eventually.ts'
import { Room } from './test/room.ts'

/** Filters of containers, and those that ask a listener (config-linux.md §seccomp). Numbers below are x86-64's. */

const suiteOf = suite('seccomp in containers')
const test = arch() === 'x64' ? suiteOf : suiteOf.skip
const room = new Room()
const program = join(room.directory, 'listener')
const library = loadLibseccomp()
let pod: Pod

suiteOf.before(async () => {
  const source = fileURLToPath(new URL('test/listener.c', import.meta.url))
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-O1', '-o', program, source])
  const compile = (profile: OciSeccomp) => Promise.resolve(compileSeccomp(profile, { library }))
  pod = await room.pod({}, { compileSeccomp: compile })
})

suiteOf.after(() => room.leave(pod))

const EXECVE = '59'
const MKDIR = '83'
const SENDMSG = '46'
const SETGROUPS = '116'

interface Listener {
  readonly path: string
  readonly child: ChildProcess
  /** All that it printed, once it ended. */
  readonly lines: Promise<string[]>
}

async function listen(): Promise<Listener> {
  const path = join(room.directory, room.name('l'))
  const child = spawn(program, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const reader = createInterface({ input: child.stdout ?? process.stdin })
  const ready = new Promise((resolve) => reader.once('line', resolve))
  const found: string[] = []
  const lines = new Promise<string[]>((resolve) => {
    reader.on('line', (line) => void found.push(line))
    child.once('close', () => resolve(found))
  })
  assert.is(await within('the listener listens', ready), 'listening')
  return { path, child, lines: lines.then((all) => all.filter((line) => line !== 'listening')) }
}

function notify(names: readonly string[], listenerPath: string, more: Partial<OciSeccomp> = {}): Partial<OciLinux> {
  const syscalls = [{ names, action: 'SCMP_ACT_NOTIFY' as const }]
  const seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW' as const,
    listenerPath,
    listenerMetadata: 'who "asks"',
    syscalls,
    ...more,
  }
  return { namespaces: [{ type: 'mount' }, { type: 'pid' }], seccomp }
}

for (const noNewPrivileges of [true, false]) {
  test(`a listener is told of the process and answers for it, ${noNewPrivileges ? 'with' : 'without'} no_new_privs`, async () => {
    const listener = await listen()
    const { containerId, pid } = await room.start(pod, ['mkdir', '/tmp/made'], {
      process: { noNewPrivileges },
      linux: notify(['mkdir', 'execve', 'sendmsg', 'setgroups'], listener.path, {
        flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV', 'SECCOMP_FILTER_FLAG_LOG'],
      }),
      spec: { annotations: { 'a"b': 'c' } },
    })
    const { exit } = await room.ended(containerId)
    await pod.forget(containerId)
    assert.is(exit?.exitCode, 1)
    assert.match(room.log(containerId), /can't create directory '\/tmp\/made': Invalid cross-device/)
    const [message = '', closed, ...asked] = await within('the listener ended', listener.lines)
    const bundle = room.environment.paths.bundle(pod.id, containerId)
    assert.equal(JSON.parse(message), {
      ociVersion: '1.3.0',
      fds: ['seccompFd'],
      pid,
      metadata: 'who "asks"',
      state: { ociVersion: '1.3.0', id: containerId, status: 'creating', pid, bundle, annotations: { 'a"b': 'c' } },
    })
    assert.is(closed, 'closed')
    assert.ok(asked.includes(EXECVE), 'it is asked about the execve that starts the program')
    assert.ok(asked.includes(MKDIR))
    assert.not.ok(asked.includes(SENDMSG), 'the child hands over nothing by itself')
    assert.is(asked.includes(SETGROUPS), !noNewPrivileges)
  })
}

test('a listener can be asked about everything, and an exec has one of its own', async () => {
  const first = await listen()
  const linux = notify(['getpid'], first.path, { defaultAction: 'SCMP_ACT_NOTIFY' })
  const container = await room.start(pod, ['sleep', '1000'], { linux })
  const second = await listen()
  const spec = { ...container.spec, linux: { ...container.spec.linux, ...notify(['mkdir'], second.path) } }
  const process: OciProcess = { ...(spec.process ?? { cwd: '/' }), args: ['mkdir', '/tmp/made'] }
  const { exit, stderr } = await room.exec(pod, container, [], { spec, process })
  assert.is(exit.exitCode, 1, stderr)
  const [message = ''] = await within('the second listener ended', second.lines)
  assert.is(JSON.parse(message).state.status, 'running')
  await pod.signal(container.containerId, 9)
  await room.ended(container.containerId)
  await pod.forget(container.containerId)
  assert.ok((await within('the first listener ended', first.lines)).length > 4)
})

test('a listener that is not there fails the start, by its path', async () => {
  const path = join(room.directory, 'nobody')
  const error = await room.run(pod, 'true', { linux: notify(['mkdir'], path) }).catch(String)
  assert.match(String(error), new RegExp(`reach seccomp listener "${path}": seccomp_courier .*: ENOENT`))
  const without = await room.run(pod, 'true', { linux: notify(['mkdir'], '') }).catch(String)
  assert.match(String(without), /"listenerPath": is missing/)
})

test('a listener that goes away leaves calls that fail, not a container that hangs', async () => {
  const listener = await listen()
  const container = await room.start(pod, ['sh', '-c', 'sleep 1000 & wait; mkdir /tmp/x'], {
    linux: notify(['mkdir'], listener.path),
  })
  listener.child.kill('SIGKILL')
  await within('the listener ended', listener.lines)
  const { seccomp: _, ...linux } = container.spec.linux ?? {}
  await room.exec(pod, container, ['sh', '-c', 'kill 2'], { spec: { ...container.spec, linux } })
  const { exit } = await room.ended(container.containerId)
  await pod.forget(container.containerId)
  assert.is(exit?.exitCode, 1)
  assert.match(room.log(container.containerId), /can't create directory.*Function not implemented/)
})

test('other actions do what they say', async () => {
  const run = async (
    action: 'SCMP_ACT_ERRNO' | 'SCMP_ACT_KILL' | 'SCMP_ACT_TRAP' | 'SCMP_ACT_LOG',
    errnoRet?: number,
  ) => {
    const rule = { names: ['mkdir'], action, ...(errnoRet === undefined ? {} : { errnoRet }) }
    const seccomp = { defaultAction: 'SCMP_ACT_ALLOW' as const, syscalls: [rule] }
    const linux = { namespaces: [{ type: 'mount' }, { type: 'pid' }] as const, seccomp }
    const { containerId } = await room.start(pod, ['mkdir', '/tmp/made'], { linux })
    const { exit } = await room.ended(containerId)
    await pod.forget(containerId)
    return `${exit?.exitCode} ${room.log(containerId).trim()}`
  }
  assert.match(await run('SCMP_ACT_ERRNO', 18), /^1 .*Invalid cross-device/)
  assert.match(await run('SCMP_ACT_KILL'), /^159 /)
  assert.match(await run('SCMP_ACT_TRAP'), /^159 /)
  assert.match(await run('SCMP_ACT_LOG'), /^0 /)
})

suiteOf.run()
