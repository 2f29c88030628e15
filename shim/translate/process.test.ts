// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesFromText } from '../../runtime-core/spec/raw-text.ts'
import { DEFAULT_PATH, processArgs, processCwd, processEnv } from './process.ts'
import { refused } from './refused.ts'

const ENTRY = ['/entry', '-e']
const CMD = ['cmd', '-c']

const ARGV = [
  ['entry point and command of the image', [], [], ENTRY, CMD, ['/entry', '-e', 'cmd', '-c']],
  ['args replace the image command', [], ['a'], ENTRY, CMD, ['/entry', '-e', 'a']],
  ['command replaces both', ['x'], [], ENTRY, CMD, ['x']],
  ['command and args ignore the image', ['x'], ['a'], ENTRY, CMD, ['x', 'a']],
  ['no entry point: command of the image', [], [], undefined, CMD, CMD],
  ['no entry point: args alone', [], ['a', 'b'], undefined, CMD, ['a', 'b']],
  ['an entry point of one empty text is none', [], [], [''], CMD, CMD],
  ['an empty argument is an argument', ['x'], ['', ''], ENTRY, CMD, ['x', '', '']],
] as const

for (const [title, command, args, Entrypoint, Cmd, expected] of ARGV) {
  test(`argv: ${title}`, () => {
    const image = Entrypoint === undefined ? { Cmd } : { Entrypoint, Cmd }
    assert.equal(processArgs({ command: [...command], args: [...args] }, image), [...expected])
  })
}

test('nothing to run is refused', () => {
  refused(() => processArgs({ command: [], args: [] }, {}), 'invalid_argument', 'config.command', 'entry point')
  refused(() => processArgs({ command: [], args: [] }, { Entrypoint: [''], Cmd: [] }), 'invalid_argument')
})

test('an argument with NUL is refused', () => {
  refused(() => processArgs({ command: ['a\0b'], args: [] }, {}), 'invalid_argument', 'config.command', 'NUL')
})

test("the working directory is the request's, else the image's, else /", () => {
  assert.is(processCwd('/w', { WorkingDir: '/i' }), '/w')
  assert.is(processCwd('', { WorkingDir: '/i' }), '/i')
  assert.is(processCwd('', { WorkingDir: '' }), '/')
  assert.is(processCwd('', {}), '/')
})

test('a relative working directory of an image counts from the root, one of a request is refused', () => {
  assert.is(processCwd('', { WorkingDir: 'app/../srv' }), '/srv')
  refused(() => processCwd('tmp', {}), 'invalid_argument', 'config.working_dir', '"tmp"', 'absolute')
  refused(() => processCwd('/a\0', {}), 'invalid_argument', 'config.working_dir')
})

const env = (over: Partial<Parameters<typeof processEnv>[0]>) =>
  processEnv({ tty: false, hostname: 'h', imageEnv: [], envs: [], home: '/', ...over })
const variable = (key: string, value: string | Uint8Array) => ({ key, value: Buffer.from(value) })

test('every process has PATH, HOSTNAME and HOME', () => {
  assert.equal(env({ home: '/root' }), [`PATH=${DEFAULT_PATH}`, 'HOSTNAME=h', 'HOME=/root'])
})

test('a terminal adds TERM, which image and request may replace', () => {
  assert.ok(env({ tty: true }).includes('TERM=xterm'))
  assert.ok(env({ tty: true, imageEnv: ['TERM=dumb'] }).includes('TERM=dumb'))
  assert.is(
    env({ tty: true, envs: [variable('TERM', 'vt100')] })
      .filter((v) => v.startsWith('TERM'))
      .join(),
    'TERM=vt100',
  )
})

test('the request wins over the image, the image over the defaults, the last of two over the first', () => {
  const result = env({
    imageEnv: ['PATH=/image', 'A=1', 'B=1', 'A=2', 'HOSTNAME=i', 'HOME=/home/image', 'E=a=b'],
    envs: [variable('B', '2'), variable('C', '1'), variable('C', '3')],
  })
  assert.equal(result, ['PATH=/image', 'HOSTNAME=i', 'A=2', 'B=2', 'HOME=/home/image', 'E=a=b', 'C=3'])
})

test('an image entry without = removes the variable', () => {
  assert.equal(env({ imageEnv: ['A=1', 'A', 'PATH'] }), ['HOSTNAME=h', 'HOME=/'])
})

test('an empty value is a value', () => {
  assert.ok(env({ envs: [variable('EMPTY', '')] }).includes('EMPTY='))
  assert.not.ok(env({ envs: [variable('HOME', '')] }).includes('HOME=/'))
})

test('bytes that are no text reach the process unchanged', () => {
  const raw = Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xed, 0xb2, 0x80, 0xf0, 0x9f])
  const [entry = ''] = env({ envs: [variable('RAW', raw)] }).filter((v) => v.startsWith('RAW='))
  assert.equal(bytesFromText(JSON.parse(JSON.stringify(entry))), Buffer.concat([Buffer.from('RAW='), raw]))
})

test('names and values that no process can have are refused', () => {
  refused(() => env({ envs: [variable('', 'x')] }), 'invalid_argument', 'config.envs.key')
  refused(() => env({ envs: [variable('A=B', 'x')] }), 'invalid_argument', 'config.envs.key', '"A=B"')
  refused(() => env({ envs: [variable('A\0', 'x')] }), 'invalid_argument', 'config.envs.key')
  refused(() => env({ envs: [variable('A', 'x\0y')] }), 'invalid_argument', 'config.envs[A]', 'NUL')
  refused(() => env({ imageEnv: ['A=\0'] }), 'invalid_argument', 'image.config.Env')
})

test.run()
