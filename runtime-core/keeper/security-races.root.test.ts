// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../pod.ts'
import type { OciMount } from '../spec/types.ts'
import { Room } from './test/room.ts'

/** Attacks that need a second container beside, or the keeper's own program: docs/security.md names the CVEs. */

const ROUNDS = 40
const room = new Room()
const victim = join(room.directory, 'victim')
const volume = join(room.directory, 'volume')
let pod: Pod

test.before(async () => {
  for (const directory of [victim, volume]) mkdirSync(directory)
  writeFileSync(join(victim, 'file'), 'the host’s')
  pod = await room.pod()
})

test.after(() => room.leave(pod))

test.after.each(() => {
  assert.equal(readdirSync(victim), ['file'], 'something was made on the host')
  assert.is(readFileSync(join(victim, 'file'), 'utf8'), 'the host’s')
  assert.not.ok(readFileSync('/proc/self/mountinfo', 'utf8').includes(room.directory), 'a mount is on the host')
})

const SHARED: OciMount = { destination: '/volume', type: 'bind', source: volume, options: ['rbind', 'rw'] }
const UP = '../../../../../../../../../..'

/** Starts containers while a neighbour exchanges a directory of their common volume for links to the host, all the time. */
async function besideSwaps(attempt: () => Promise<unknown>): Promise<string[]> {
  const swap = [
    'while :; do',
    ...[victim, `${UP}${victim}`, '/proc/self', '/proc/1/root'].flatMap((target) => [
      `ln -s ${target} /volume/link && mv -T /volume/link /volume/t 2>/dev/null;`,
      'rm -f /volume/t /volume/link; mkdir -p /volume/t;',
      'rmdir /volume/t/* /volume/t 2>/dev/null;',
    ]),
    'done',
  ].join(' ')
  const attacker = await room.start(pod, ['sh', '-c', swap], { mounts: [SHARED] })
  const outcomes: string[] = []
  try {
    for (let round = 0; round < ROUNDS; round++) {
      outcomes.push(await attempt().then(() => 'ran', String))
    }
  } finally {
    await pod.signal(attacker.containerId, 9)
    await room.ended(attacker.containerId)
    await pod.forget(attacker.containerId)
    rmSync(volume, { recursive: true })
    mkdirSync(volume)
  }
  return outcomes
}

/** Refused or done, but nothing else: an attempt that ends in another way would say nothing. */
function onlyRefused(outcomes: readonly string[]): void {
  const odd = outcomes.filter((one) => one !== 'ran' && !/: (ELOOP|ENOENT|ENOTDIR|EEXIST|EPERM|EXDEV|EAGAIN)/.test(one))
  assert.equal(odd, [])
  assert.is(outcomes.length, ROUNDS)
}

test('mounts below a directory that a neighbour exchanges for links stay inside (CVE-2021-30465, CVE-2024-45310)', async () => {
  const mounts: OciMount[] = [
    SHARED,
    { destination: '/volume/t/made/deep', type: 'tmpfs', source: 'tmpfs' },
    { destination: '/volume/t/hosts', type: 'bind', source: '/etc/hosts', options: ['bind', 'ro'] },
  ]
  onlyRefused(await besideSwaps(() => room.run(pod, 'true', { mounts })))
})

test('masked and read-only paths, devices and working directories below it stay inside, too (CVE-2025-31133, CVE-2019-19921)', async () => {
  const linux = {
    maskedPaths: ['/volume/t/file', '/volume/t'],
    readonlyPaths: ['/volume/t/file'],
    devices: [{ type: 'c', path: '/volume/t/null', major: 1, minor: 3 } as const],
  }
  onlyRefused(
    await besideSwaps(() => room.run(pod, 'true', { mounts: [SHARED], linux, process: { cwd: '/volume/t/work' } })),
  )
})

/** A copy of the image with a /dev of its own, which no tmpfs covers, where `name` is a link to `target`. */
function imageWithDevice(name: string, target: string): string {
  const image = join(room.directory, room.name('image'))
  cpSync(room.image, image, { recursive: true, verbatimSymlinks: true })
  mkdirSync(join(image, 'dev/pts'), { recursive: true })
  symlinkSync(target, join(image, 'dev', name))
  return image
}

/** All mounts of a container but the one of /dev. */
const OWN_DEV: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
]

test('a /dev/null that is a link masks nothing with what it leads to (CVE-2025-31133)', async () => {
  const image = imageWithDevice('null', '/proc/sysrq-trigger')
  const change = { image, linux: { maskedPaths: ['/etc/passwd'] }, spec: { mounts: OWN_DEV } }
  const said = await room.run(pod, 'true', change).then(() => 'it ran', String)
  assert.match(said, /"\/dev\/null": mknod_in .*: EEXIST/)
})

test('a /dev/console that is a link into /proc gets no terminal laid over it (CVE-2025-52565)', async () => {
  for (const target of ['/proc/sys/kernel/core_pattern', '/proc/self/attr/exec', `${UP}/proc/sysrq-trigger`]) {
    const image = imageWithDevice('console', target)
    const change = { image, process: { terminal: true }, spec: { mounts: OWN_DEV } }
    const said = await room.run(pod, 'true', change).then(() => 'it ran', String)
    assert.match(said, /open terminal: (refuse_procfs|make_target) .*: (EPERM|ELOOP|ENOENT)/, target)
  }
})

const SEALS = 'import fcntl,sys; print(fcntl.fcntl(open(sys.argv[1], "rb"), 1034))'

test('the keeper’s program can be written to by nobody, while it runs or after (CVE-2019-5736)', () => {
  const program = `/proc/${pod.keeperPid}/exe`
  assert.match(readlinkSync(program), /^\/memfd:gantry-keeper/)
  assert.throws(() => writeFileSync(program, 'evil', { flag: 'r+' }), /ETXTBSY/)
  // F_SEAL_SEAL, SHRINK, GROW and WRITE: what ETXTBSY keeps while it runs, they keep for ever.
  assert.is(Number(execFileSync('python3', ['-c', SEALS, program], { encoding: 'utf8' })) & 0b1111, 0b1111)
})

test('a program whose interpreter is /proc/self/exe runs what is sealed, and disturbs no pod (CVE-2019-5736)', async () => {
  const image = join(room.directory, room.name('image'))
  cpSync(room.image, image, { recursive: true, verbatimSymlinks: true })
  writeFileSync(join(image, 'evil'), '#!/proc/self/exe zygote\n', { mode: 0o755 })
  // The kernel takes the keeper for the interpreter: a static program without privileges of its own, that finds no socket.
  // One that is built with sanitizers is not static, and its loader is not in the image.
  const started = await room.start(pod, ['/evil'], { image }).catch((error: unknown) => String(error))
  if (typeof started === 'string') {
    assert.match(started, /ENOENT/)
    assert.ok(process.env['GANTRY_KEEPER'], 'it was not even started')
  } else {
    await room.ended(started.containerId)
    await pod.forget(started.containerId)
  }
  assert.match((await room.run(pod, 'echo well')).log, /well/)
  assert.ok(existsSync(`/proc/${pod.keeperPid}`))
})

test('the keeper’s socket is a file that root alone may connect to (CVE-2020-15257)', () => {
  const socket = join(room.environment.paths.pod(pod.id), 'keeper.sock')
  assert.ok(statSync(socket).isSocket())
  const connect = `import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])`
  const asUser = (uid: number) => spawnSync('python3', ['-c', connect, socket], { uid, gid: uid, encoding: 'utf8' })
  assert.match(asUser(65534).stderr, /PermissionError/)
  assert.is(asUser(0).status, 0)
  assert.not.match(readFileSync('/proc/net/unix', 'utf8'), /@.*keeper/)
})

test('an exec has no descriptor but its three, and its working directory is below its root (CVE-2024-21626, CVE-2016-9962)', async () => {
  const container = await room.start(pod, ['sleep', '1000'])
  const said = await room.exec(pod, container, ['sh', '-c', 'ls /proc/self/fd; readlink /proc/self/cwd'])
  await pod.signal(container.containerId, 9)
  await room.ended(container.containerId)
  await pod.forget(container.containerId)
  // 3 is ls's own, for the directory.
  assert.equal(said.stdout.trim().split('\n'), ['0', '1', '2', '3', '/'])
})

test.run()
