// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciSpec } from '../spec/types.ts'
import { makeConfig, Workplace } from './testing.ts'

const test = suite<{ place: Workplace }>('new user namespaces')
test.before.each((context) => {
  context.place = new Workplace()
  // Whom root is mapped to must be able to pass through to the root file system.
  chmodSync(context.place.directory, 0o711)
})
test.after.each(({ place }) => place.leave())

const UIDS = [{ containerID: 0, hostID: 200_000, size: 1000 }]
const GIDS = [{ containerID: 0, hostID: 300_000, size: 1000 }]

function mapped(args: readonly string[], change: Partial<OciSpec> = {}): OciSpec {
  const config = makeConfig(args, change)
  const namespaces = [...(config.linux?.namespaces ?? []), { type: 'user' as const }]
  return { ...config, linux: { ...config.linux, namespaces, uidMappings: UIDS, gidMappings: GIDS } }
}

test('root of the container is an ordinary user of the host', ({ place }) => {
  const shared = join(place.directory, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o777)
  const mounts = [
    ...(makeConfig([]).mounts ?? []),
    { destination: '/shared', type: 'bind', source: shared, options: ['bind'] },
  ]
  const script = 'echo $(id -u) $(cat /proc/self/uid_map) $(cat /proc/self/gid_map) $HOME; touch /shared/file'
  const bundle = place.bundle(mapped(['sh', '-c', script], { mounts }))
  assert.is(place.must('run', '-b', bundle, place.id()), '0 0 200000 1000 0 300000 1000 /root\n')
  const { uid, gid } = statSync(join(shared, 'file'))
  assert.equal([uid, gid], [200_000, 300_000])
})

test('a later exec is in the same one', ({ place }) => {
  const id = place.id()
  place.must('run', '-d', '-b', place.bundle(mapped(['sleep', '1000'])), id)
  const script = 'echo $(id -u):$(id -g) $(cat /proc/self/uid_map)'
  assert.is(place.must('exec', '-u', '5:6', id, 'sh', '-c', script), '5:6 0 200000 1000\n')
  place.must('delete', '-f', id)
})

test('a user that is not mapped is refused, and nothing is left', ({ place }) => {
  const config = mapped(['true'])
  const process = { ...config.process, cwd: '/', user: { uid: 5000, gid: 0 } }
  const { status, stderr } = place.call('create', '-b', place.bundle({ ...config, process }), place.id())
  assert.is(status, 1)
  assert.match(stderr, /5000/)
})

test.run()
