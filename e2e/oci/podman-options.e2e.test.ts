// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Podman } from './podman.ts'

const podman = await Podman.start()
const { image, directory } = podman
test.after(() => podman[Symbol.asyncDispose]())

/** What a shell in a container with these options prints. */
async function printed(options: readonly string[], script: string): Promise<string> {
  const { status, stdout, stderr } = await podman.run(...options, image, 'sh', '-c', script)
  assert.is(status, 0, `${options.join(' ')}: ${stderr}`)
  return stdout
}

test('--init puts an init in front that reaps', async () => {
  assert.match(
    await printed(['--init'], 'cat /proc/1/comm; (true &); sleep 0.1; grep -c "State.*Z" /proc/[0-9]*/status || true'),
    /init\n/,
  )
})

test('--read-only has a root that cannot be written, and temporary places that can', async () => {
  assert.is(
    await printed(['--read-only'], 'touch /x 2>/dev/null || echo refused; touch /tmp/x && echo written'),
    'refused\nwritten\n',
  )
})

test('volumes are the host’s directories, read-only where asked', async () => {
  const volume = join(directory, 'volume')
  await mkdir(volume)
  await writeFile(join(volume, 'in'), 'from the host')
  assert.is(await printed(['-v', `${volume}:/v`], 'cat /v/in; echo back > /v/out'), 'from the host')
  assert.is(await readFile(join(volume, 'out'), 'utf8'), 'back\n')
  assert.is(await printed(['-v', `${volume}:/v:ro`], 'touch /v/x 2>/dev/null || echo refused'), 'refused\n')
})

test('named volumes outlive containers', async () => {
  await printed(['-v', 'kept:/v'], 'echo kept > /v/file')
  assert.is(await printed(['-v', 'kept:/v'], 'cat /v/file'), 'kept\n')
  await podman.must('volume', 'rm', 'kept')
})

test('--tmpfs and --shm-size mount memory of that size', async () => {
  const mounts = await printed(['--tmpfs', '/t:size=1m', '--shm-size', '2m'], 'cat /proc/mounts')
  assert.match(mounts, /tmpfs \/t tmpfs \S*size=1024k/)
  assert.match(mounts, / \/dev\/shm tmpfs \S*size=2048k/)
})

test('--user, --group-add, --workdir, --env and --hostname are the program’s', async () => {
  const options = ['--user', '7:8', '--group-add', '9', '--workdir', '/tmp', '--env', 'A=b', '--hostname', 'guest']
  assert.is(await printed(options, 'echo $(id -u) $(id -g) $(id -G) $PWD $A $(hostname)'), '7 8 8 9 /tmp b guest\n')
})

const CAP_CHOWN = 1n
const effective = async (...options: string[]) =>
  BigInt(`0x${(await printed(options, "sed -n 's/^CapEff:\\s*//p' /proc/self/status")).trim()}`)

test('--cap-drop and --cap-add change the capabilities', async () => {
  assert.is((await effective()) & CAP_CHOWN, CAP_CHOWN)
  assert.is((await effective('--cap-drop', 'CHOWN')) & CAP_CHOWN, 0n)
  assert.is(await effective('--cap-drop', 'all', '--cap-add', 'CHOWN'), CAP_CHOWN)
})

test('--security-opt no-new-privileges holds', async () => {
  assert.match(await printed(['--security-opt', 'no-new-privileges'], 'grep NoNewPrivs /proc/self/status'), /\t1\n/)
})

test('a seccomp profile refuses what it names, unconfined refuses nothing', async () => {
  const profile = join(directory, 'seccomp.json')
  const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]
  await writeFile(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }))
  assert.match(
    await printed(['--security-opt', `seccomp=${profile}`], 'mkdir /x 2>&1 || true'),
    /Function not implemented/,
  )
  assert.match(await printed(['--security-opt', 'seccomp=unconfined'], 'grep Seccomp: /proc/self/status'), /\t0\n/)
  assert.match(await printed([], 'grep Seccomp: /proc/self/status'), /\t2\n/)
})

test('--pids-limit ends a flood of processes', async () => {
  const { status, stderr } = await podman.run(
    '--pids-limit',
    '4',
    image,
    'sh',
    '-c',
    'for n in 1 2 3 4 5 6; do sleep 5 & done',
  )
  assert.is.not(status, 0)
  assert.match(stderr, /can't fork|Resource temporarily unavailable/)
})

test('--memory kills who takes more, and it is known why', async () => {
  const name = podman.name()
  const hog = ['sh', '-c', 'x=$(head -c 100m /dev/zero | tr "\\0" x); echo survived']
  const { status, stdout } = await podman.call(
    'run',
    '--network',
    'none',
    '--name',
    name,
    '--memory',
    '16m',
    '--memory-swap',
    '16m',
    image,
    ...hog,
  )
  assert.is.not(stdout, 'survived\n')
  assert.is.not(status, 0)
  assert.is(await podman.inspect(name, '{{.HostConfig.Memory}}'), '16777216')
  await podman.remove(name)
})

test('update changes limits of a running container', async () => {
  const name = await podman.background(['--memory', '64m'])
  await podman.must('update', '--memory', '32m', '--cpu-shares', '512', name)
  const path = await podman.inspect(name, '{{.State.CgroupPath}}')
  const limit = await firstOf(`/sys/fs/cgroup/memory${path}/memory.limit_in_bytes`, `/sys/fs/cgroup${path}/memory.max`)
  assert.is(limit, '33554432\n')
  const shares = await firstOf(`/sys/fs/cgroup/cpu${path}/cpu.shares`, `/sys/fs/cgroup${path}/cpu.weight`)
  assert.match(shares, /^(512|59|20)\n/)
  await podman.remove(name)
})

async function firstOf(...paths: readonly string[]): Promise<string> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => undefined)))
  const [found] = texts.filter((text) => text !== undefined)
  if (found === undefined) throw new Error(`none is there: ${paths.join(', ')}`)
  return found
}

test('--ulimit and --sysctl are set', async () => {
  const limits = ['--ulimit', 'nofile=100:200', '--ulimit', 'nproc=1024:1024']
  const options = [...limits, '--sysctl', 'net.ipv4.ip_default_ttl=33']
  assert.is(await printed(options, 'ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_default_ttl'), '100\n200\n33\n')
})

test('--device gives a device and no other', async () => {
  assert.is(
    await printed(
      ['--device', '/dev/null:/dev/mine:r'],
      'ls -l /dev/mine | cut -c1,38-50 | tr -s " "; cat /dev/mine && echo read',
    ),
    await deviceLine(),
  )
  const denied =
    'mknod /dev/vda b 254 0 2>/dev/null && dd if=/dev/vda of=/dev/null count=1 2>&1 | grep -o "not permitted" || echo not permitted'
  assert.is(await printed(['--cap-add', 'MKNOD'], denied), 'not permitted\n')
})

async function deviceLine(): Promise<string> {
  return printed([], 'ls -l /dev/null | sed s/null/mine/ | cut -c1,38-50 | tr -s " "; echo read')
}

test('--privileged has all capabilities of the caller, all devices, and writable /sys', async () => {
  const own = /CapEff:\s*(\w+)/.exec(await readFile('/proc/self/status', 'latin1'))?.[1] ?? ''
  assert.is(await effective('--privileged'), BigInt(`0x${own}`))
  assert.match(
    await printed(['--privileged'], 'grep " /sys sysfs" /proc/mounts; test -c /dev/kmsg && echo kmsg'),
    /\/sys sysfs rw[\s\S]*kmsg\n/,
  )
})

test('--uidmap puts a container into a user namespace of its own', async () => {
  const maps = ['--uidmap', '0:200000:1000', '--gidmap', '0:300000:1000']
  assert.is(
    await printed(maps, 'echo $(id -u) $(cat /proc/self/uid_map) $(cat /proc/self/gid_map)'),
    '0 0 200000 1000 0 300000 1000\n',
  )
  const volume = join(directory, 'mapped')
  await mkdir(volume)
  await chmod(volume, 0o777)
  await printed([...maps, '-v', `${volume}:/v`], 'touch /v/x')
  const { uid, gid } = await stat(join(volume, 'x'))
  assert.equal([uid, gid], [200000, 300000])
})

test('--network none has loopback only, --network host all of the host’s', async () => {
  const interfaces = "sed -n 's/^ *\\([^:]*\\):.*/\\1/p' /proc/net/dev | sort | tr '\\n' ' '"
  assert.is(await printed([], interfaces), 'lo ')
  const hosts = (await readFile('/proc/net/dev', 'utf8'))
    .split('\n')
    .flatMap((line) => /^ *([^:]+):/.exec(line)?.[1] ?? [])
  const { stdout } = await podman.call('run', '--rm', '--network', 'host', image, 'sh', '-c', interfaces)
  assert.is(stdout, `${hosts.sort().join(' ')} `)
})

test('namespaces of another container, and of the host, can be joined', async () => {
  const name = await podman.background(['--hostname', 'other', '--uts', 'private'])
  const joined = ['--pid', `container:${name}`, '--ipc', `container:${name}`, '--uts', `container:${name}`]
  const { stdout } = await podman.call(
    'run',
    '--rm',
    '--network',
    `container:${name}`,
    ...joined,
    image,
    'sh',
    '-c',
    'hostname; cat /proc/1/comm',
  )
  assert.is(stdout, 'other\nsleep\n')
  assert.is(await printed(['--pid', 'host'], 'cat /proc/1/comm'), await readFile('/proc/1/comm', 'latin1'))
  await podman.remove(name)
})

test('hooks of --hooks-dir run with the container’s state', async () => {
  const hooks = join(directory, 'hooks')
  await mkdir(hooks)
  const record = join(directory, 'hook-record')
  const script = join(directory, 'hook.sh')
  await writeFile(script, `#!/bin/sh\necho "$1 $(grep -o '"status":"[a-z]*"')" >> ${record}\n`, { mode: 0o755 })
  for (const stage of ['createRuntime', 'poststart', 'poststop']) {
    const hook = {
      version: '1.0.0',
      hook: { path: script, args: ['hook', stage] },
      when: { always: true },
      stages: [stage],
    }
    await writeFile(join(hooks, `${stage}.json`), JSON.stringify(hook))
  }
  assert.is((await podman.call('--hooks-dir', hooks, 'run', '--rm', '--network', 'none', image, 'true')).status, 0)
  assert.is(
    await readFile(record, 'utf8'),
    'createRuntime "status":"creating"\npoststart "status":"running"\npoststop "status":"stopped"\n',
  )
})

test('a hook that fails ends the start, with what it said', async () => {
  const hooks = join(directory, 'failing')
  await mkdir(hooks)
  const hook = {
    version: '1.0.0',
    hook: { path: '/bin/sh', args: ['sh', '-c', 'echo will not; exit 3'] },
    when: { always: true },
    stages: ['createRuntime'],
  }
  await writeFile(join(hooks, 'failing.json'), JSON.stringify(hook))
  const { status, stderr } = await podman.call('--hooks-dir', hooks, 'run', '--rm', '--network', 'none', image, 'true')
  assert.is.not(status, 0)
  assert.match(stderr, /createRuntime|hook/)
})

test('nothing is left of any container', async () => {
  await podman.must('rm', '--all', '--force', '--time', '0')
  assert.equal(await podman.traces(), [])
})

test.run()
