// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../keeper/test/eventually.ts'
import type { OciHook, OciSpec } from '../spec/types.ts'
import { makeConfig, Workplace } from './testing.ts'

const test = suite<{ place: Workplace }>('hooks')
test.before.each((context) => {
  context.place = new Workplace()
})
test.after.each(({ place }) => place.leave())

const NAMES = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const

/** Hooks that each append a line to `log`; the volume shows it at the same path inside the container. */
function noting(log: string, volume: string): Pick<OciSpec, 'hooks' | 'mounts'> {
  const note = (name: string): OciHook => ({
    path: '/bin/sh',
    args: [
      'sh',
      '-c',
      `read -r state; echo "$0 ${name} $WHO $$ $(readlink /proc/self/ns/mnt) $state" >> ${log}`,
      'hook',
    ],
    env: ['PATH=/bin:/usr/bin', `WHO=${name}s-own`],
  })
  const { mounts = [] } = makeConfig([])
  return {
    hooks: Object.fromEntries(NAMES.map((name) => [name, [note(name)]])),
    mounts: [...mounts, { destination: volume, type: 'bind', source: volume, options: ['rbind'] }],
  }
}

interface Noted {
  readonly program: string
  readonly name: string
  readonly env: string
  readonly namespace: string
  readonly state: Readonly<Record<string, unknown>>
}

function notes(log: string): Noted[] {
  return readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [program = '', name = '', env = '', , namespace = '', ...state] = line.split(' ')
      return { program, name, env, namespace, state: JSON.parse(state.join(' ')) }
    })
}

test('every hook runs at its time, where it belongs, with its arguments, its environment and the state', async ({
  place,
}) => {
  const id = place.id()
  const log = join(place.directory, 'log')
  const annotations = { 'com.example.key': 'value' }
  const bundle = place.bundle(makeConfig(['sleep', '1000'], { ...noting(log, place.directory), annotations }))
  place.must('create', '-b', bundle, id)
  const before = notes(log)
  assert.equal(
    before.map(({ name }) => name),
    ['prestart', 'createRuntime', 'createContainer'],
  )
  const { pid } = place.state(id)
  place.must('start', id)
  place.must('delete', '--force', id)
  const all = notes(log)
  assert.equal(
    all.map(({ name }) => name),
    NAMES,
  )
  for (const { program, name, env, state } of all) {
    assert.equal([program, env, state['id'], state['bundle']], ['hook', `${name}s-own`, id, bundle], name)
    assert.equal(state['annotations'], annotations, name)
  }
  const told = all.map(({ state }) => [state['status'], state['pid']])
  assert.equal(
    told,
    [
      ['creating', pid],
      ['creating', pid],
      ['creating', pid],
      ['created', pid],
      ['running', pid],
      ['stopped', undefined],
    ].map(([status, p]) => [status, p ?? told[5]?.[1]]),
  )
  assert.ok([undefined, 0].includes(told[5]?.[1] as number | undefined))
  const [prestart, createRuntime, createContainer, startContainer, poststart, poststop] = all.map(
    ({ namespace }) => namespace,
  )
  assert.equal([createRuntime, poststart, poststop], [prestart, prestart, prestart])
  assert.is(createContainer, startContainer)
  assert.is.not(createContainer, prestart)
})

test('a hook that fails ends the container, by its name and exit code; only poststop’s failure is a warning', ({
  place,
}) => {
  for (const name of NAMES) {
    const id = place.id()
    const bundle = place.bundle(
      makeConfig(['true'], { hooks: { [name]: [{ path: '/bin/sh', args: ['sh', '-c', 'exit 9'] }] } }),
    )
    const { status, stderr } = place.call('run', '-b', bundle, id)
    assert.is(status === 0, name === 'poststop', `${name}: ${stderr}`)
    assert.match(stderr, new RegExp(`${name} hook .*"/bin/sh.*9`), name)
    assert.not(existsSync(join(place.root, id)), name)
  }
})

test('a hook that takes longer than its timeout is ended and named', async ({ place }) => {
  const id = place.id()
  const pidFile = join(place.directory, 'hook.pid')
  const slow = { path: '/bin/sh', args: ['sh', '-c', `echo $$ > ${pidFile}; exec sleep 1000`], timeout: 1 }
  const bundle = place.bundle(makeConfig(['true'], { hooks: { createRuntime: [slow] } }))
  const { status, stderr } = place.call('run', '-b', bundle, id)
  assert.is.not(status, 0)
  assert.match(stderr, /run createRuntime hook #0 \\"\/bin\/sh\\": it did not end in time/)
  await eventually('the hook is gone', () => !existsSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}`))
  assert.not(existsSync(join(place.root, id)))
})

test('hooks of one kind run in the order in which they are listed', ({ place }) => {
  const log = join(place.directory, 'order')
  writeFileSync(log, '')
  const say = (word: string): OciHook => ({ path: '/bin/sh', args: ['sh', '-c', `echo ${word} >> ${log}`] })
  const hooks = { createRuntime: ['one', 'two', 'three'].map(say), poststop: ['four', 'five'].map(say) }
  place.must('run', '-b', place.bundle(makeConfig(['true'], { hooks })), place.id())
  assert.is(readFileSync(log, 'utf8'), 'one\ntwo\nthree\nfour\nfive\n')
})

test.run()
