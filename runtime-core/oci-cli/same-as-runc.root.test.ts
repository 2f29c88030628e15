// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../keeper/test/eventually.ts'
import { type Called, GANTRY_OCI, makeConfig, Workplace } from './testing.ts'

/** Callers parse what runc prints: the same commands are given to both, and their answers compared. */
const RUNC = 'runc'
const DEADLINE_MS = 30_000

class Both {
  readonly place = new Workplace()
  readonly ids = { gantry: this.place.id(), runc: this.place.id() }
  readonly #runcRoot = join(this.place.directory, 'runc')

  call(...args: readonly string[]): { readonly gantry: Called; readonly runc: Called } {
    return {
      gantry: this.#run(GANTRY_OCI, this.place.root, this.ids.gantry, args),
      runc: this.#run(RUNC, this.#runcRoot, this.ids.runc, args),
    }
  }

  must(...args: readonly string[]): { readonly gantry: string; readonly runc: string } {
    const { gantry, runc } = this.call(...args)
    assert.equal([gantry.status, runc.status], [0, 0], `${args.join(' ')}: ${gantry.stderr}${runc.stderr}`)
    return { gantry: gantry.stdout, runc: runc.stdout }
  }

  /** `ID` stands for each one's container. Detached programs get no pipe of ours. */
  #run(program: string, root: string, id: string, args: readonly string[]): Called {
    const argv = ['--root', root, ...args.map((arg) => (arg === 'ID' ? id : arg))]
    const detached = args[0] === 'create' || args.includes('-d')
    const options = { encoding: 'utf8', timeout: DEADLINE_MS, stdio: detached ? 'ignore' : 'pipe' } as const
    const { status, stdout, stderr } = spawnSync(program, argv, options)
    return { status, stdout: stdout ?? '', stderr: stderr ?? '' }
  }

  leave(): void {
    this.call('delete', '--force', 'ID')
    rmSync(this.#runcRoot, { recursive: true, force: true })
    this.place.leave()
  }
}

const test = suite<{ both: Both }>('the same as runc')
test.before.each((context) => {
  context.both = new Both()
})
test.after.each(({ both }) => both.leave())

const SLEEP = makeConfig(['sleep', '1000'])

function start(both: Both, config = SLEEP): void {
  both.must('run', '-d', '-b', both.place.bundle(config), 'ID')
}

/** Names and types of everything in a JSON value, not the values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, shapeOf(field)]),
  )
}

test('exit statuses of a program, of a signal, and of an exec', ({ both }) => {
  const statuses = (...args: readonly string[]) => {
    const { gantry, runc } = both.call(...args)
    assert.is(gantry.status, runc.status, args.join(' '))
  }
  for (const script of ['exit 0', 'exit 7', 'exit 255', 'sleep 1000 & kill -9 $!; wait $!']) {
    statuses('run', '-b', both.place.bundle(makeConfig(['sh', '-c', script])), 'ID')
  }
  start(both)
  statuses('exec', 'ID', 'sh', '-c', 'exit 3')
  statuses('exec', 'ID', 'sh', '-c', 'kill -9 $$')
  statuses('exec', 'ID', 'nowhere')
  statuses('exec', 'ID', '/etc/passwd')
})

test('state and list have the same fields', ({ both }) => {
  assert.equal(both.must('list', '-f', 'json').gantry, both.must('list', '-f', 'json').runc)
  start(both, { ...SLEEP, annotations: { 'a/b': 'c' } })
  const state = both.must('state', 'ID')
  assert.equal(shapeOf(JSON.parse(state.gantry)), shapeOf(JSON.parse(state.runc)))
  const list = both.must('list', '-f', 'json')
  assert.equal(shapeOf(JSON.parse(list.gantry)), shapeOf(JSON.parse(list.runc)))
  assert.equal(JSON.parse(list.gantry)[0].owner, JSON.parse(list.runc)[0].owner)
  const words = (text: string) => text.split('\n').map((line) => line.split(/\s+/).length)
  const table = both.must('list')
  assert.equal(words(table.gantry), words(table.runc))
  assert.equal(table.gantry.split('\n')[0]?.split(/\s+/), table.runc.split('\n')[0]?.split(/\s+/))
})

test('ps lists the same processes in the same columns', ({ both }) => {
  start(both)
  const json = both.must('ps', '-f', 'json', 'ID')
  assert.equal(shapeOf(JSON.parse(json.gantry)), shapeOf(JSON.parse(json.runc)))
  const commands = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).at(-1))
  const table = both.must('ps', 'ID')
  assert.equal(commands(table.gantry), commands(table.runc))
})

test('errors of commands that the state forbids have the same words', async ({ both }) => {
  // runc has the command's name in front of an exec's error, and no more.
  const message = (text: string, id: string) =>
    (/msg="((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text)
      .replaceAll(id, 'ID')
      .replace(/^exec failed: /, '')
      .trim()
  const same = (...args: readonly string[]) => {
    const { gantry, runc } = both.call(...args)
    assert.equal([gantry.status !== 0, runc.status !== 0], [true, true], args.join(' '))
    assert.is(message(gantry.stderr, both.ids.gantry), message(runc.stderr, both.ids.runc), args.join(' '))
  }
  same('state', 'ID')
  same('start', 'ID')
  same('kill', 'ID')
  same('delete', 'ID')
  start(both)
  same('start', 'ID')
  same('resume', 'ID')
  both.must('pause', 'ID')
  same('exec', 'ID', 'true')
  both.must('resume', 'ID')
  both.must('kill', 'ID', 'KILL')
  await eventually('both have stopped', () => {
    const { gantry, runc } = both.must('state', 'ID')
    return JSON.parse(gantry).status === 'stopped' && JSON.parse(runc).status === 'stopped'
  })
  same('start', 'ID')
  same('kill', 'ID')
  same('exec', 'ID', 'true')
})

test.run()
