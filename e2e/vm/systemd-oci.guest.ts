// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { cgroupRoots } from '../../runtime-core/cgroup/driver.ts'
import { makeConfig, Workplace } from '../../runtime-core/oci-cli/testing.ts'
import type { OciLinux, OciSpec } from '../../runtime-core/spec/types.ts'
import { waitFor } from '../harness/wait.ts'
import { runCommand } from '../images/command.ts'

// gantry-oci --systemd-cgroup, where systemd is the init. Run in the guest by main.ts.

const MiB = 1 << 20
const SLICE = 'machine-test.slice'
const host = await readCgroupHost()
const place = new Workplace()
test.after(() => place.leave())

const oci = (...args: string[]) => place.must('--systemd-cgroup', ...args)
const refused = (...args: string[]) => {
  const { status, stderr } = place.call('--systemd-cgroup', ...args)
  assert.is(status, 1, stderr)
  return stderr
}
const shown = async (unit: string, name: string) =>
  (await runCommand('systemctl', ['show', '--value', '-p', name, '--', unit])).trim()

/** A bundle whose cgroup is the scope `test-<name>.scope` of the slice. */
function bundle(name: string, args: readonly string[], linux: OciLinux = {}, change: Partial<OciSpec> = {}): string {
  const config = makeConfig(args, change)
  return place.bundle({
    ...config,
    linux: { ...config.linux, cgroupsPath: `${SLICE}:test:${name}`, ...linux },
  })
}

const unitOf = (name: string) => `test-${name}.scope`

/** A file of a container's cgroup, in whichever hierarchy it is. */
function file(name: string, ...names: string[]): string {
  for (const root of cgroupRoots(host)) {
    for (const each of names) {
      const path = join(root, 'machine.slice', SLICE, unitOf(name), each)
      if (existsSync(path)) return readFileSync(path, 'utf8').trim()
    }
  }
  throw new Error(`no ${names.join(', ')} of ${name}`)
}

async function gone(name: string): Promise<void> {
  await waitFor('the scope is gone', async () => (await shown(unitOf(name), 'LoadState')) === 'not-found', 20_000)
}

const LIMITS: OciLinux = {
  resources: { memory: { limit: 64 * MiB }, cpu: { quota: 25_000, period: 100_000, shares: 512 }, pids: { limit: 20 } },
}

test('create makes a scope with the limits, known to systemd and exact in the files', async () => {
  const id = place.id()
  oci('create', '-b', bundle(id, ['sleep', '1000'], LIMITS), id)
  assert.is(place.state(id).status, 'created')
  assert.is(await shown(unitOf(id), 'ActiveState'), 'active')
  assert.is(await shown(unitOf(id), 'Slice'), SLICE)
  assert.is(await shown(unitOf(id), 'Delegate'), 'yes')
  assert.is(await shown(unitOf(id), 'CPUQuotaPerSecUSec'), '250ms')
  assert.is(await shown(unitOf(id), 'TasksMax'), '20')
  assert.is(file(id, 'memory.max', 'memory.limit_in_bytes'), String(64 * MiB))
  assert.is(file(id, 'pids.max'), '20')
  assert.is(file(id, 'cgroup.procs'), String(place.state(id).pid), 'nobody else is in it')
  oci('start', id)
  assert.match(oci('exec', id, 'cat', '/proc/self/cgroup'), unitOf(id))
  assert.equal(JSON.parse(oci('ps', '--format', 'json', id)), [place.state(id).pid])
  oci('delete', '--force', id)
  await gone(id)
})

test('an update is known to systemd, and outlives its reload', async () => {
  const id = place.id()
  oci('run', '-d', '-b', bundle(id, ['sleep', '1000'], LIMITS), id)
  oci('update', '--memory', String(96 * MiB), '--cpu-quota', '50000', '--pids-limit', '30', id)
  await runCommand('systemctl', ['daemon-reload'])
  await runCommand('systemctl', ['set-property', '--runtime', SLICE, 'CPUWeight=50'])
  assert.is(await shown(unitOf(id), 'TasksMax'), '30')
  assert.is(file(id, 'memory.max', 'memory.limit_in_bytes'), String(96 * MiB))
  assert.match(file(id, 'cpu.max', 'cpu.cfs_quota_us'), /^50000/)
  assert.is(file(id, 'pids.max'), '30')
  assert.is(JSON.parse(oci('events', '--stats', id)).data.memory.usage.limit, 96 * MiB)
  oci('kill', id, 'KILL')
  await gone(id)
  oci('delete', id)
})

test('pause and resume', () => {
  const id = place.id()
  oci('run', '-d', '-b', bundle(id, ['sleep', '1000']), id)
  oci('pause', id)
  assert.is(place.state(id).status, 'paused')
  oci('resume', id)
  assert.is(place.state(id).status, 'running')
  oci('delete', '--force', id)
})

test('run hands on output and status, and leaves no unit', async () => {
  const id = place.id()
  const { status, stdout } = place.call(
    '--systemd-cgroup',
    ...['run', '-b', bundle(id, ['sh', '-c', 'cat /proc/self/cgroup; exit 7']), id],
  )
  assert.is(status, 7)
  assert.match(stdout, unitOf(id))
  await gone(id)
  assert.not(existsSync(join(place.root, id)))
})

test('one task is enough for one process, and two for two', () => {
  for (const [limit, script] of [
    [1, 'exec true'],
    [2, 'true; true'],
  ] as const) {
    const id = place.id()
    oci('run', '-b', bundle(id, ['sh', '-c', script], { resources: { pids: { limit } } }), id)
  }
})

test('descriptors are handed on', () => {
  const id = place.id()
  const directory = bundle(id, ['readlink', '/proc/self/fd/3'])
  const script = 'exec "$0" --root "$1" --systemd-cgroup run --preserve-fds 1 -b "$2" "$3" 3</etc/hostname'
  const { stdout } = place.shell(script, join(import.meta.dirname, '../../bin/gantry-oci'), place.root, directory, id)
  assert.is(stdout, '/etc/hostname\n')
})

test('annotations are properties of the unit', async () => {
  const id = place.id()
  const annotations = {
    'org.systemd.property.TimeoutStopUSec': 'uint64 7000000',
    'org.systemd.property.CollectMode': "'inactive'",
    'org.systemd.property.RuntimeMaxSec': '3600',
    'org.other': 'no property',
  }
  oci('run', '-d', '-b', bundle(id, ['sleep', '1000'], {}, { annotations }), id)
  assert.is(await shown(unitOf(id), 'TimeoutStopUSec'), '7s')
  assert.is(await shown(unitOf(id), 'RuntimeMaxUSec'), '1h')
  assert.is(await shown(unitOf(id), 'CollectMode'), 'inactive')
  oci('delete', '--force', id)
})

test('what systemd or the form of the path refuses is told, and leaves nothing', async () => {
  const attempt = (id: string, linux: OciLinux, annotations: Record<string, string> = {}) =>
    refused('create', '-b', bundle(id, ['true'], linux, { annotations }), id)
  const id = place.id()
  assert.match(attempt(id, { cgroupsPath: '/a/b' }), 'expected linux.cgroupsPath as slice:prefix:name')
  assert.match(attempt(id, { cgroupsPath: 'a:b:c' }), 'expected the name of a slice')
  assert.match(attempt(id, { cgroupsPath: `a.slice:b:${'c'.repeat(250)}` }), 'is no name of a unit')
  assert.match(attempt(id, {}, { 'org.systemd.property.Nonsense': '5' }), /StartTransientUnit.*Nonsense/)
  assert.match(attempt(id, {}, { 'org.systemd.property.CollectMode': 'x' }), 'expected GVariant text')
  assert.not(existsSync(join(place.root, id)))
  await gone(id)
})

test('a program that is not there leaves no unit', async () => {
  const id = place.id()
  assert.match(refused('create', '-b', bundle(id, ['/nowhere']), id), 'nowhere')
  await gone(id)
})

test('a unit of that name that runs is not taken over', async () => {
  const id = place.id()
  const other = ['--unit', unitOf(id), '--scope', '--slice', SLICE, 'sleep', '1000']
  await runCommand('sh', ['-c', 'systemd-run "$@" >/dev/null 2>&1 &', 'sh', ...other])
  await waitFor('the other is there', async () => (await shown(unitOf(id), 'ActiveState')) === 'active', 20_000)
  assert.match(refused('create', '-b', bundle(id, ['true']), id), /cgroup is not empty|already exists|UnitExists/)
  assert.is(await shown(unitOf(id), 'ActiveState'), 'active')
  await runCommand('systemctl', ['kill', '--signal=KILL', unitOf(id)])
  await gone(id)
})

test('nested slices and escaped names are found where their names say', async () => {
  const id = place.id()
  const slice = 'kubepods-burstable-pod1234_5678.slice'
  const escaped = 'kubepods-burstable-pod1234_5678-with\\x2ddash\\x3acolon.slice'
  for (const [parent, expected] of [
    [slice, `/kubepods.slice/kubepods-burstable.slice/${slice}/cri-${id}.scope`],
    [escaped, `/kubepods.slice/kubepods-burstable.slice/${slice}/${escaped}/cri-${id}.scope`],
    ['', `/system.slice/cri-${id}.scope`],
    ['-.slice', `/cri-${id}.scope`],
  ] as const) {
    const linux = { cgroupsPath: `${parent}:cri:${id}` }
    oci('run', '-d', '-b', bundle(id, ['sleep', '1000'], linux), id)
    const lines = readFileSync(`/proc/${place.state(id).pid}/cgroup`, 'utf8').split('\n')
    const known = lines.filter(
      (line) => line.startsWith('0::') || line.includes('name=systemd') || line.includes(':pids:'),
    )
    for (const line of known) assert.is(line.replace(/^\d+:[^:]*:/, ''), expected)
    assert.ok(known.length > 0, lines.join('\n'))
    oci('delete', '--force', id)
    await waitFor('it is gone', async () => (await shown(`cri-${id}.scope`, 'LoadState')) === 'not-found', 20_000)
  }
  await runCommand('systemctl', ['stop', 'kubepods.slice'])
})

test('a name of the greatest length is one', async () => {
  const name = 'n'.repeat(255 - 'test-.scope'.length)
  const id = place.id()
  oci('run', '-d', '-b', bundle(name, ['sleep', '1000']), id)
  assert.is(await shown(unitOf(name), 'ActiveState'), 'active')
  oci('delete', '--force', id)
  await gone(name)
})

test('a container is deleted whose unit has gone with it', async () => {
  const id = place.id()
  oci('run', '-d', '-b', bundle(id, ['sleep', '1000']), id)
  await runCommand('systemctl', ['stop', unitOf(id)])
  await gone(id)
  await waitFor('it has stopped', () => place.state(id).status === 'stopped', 20_000)
  oci('delete', id)
})

test('features says so', () => {
  const { linux } = JSON.parse(place.must('features'))
  assert.is(linux.cgroup.systemd, true)
  assert.is(linux.cgroup.systemdUser, false)
})

test.run()
