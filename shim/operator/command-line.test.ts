// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../runtime-core/errors.ts'
import { DEFAULT_ENDPOINT, readOperatorCommandLine } from './command-line.ts'

const COMMANDS = new Map([
  ['ps', { operands: [] }],
  ['inspect', { operands: ['ID'] }],
  ['explain', { operands: ['ID'] }],
  ['version', { operands: [] }],
])

const read = (...args: string[]) => readOperatorCommandLine(args, COMMANDS)

function misuse(...args: string[]): string {
  try {
    read(...args)
  } catch (error) {
    assert.instance(error, GantryError)
    assert.is((error as GantryError).code, 'invalid_argument')
    return (error as GantryError).message
  }
  return assert.unreachable(`gantry ${args.join(' ')} was taken`) as never
}

test('a command without flags talks to the node’s own daemon', () => {
  const line = read('ps')
  assert.equal(line.kind === 'run' && [line.command, line.options.listen, line.options.json], [
    'ps',
    DEFAULT_ENDPOINT,
    false,
  ])
})

test('flags may stand before and after the command', () => {
  const [before, after] = [read('--listen', 'unix:///a', '--json', 'ps'), read('ps', '--json', '--listen=unix:///a')]
  assert.equal(before, after)
  assert.ok(before.kind === 'run' && before.options.json && before.options.listen === 'unix:///a')
})

test('--help and the word help ask for the same', () => {
  assert.equal(read('--help'), { kind: 'help' })
  assert.equal(read('help'), { kind: 'help' })
  assert.equal(read('inspect', '-h'), { kind: 'help' })
})

test('--version is the command version', () => {
  const line = read('--version')
  assert.is(line.kind === 'run' && line.command, 'version')
})

test('--seccomp is for explain alone', () => {
  const line = read('explain', '--seccomp', 'a')
  assert.ok(line.kind === 'run' && line.options.seccomp)
  assert.is(misuse('inspect', 'a', '--seccomp'), 'read command line: "inspect" does not take --seccomp')
})

test('a missing operand is named', () => {
  assert.is(misuse('inspect'), 'read command line: "inspect" needs ID')
})

test('an operand too many is named', () => {
  assert.is(misuse('inspect', 'a', 'b'), 'read command line: "inspect" does not take "b"')
})

test('an unknown command, an unknown flag and no command at all are misuse', () => {
  assert.is(misuse('frobnicate'), 'read command line: "frobnicate" is not a command')
  assert.match(misuse('ps', '--frobnicate'), /--frobnicate/)
  assert.is(misuse(), 'read command line: expected a command')
})

test('an endpoint that is no unix socket is refused', () => {
  assert.match(misuse('ps', '--listen', 'tcp://1.2.3.4:5'), /"tcp:\/\/1\.2\.3\.4:5": expected unix:\/\/\/path/)
})

test('the flags of the daemon reach the check', () => {
  const line = read('ps', '--root', '/r', '--cni-bin-dir', '/a:/b')
  assert.is(line.kind === 'run' && line.options.daemon['root'], '/r')
  assert.is(line.kind === 'run' && line.options.daemon['cni-bin-dir'], '/a:/b')
  assert.is(line.kind === 'run' && line.options.daemon['state'], undefined)
})

test.run()
