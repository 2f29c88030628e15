// SPDX-License-Identifier: Apache-2.0

import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAlive } from './keeper/test/eventually.ts'
import { Room } from './keeper/test/room.ts'
import type { Pod } from './pod.ts'

const room = new Room()
let pod: Pod

test.before(async () => {
  pod = await room.pod()
})

test.after(() => room.leave(pod))

test('what a container says is in its log, each stream under its name', async () => {
  const { exit, log } = await room.run(pod, 'echo one; echo two; echo oops >&2')
  assert.is(exit.exitCode, 0)
  assert.is(log.replace('stderr F oops\n', ''), 'stdout F one\nstdout F two\n')
  assert.ok(log.includes('stderr F oops\n'))
})

test('lines of both streams are in the order they were written in, where the program leaves time between them', async () => {
  const { log } = await room.run(pod, 'for i in 1 2 3; do echo o$i; sleep 0.05; echo e$i >&2; sleep 0.05; done')
  assert.is(log, [1, 2, 3].map((i) => `stdout F o${i}\nstderr F e${i}\n`).join(''))
})

test('a last line without a newline is in the log as a partial one', async () => {
  const { log } = await room.run(pod, 'printf "whole\\npart"')
  assert.is(log, 'stdout F whole\nstdout P part\n')
})

test('a long line is logged in pieces of the configured length', async () => {
  const { log } = await room.run(pod, 'head -c 25 /dev/zero | tr "\\0" x; echo', { request: { maxLogLineBytes: 10 } })
  assert.is(log, `stdout P ${'x'.repeat(10)}\nstdout P ${'x'.repeat(10)}\nstdout F xxxxx\n`)
})

test('a container that floods its log loses no line', async () => {
  const { log } = await room.run(pod, 'seq 1 200000')
  const lines = log.split('\n')
  assert.is(lines.length, 200_001)
  assert.ok(lines.every((line, index) => index === 200_000 || line === `stdout F ${index + 1}`))
})

test('no line is lost when the log is rotated under load', async () => {
  const { containerId } = await room.start(pod, ['sh', '-c', 'seq 1 300000'])
  const path = room.logPath(containerId)
  const parts: string[] = []
  while (!room.hasEnded(containerId)) {
    const part = `${path}.${parts.length}`
    renameSync(path, part)
    parts.push(part)
    await pod.reopenLog(containerId).catch(() => {
      // It ended meanwhile: then there is no new file.
      writeFileSync(path, '', { flag: 'a' })
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await room.ended(containerId)
  const numbers = [...parts, path].flatMap((file) => readFileSync(file, 'latin1').match(/(?<=F )\d+$/gm) ?? [])
  assert.is(numbers.length, 300_000)
  assert.ok(numbers.every((number, index) => Number(number) === index + 1))
  assert.ok(parts.length > 1, 'it was rotated more than once')
  await pod.forget(containerId)
})

test('the exit code is the program’s', async () => {
  for (const code of [0, 1, 42, 255]) assert.is((await room.run(pod, `exit ${code}`)).exit.exitCode, code)
})

test('a signal that ends a container is told as 128 and its number', async () => {
  const { containerId } = await room.start(pod, ['sleep', '1000'])
  await pod.signal(containerId, 9)
  const { exit } = await room.ended(containerId)
  assert.equal(
    { code: exit?.exitCode, signal: exit?.signal, oom: exit?.oomKilled },
    { code: 137, signal: 9, oom: false },
  )
  await pod.forget(containerId)
})

test('a program that handles SIGTERM ends as it likes', async () => {
  const script = 'trap "echo bye; exit 7" TERM; echo ready; while :; do sleep 0.02; done'
  const { containerId } = await room.start(pod, ['sh', '-c', script])
  await until(() => room.log(containerId).includes('ready'))
  await pod.signal(containerId, 15)
  assert.is((await room.ended(containerId)).exit?.exitCode, 7)
  assert.is(room.log(containerId), 'stdout F ready\nstdout F bye\n')
  await pod.forget(containerId)
})

test('the end of a container is recorded on disk until it is forgotten', async () => {
  const { containerId } = await room.start(pod, ['sh', '-c', 'exit 3'])
  await room.ended(containerId)
  const path = room.environment.paths.exitRecord(pod.id, containerId)
  assert.match(readFileSync(path, 'utf8'), /^768 0 \d{19} \d{19}\n$/)
  await pod.forget(containerId)
  assert.throws(() => readFileSync(path), /ENOENT/)
})

test('a background process that keeps stdout open holds up the end only for the time to drain', async () => {
  const started = Date.now()
  const { log } = await room.run(pod, 'sleep 100 & echo done')
  assert.is(log, 'stdout F done\n')
  assert.ok(Date.now() - started < 4000)
})

test('a container has descriptors 0 to 2 and no other', async () => {
  const { log } = await room.run(pod, 'ls /proc/self/fd')
  // 3 is the directory that ls reads.
  assert.is(log, 'stdout F 0\nstdout F 1\nstdout F 2\nstdout F 3\n')
})

test('a container starts with nothing blocked, nothing ignored, and can be dumped', async () => {
  const { log } = await room.run(
    pod,
    'grep -E "^(SigBlk|SigIgn|NoNewPrivs)" /proc/self/status; stat -c "%u %g" /proc/self',
  )
  assert.is(
    log,
    'stdout F SigBlk:\t0000000000000000\nstdout F SigIgn:\t0000000000000000\nstdout F NoNewPrivs:\t1\nstdout F 0 0\n',
  )
})

test('a container’s process belongs to its user: it can be looked into by itself', async () => {
  const { log } = await room.run(pod, 'stat -c "%u %g" /proc/self/status', {
    process: { user: { uid: 1000, gid: 1001 } },
  })
  assert.is(log, 'stdout F 1000 1001\n')
})

test('a pod with a user namespace maps its root to nobody of the host', async () => {
  const ids = [{ containerID: 0, hostID: 200_000, size: 65_536 }]
  const mapped = await room.pod({ user: { uids: ids, gids: ids } })
  const { network, ipc, uts, user } = mapped.namespacePaths
  assert.ok(user !== undefined && network !== undefined && ipc !== undefined && uts !== undefined)
  const { log } = await room.run(
    mapped,
    'tr -s " " < /proc/self/uid_map; id -u; touch /mine /tmp/mine; rm /etc/passwd; stat -c %u / /mine /bin/sh /work',
    {
      process: { cwd: '/work' },
      linux: {
        uidMappings: ids,
        gidMappings: ids,
        namespaces: [
          { type: 'pid' },
          { type: 'mount' },
          { type: 'user', path: user },
          { type: 'network', path: network },
          { type: 'ipc', path: ipc },
          { type: 'uts', path: uts },
        ],
      },
    },
  )
  await mapped.shutdown()
  assert.is(log, `stdout F  0 200000 65536\n${'stdout F 0\n'.repeat(5)}`)
})

test('files a container makes can be read by others: its umask is 022', async () => {
  const { log } = await room.run(pod, 'umask; touch /tmp/file; mkdir /tmp/dir; stat -c "%a" /tmp/file /tmp/dir')
  assert.is(log, 'stdout F 0022\nstdout F 644\nstdout F 755\n')
})

test('a user who is not root can enter a mount point that the image did not have', async () => {
  const source = join(room.directory, 'volume')
  writeFileSync(source, 'content')
  const { exit, log } = await room.run(pod, 'cat /made/for/mount; stat -c "%a %u" /made /made/for; pwd', {
    mounts: [{ destination: '/made/for/mount', type: 'bind', source, options: ['bind'] }],
    process: { user: { uid: 1000, gid: 1000 }, cwd: '/work/dir' },
  })
  assert.is(log.replaceAll('stdout F ', ''), 'content755 0\n755 0\n/work/dir\n')
  assert.is(exit.exitCode, 0)
})

test('a container cannot signal the keeper or its neighbours through its process group', async () => {
  const neighbour = await room.start(pod, ['sleep', '1000'])
  await room.run(pod, 'kill -9 0; exit 0')
  assert.ok(isAlive(pod.keeperPid), 'the keeper lives')
  assert.ok(isAlive(neighbour.pid), 'the neighbour lives')
  await pod.signal(neighbour.containerId, 9)
  await room.ended(neighbour.containerId)
  await pod.forget(neighbour.containerId)
})

test('containers of one pod share its host name, network and shared memory', async () => {
  await room.run(pod, 'echo shared > /dev/shm/file')
  const { log } = await room.run(pod, 'hostname; cat /dev/shm/file; ls /sys/class/net')
  assert.is(log, 'stdout F pod\nstdout F shared\nstdout F lo\n')
})

test('a pod that shares its PID namespace shows all its processes, and a container takes what it left behind with it', async () => {
  const shared = await room.pod({ sharedPid: true })
  const first = await room.start(shared, ['sh', '-c', 'sleep 1001 & sleep 1002'])
  await until(() => readdirSync('/proc').length > 0)
  const { log } = await room.run(shared, 'ps | grep -v grep | grep -c "sleep 100[12]"; ps | grep -c gantry-init')
  assert.match(log, /^stdout F 2\nstdout F 2?\d?\n/)
  await shared.signal(first.containerId, 9)
  await room.ended(first.containerId)
  await shared.shutdown()
  assert.not.ok(isAlive(first.pid))
})

async function until(check: () => boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!check()) {
    if (Date.now() > end) throw new Error('did not happen')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test.run()
