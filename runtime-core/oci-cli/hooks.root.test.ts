// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciHook, OciHookName, OciSpec } from '../spec/types.ts'
import { makeConfig, Workplace } from './testing.ts'

const test = suite<{ place: Workplace }>('hooks')
test.before.each((context) => {
  context.place = new Workplace()
})
test.after.each(({ place }) => place.leave())

const HOOKS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const
const BEFORE = ['prestart', 'createRuntime', 'createContainer', 'startContainer'] as const

/** Appends its name and its state to a record. createContainer's is run in the container's namespaces, startContainer's in its root too. */
function recorder(place: Workplace, name: OciHookName): OciHook {
  const record = name === 'startContainer' ? '/record' : join(place.directory, 'record')
  const script = `state=$(cat); echo "$0 $1 $MARK $state" >> ${record}`
  return { path: '/bin/sh', args: ['sh', '-c', script, name, 'argument'], env: ['MARK=mark', 'PATH=/bin:/usr/bin'] }
}

type OciHooks = NonNullable<OciSpec['hooks']>

interface Recorded {
  readonly name: string
  readonly state: Readonly<Record<string, unknown>>
}

function recorded(path: string): Recorded[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const [, name = '', json = ''] = /^(\w+) argument mark (\{.*\})$/.exec(line) ?? []
    return { name, state: JSON.parse(json) as Record<string, unknown> }
  })
}

function failing(script: string, change: Partial<OciHook> = {}): OciHook {
  return { path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/bin:/usr/bin'], ...change }
}

test('of all kinds run in their order, each with arguments, environment and the state of its moment', ({ place }) => {
  const id = place.id()
  const hooks = Object.fromEntries(HOOKS.map((name) => [name, [recorder(place, name)]])) as OciHooks
  const bundle = place.bundle(makeConfig(['sleep', '1000'], { hooks, annotations: { 'a/b': 'c' } }))
  const outside = join(place.directory, 'record')
  const inside = join(bundle, 'rootfs', 'record')
  place.must('create', '-b', bundle, id)
  assert.equal(
    recorded(outside).map(({ name }) => name),
    ['prestart', 'createRuntime', 'createContainer'],
  )
  assert.equal(recorded(inside), [])
  const { pid } = place.state(id)
  place.must('start', id)
  assert.equal(
    recorded(inside).map(({ name }) => name),
    ['startContainer'],
  )
  place.must('delete', '-f', id)
  const all = [...recorded(outside), ...recorded(inside)]
  const status = Object.fromEntries(all.map(({ name, state }) => [name, state['status']]))
  assert.is(status['prestart'], 'creating')
  assert.is(status['createRuntime'], 'creating')
  assert.is(status['createContainer'], 'creating')
  assert.is(status['startContainer'], 'created')
  assert.is(status['poststart'], 'running')
  assert.is(status['poststop'], 'stopped')
  for (const { name, state } of all) {
    assert.equal([state['id'], state['bundle'], state['ociVersion']], [id, bundle, '1.3.0'], name)
    assert.equal(state['annotations'], { 'a/b': 'c' }, name)
  }
  const pidOf = (wanted: string) => all.find(({ name }) => name === wanted)?.state['pid']
  assert.is(pidOf('createRuntime'), pid)
  assert.is(pidOf('poststart'), pid)
})

test('of one kind run in the order of their list', ({ place }) => {
  const record = join(place.directory, 'order')
  const createRuntime = [1, 2, 3].map((n) => failing(`echo ${n} >> ${record}`))
  place.must('run', '-b', place.bundle(makeConfig(['true'], { hooks: { createRuntime } })), place.id())
  assert.is(readFileSync(record, 'latin1'), '1\n2\n3\n')
})

for (const name of BEFORE) {
  test(`a ${name} hook that fails ends the start with its words, poststop hooks run, nothing is left`, ({ place }) => {
    const id = place.id()
    const gone = join(place.directory, 'gone')
    const hooks = {
      [name]: [failing('echo will not >&2; exit 3')],
      poststop: [failing(`echo gone > ${gone}`)],
    } as OciHooks
    const bundle = place.bundle(makeConfig(['sh', '-c', 'echo ran > /ran'], { hooks }))
    const { status, stderr } = place.call('run', '-b', bundle, id)
    assert.is(status, 1)
    assert.match(stderr, new RegExp(name))
    assert.match(stderr, /will not/)
    assert.not(existsSync(join(bundle, 'rootfs/ran')), 'the program did not run')
    assert.not(existsSync(join(place.root, id)))
    assert.ok(existsSync(gone), 'poststop ran')
  })
}

test('a poststart hook that fails ends the container', ({ place }) => {
  const id = place.id()
  const hooks = { poststart: [failing('echo will not >&2; exit 3')] }
  place.must('create', '-b', place.bundle(makeConfig(['sleep', '1000'], { hooks })), id)
  const { status, stderr } = place.call('start', id)
  assert.is(status, 1)
  assert.match(stderr, /poststart[\s\S]*will not/)
  assert.is(place.call('state', id).status, 1)
})

test('a poststop hook that fails is a warning, and the others run', ({ place }) => {
  const id = place.id()
  const record = join(place.directory, 'second')
  const hooks = { poststop: [failing('echo will not >&2; exit 3'), failing(`echo second > ${record}`)] }
  place.must('create', '-b', place.bundle(makeConfig(['true'], { hooks })), id)
  const { status, stderr } = place.call('delete', id)
  assert.is(status, 0)
  assert.match(stderr, /level=warning[\s\S]*poststop[\s\S]*will not/)
  assert.ok(existsSync(record))
})

for (const name of ['createRuntime', 'poststart'] as const) {
  test(`a ${name} hook that takes longer than its timeout is killed, and fails`, ({ place }) => {
    const id = place.id()
    const hooks = { [name]: [failing('exec sleep 1000', { timeout: 1 })] } as OciHooks
    const { status, stderr } = place.call('run', '-d', '-b', place.bundle(makeConfig(['sleep', '1000'], { hooks })), id)
    assert.is(status, 1)
    assert.match(stderr, new RegExp(name))
    assert.is(place.call('state', id).status, 1)
  })
}

test('a hook that is not there fails the start, which names it', ({ place }) => {
  const hooks = { createRuntime: [{ path: '/no/such/hook' }] }
  const { status, stderr } = place.call('run', '-b', place.bundle(makeConfig(['true'], { hooks })), place.id())
  assert.is(status, 1)
  assert.match(stderr, /\/no\/such\/hook/)
})

test('a hook need not read its state', ({ place }) => {
  const annotations = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`key-${n}`, 'x'.repeat(100)]))
  const hooks = { createRuntime: [failing('exit 0')], poststop: [failing('exit 0')] }
  const id = place.id()
  place.must('create', '-b', place.bundle(makeConfig(['true'], { hooks, annotations })), id)
  place.must('delete', id)
})

test('a createContainer hook finds the container’s mounts from the runtime’s root', ({ place }) => {
  const out = join(place.directory, 'ns')
  const hooks = { createContainer: [failing(`readlink /proc/self/ns/mnt > ${out}`)] }
  const id = place.id()
  const bundle = place.bundle(makeConfig(['readlink', '/proc/self/ns/mnt'], { hooks }))
  assert.is(place.must('run', '-b', bundle, id), readFileSync(out, 'latin1'))
  assert.equal(readdirSync(place.root), [])
})

test.run()
