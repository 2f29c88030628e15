// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../keeper/test/eventually.ts'
import type { OciSpec } from '../spec/types.ts'
import { type Called, makeConfig, Workplace } from './testing.ts'

/** e2e/tools/criu.sh puts it there. */
const CRIU = fileURLToPath(new URL('../../e2e/.cache/criu/criu', import.meta.url))

const test = suite<{ place: Workplace }>('checkpoint and restore')
test.before(() => assert.ok(existsSync(CRIU), `${CRIU} is missing: run e2e/tools/criu.sh`))
test.before.each((context) => {
  context.place = new Workplace()
})
test.after.each(({ place }) => place.leave())

/** Counts to a file of a volume, in the memory of a shell. */
const COUNT = 'i=0; while :; do i=$((i+1)); echo $i > /data/count; sleep 0.02; done'

interface Counting {
  readonly id: string
  readonly bundle: string
  readonly images: string
  readonly count: () => number
}

/** A bundle that counts, with what an ordinary container has: a volume, masked and read-only paths, limits, cgroups. */
function counting(place: Workplace, script = COUNT, change: Partial<OciSpec> = {}): Counting {
  const data = join(place.directory, `data${readdirSync(place.directory).length}`)
  mkdirSync(data)
  const base = makeConfig(['sh', '-c', script])
  const bundle = place.bundle({
    ...base,
    mounts: [
      ...(base.mounts ?? []),
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
      { destination: '/data', type: 'bind', source: data, options: ['rbind'] },
    ],
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'cgroup'].map((type) => ({ type }) as { type: 'pid' }),
      maskedPaths: ['/proc/kcore', '/proc/scsi', '/proc/timer_list'],
      readonlyPaths: ['/proc/sys', '/proc/bus'],
      resources: { pids: { limit: 100 } },
    },
    ...change,
  })
  return {
    id: place.id(),
    bundle,
    images: join(bundle, 'images'),
    count: () => Number(existsSync(join(data, 'count')) ? readFileSync(join(data, 'count'), 'utf8') : 0),
  }
}

function criu(place: Workplace, ...args: readonly string[]): Called {
  return place.call('--criu', CRIU, ...args)
}

function must(place: Workplace, ...args: readonly string[]): string {
  return place.must('--criu', CRIU, ...args)
}

/** The reason of a failure. */
function refusal(called: Called): string {
  assert.is(called.status, 1, called.stdout)
  return called.stderr
}

async function startCounting(place: Workplace, { id, bundle, count }: Counting): Promise<void> {
  place.must('run', '--detach', '--bundle', bundle, id)
  await eventually('it counts', () => count() > 5)
}

test('a restored container goes on where it was', async ({ place }) => {
  const counted = counting(place)
  const { id, bundle, images, count } = counted
  await startCounting(place, counted)
  must(place, 'checkpoint', '--image-path', images, id)
  assert.match(place.call('state', id).stderr, /container does not exist/)
  const stood = count()

  const pidFile = join(place.directory, 'pid')
  must(place, 'restore', '--detach', '--image-path', images, '--bundle', bundle, '--pid-file', pidFile, id)
  const { status, pid } = place.state(id)
  assert.is(status, 'running')
  assert.is(pid, Number(readFileSync(pidFile, 'latin1')))
  await eventually('it goes on', () => count() > stood + 5)
  assert.ok(count() < stood + 10_000, 'it did not begin anew')
  assert.is(JSON.parse(place.must('list', '--format', 'json'))[0].id, id)
  assert.is(place.must('exec', id, 'cat', '/data/count').trim() > '', true)
  assert.is(JSON.parse(place.must('events', '--stats', id)).data.pids.limit, 100)
  place.must('pause', id)
  place.must('resume', id)
  place.must('kill', id, 'KILL')
  await eventually('it has stopped', () => place.state(id).status === 'stopped')
  place.must('delete', id)
})

test('its namespaces, mounts and cgroup are as at the start', async ({ place }) => {
  const counted = counting(place)
  const { id, bundle, images } = counted
  await startCounting(place, counted)
  const look = (): { mounts: string[]; cgroup: string; kcore: string } => {
    const { pid } = place.state(id)
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n')
    const shown = mounts.map((line) => `${line.split(' ')[4]} ${line.split(' - ')[1]?.split(' ')[0]}`)
    const kcore = place.must('exec', id, 'sh', '-c', 'ls -l /proc/kcore; echo > /proc/sys/kernel/hostname || true')
    return { mounts: shown.sort(), cgroup: readFileSync(`/proc/${pid}/cgroup`, 'utf8'), kcore: kcore.slice(0, 10) }
  }
  const before = look()
  must(place, 'checkpoint', '--image-path', images, id)
  must(place, 'restore', '--detach', '--image-path', images, '--bundle', bundle, id)
  assert.equal(look(), before)
  place.must('delete', '--force', id)
})

test('a container that is left running can be restored beside itself, in the foreground, with its exit status', async ({
  place,
}) => {
  const script = 'echo up > /data/count; while [ ! -e /data/go ]; do sleep 0.02; done; echo bye; exit 7'
  const counted = counting(place, script)
  const { id, bundle, images } = counted
  place.must('run', '--detach', '--bundle', bundle, id)
  await eventually('it is up', () => Number.isNaN(counted.count()))
  must(place, 'checkpoint', '--leave-running', '--image-path', images, '--work-path', join(bundle, 'work'), id)
  assert.is(place.state(id).status, 'running')
  assert.ok(existsSync(join(bundle, 'work/dump.log')))
  place.must('exec', id, 'touch', '/data/go')
  await eventually('it has ended', () => place.state(id).status === 'stopped')
  place.must('delete', id)
  const { status, stdout } = criu(place, 'restore', '--image-path', images, '--bundle', bundle, id)
  assert.equal({ status, stdout }, { status: 7, stdout: 'bye\n' })
  assert.not(existsSync(join(place.root, id)))
})

test('a paused container is checkpointed as it stands', async ({ place }) => {
  const counted = counting(place)
  const { id, images, count } = counted
  await startCounting(place, counted)
  place.must('pause', id)
  must(place, 'checkpoint', '--leave-running', '--image-path', images, id)
  assert.is(place.state(id).status, 'paused')
  place.must('resume', id)
  const stood = count()
  await eventually('it goes on', () => count() > stood)
  place.must('delete', '--force', id)
})

test('a network namespace that was joined stays the other’s', async ({ place }) => {
  const owner = counting(place, COUNT, {
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'network' }] },
  })
  await startCounting(place, owner)
  const path = `/proc/${place.state(owner.id).pid}/ns/net`
  const counted = counting(place, COUNT, {
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'network', path }] },
  })
  const { id, bundle, images, count } = counted
  await startCounting(place, counted)
  must(place, 'checkpoint', '--image-path', images, id)
  const stood = count()
  must(place, 'restore', '--detach', '--image-path', images, '--bundle', bundle, id)
  const network = (of: string): string => place.must('exec', of, 'readlink', '/proc/self/ns/net')
  assert.is(network(id), network(owner.id))
  await eventually('it goes on', () => count() > stood)
  for (const one of [id, owner.id]) place.must('delete', '--force', one)
})

test('memory that was dumped before is not dumped again, where the kernel tells what changed', async ({ place }) => {
  const counted = counting(place)
  const { id, bundle, count } = counted
  await startCounting(place, counted)
  const at = (name: string): string => join(bundle, name)
  if (spawnSync(CRIU, ['check', '--feature', 'mem_dirty_track']).status !== 0) {
    // CONFIG_MEM_SOFT_DIRTY: CRIU says so, and the container is none the worse.
    const called = criu(place, 'checkpoint', '--pre-dump', '--image-path', at('first'), id)
    assert.match(refusal(called), /pre-dump container \\"[^"]*\\": CRIU: Tracking memory is not available/)
    const stood = count()
    await eventually('it goes on', () => count() > stood)
    place.must('delete', '--force', id)
    return
  }
  must(place, 'checkpoint', '--pre-dump', '--image-path', at('first'), id)
  must(place, 'checkpoint', '--pre-dump', '--image-path', at('second'), '--parent-path', '../first', id)
  must(place, 'checkpoint', '--image-path', at('last'), '--parent-path', '../second', id)
  const stood = count()
  const size = (name: string): number =>
    readdirSync(at(name)).reduce(
      (sum, file) => sum + (file.startsWith('pages-') ? readFileSync(join(at(name), file)).length : 0),
      0,
    )
  assert.ok(size('last') < size('first'), `${size('last')} of ${size('first')} bytes`)
  must(place, 'restore', '--detach', '--image-path', at('last'), '--bundle', bundle, id)
  await eventually('it goes on', () => count() > stood)
  place.must('delete', '--force', id)
})

test('what cannot be done is refused with its reason, and changes nothing', async ({ place }) => {
  const counted = counting(place)
  const { id, bundle, images } = counted
  const checkpoint = (...args: readonly string[]): string =>
    refusal(criu(place, 'checkpoint', '--image-path', images, ...args, id))
  assert.match(checkpoint(), /container does not exist/)
  await startCounting(place, counted)
  const nowhere = ['--criu', '/nonexistent/criu', 'checkpoint', '--image-path', images, id]
  assert.match(refusal(place.call(...nowhere)), /find CRIU \\"\/nonexistent\/criu\\": there is no such program/)
  assert.match(checkpoint('--parent-path', '/first'), /read --parent-path \\"\/first\\": it has to be relative/)
  assert.match(checkpoint('--parent-path', 'none'), /read --parent-path \\"none\\": there is nothing at/)
  assert.match(checkpoint('--page-server', 'here'), /read --page-server \\"here\\": expected ADDRESS:PORT/)
  assert.match(checkpoint('--manage-cgroups-mode', 'all'), /read --manage-cgroups-mode \\"all\\": expected one of/)
  assert.match(checkpoint('--pre-dump', '--lazy-pages'), /lazy-pages and pre-dump cannot be used together/)
  assert.is(place.state(id).status, 'running')
  const empty = ['restore', '--detach', '--image-path', bundle, '--bundle', bundle, 'other']
  assert.match(refusal(criu(place, ...empty)), /it holds no inventory\.img/)
  must(place, 'checkpoint', '--image-path', images, id)
  rmSync(join(images, 'core-1.img'))
  const again = criu(place, 'restore', '--detach', '--image-path', images, '--bundle', bundle, id)
  assert.match(refusal(again), /restore container \\"[^"]*\\": CRIU: .*\(log \\"[^"]*restore\.log\\"\)/)
  assert.not(existsSync(join(place.root, id)), 'nothing is left of it')
})

test.run()
