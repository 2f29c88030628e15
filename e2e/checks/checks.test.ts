// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expectedRows } from './cri-docs.ts'
import { dependencyProblems } from './dependency-docs.ts'
import { coverageProblems, paragraphsOf, rowsOf, testProblems, titlesOf } from './documented-fields.ts'
import { findCycles } from './import-cycles.ts'
import { directionProblems } from './import-direction.ts'
import { specifiersOf } from './imports.ts'
import { pathsOf } from './named-paths.ts'
import { commandLineProblems } from './oci-docs.ts'
import { namesLicense } from './spdx.ts'
import { unservedProblems } from './unserved-rpcs.ts'

test('imports of every form are seen, those in comments are not', () => {
  const source = [
    "import { a } from './a.ts'",
    "import type { B } from '../b.ts'",
    'import {',
    '  c,',
    "} from './c.ts'",
    "import './d.ts'",
    "export * from './e.ts'",
    "const f = await import('./f.ts')",
    "// import { g } from './g.ts'",
    "const text = 'no import'",
  ].join('\n')
  assert.equal(specifiersOf(source), ['./a.ts', '../b.ts', './c.ts', './d.ts', './e.ts', './f.ts'])
})

test('runtime-core that imports from the shim is refused', () => {
  assert.equal(directionProblems([{ from: 'runtime-core/pod.ts', to: 'shim/pod/run.ts' }]), [
    'runtime-core/pod.ts imports shim/pod/run.ts: runtime-core may import nothing else',
  ])
})

test('only the program that starts the metrics may import them', () => {
  assert.equal(directionProblems([{ from: 'shim/main.ts', to: 'metrics/index.ts' }]), [])
  assert.equal(directionProblems([{ from: 'shim/pod/run.ts', to: 'metrics/index.ts' }]), [
    'shim/pod/run.ts imports metrics/index.ts: shim may import only cri-proto, runtime-core',
  ])
})

test('a test may look across the layers', () => {
  assert.equal(directionProblems([{ from: 'shim/events/contract.test.ts', to: 'metrics/index.ts' }]), [])
})

test('a folder that no rule knows is not allowed anything', () => {
  assert.match(directionProblems([{ from: 'extra/a.ts', to: 'shim/b.ts' }])[0] ?? '', 'add "extra" to the table')
})

test('a cycle of imports is found and shown as its way', () => {
  const imports = [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'c' },
    { from: 'c', to: 'b' },
    { from: 'd', to: 'c' },
  ]
  assert.equal(findCycles(imports), ['b → c → b'])
})

test('two ways to one file are no cycle', () => {
  const imports = [
    { from: 'a', to: 'b' },
    { from: 'a', to: 'c' },
    { from: 'b', to: 'd' },
    { from: 'c', to: 'd' },
  ]
  assert.equal(findCycles(imports), [])
})

test('the license stands in the first line, or below the line that names the interpreter', () => {
  assert.ok(namesLicense('// SPDX-License-Identifier: Apache-2.0\n'))
  assert.ok(namesLicense('#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n'))
  assert.not.ok(namesLicense('import a\n// SPDX-License-Identifier: Apache-2.0\n'))
})

test('a dependency must be pinned and documented with its version, and the page may list no other', () => {
  const manifests = [
    { dependencies: { a: '1.0.0', b: '^2.0.0', '@gantry/shim': '0.1.0' }, devDependencies: { c: '3.0.0' } },
  ]
  const page = '| `a` | 1.0.0 | why |\n| `c` | 2.9.9 | why |\n| `d` | 1.0.0 | why |\n'
  assert.equal(dependencyProblems(manifests, page), [
    'b: "^2.0.0" is not one version',
    'docs/dependencies.md does not list b ^2.0.0',
    'docs/dependencies.md lists c 2.9.9, used is 3.0.0',
    'docs/dependencies.md lists d, which nothing uses',
  ])
})

test('paths in backquotes and links of a page are found', () => {
  const page = 'See `e2e/checks/`, [the scope](SCOPE.md) and `node x`, then `e2e/checks/` again.'
  assert.equal(pathsOf(page), ['e2e/checks/', 'SCOPE.md'])
})

test('an RPC that the page forgets, or still calls unserved, is a problem', () => {
  const page = '`Version` <!-- unserved RPCs --> `Attach`, `Exec` <!-- end --> `Status`'
  assert.equal(unservedProblems(['Exec', 'PortForward'], page), [
    'README.md does not say that PortForward is not served',
    'README.md says that Attach is not served',
  ])
})

test('a row of the CRI page is read with its heading, its fate and its tests', () => {
  const page =
    '### `Mount`\n\n| field | what | shown by |\n| --- | --- | --- |\n| `readonly` | yes | `a.test.ts`: b |\n'
  assert.equal(rowsOf(page), [{ heading: 'Mount', name: 'readonly', fate: 'yes', shown: '`a.test.ts`: b' }])
})

test('a paragraph of the CRI page is read with the tests that it names', () => {
  const [paragraph] = paragraphsOf(
    '# Title\n\nText.\n\n**A pain.** The cure is this.\n`a.test.ts`: b;\n`c.test.ts`: d\n',
  )
  assert.equal([paragraph?.name, paragraph?.shown.endsWith('`a.test.ts`: b; `c.test.ts`: d')], ['A pain.', true])
})

test('a field without a row, a row without a field and one that comes twice are problems', () => {
  const row = (name: string) => ({ heading: 'Mount', name, fate: '', shown: '' })
  assert.equal(coverageProblems('docs/cri.md', ['Mount a', 'Mount b'], [row('b'), row('c'), row('b')]), [
    'docs/cri.md has no row for Mount a',
    'docs/cri.md has a row for Mount c, which is not there',
    'docs/cri.md has Mount b twice',
  ])
})

test('a row names a test that is there, or gives a reason', async () => {
  const titles = async (file: string) => (file === 'a.test.ts' ? ['a mount is read-only'] : [])
  const row = (fate: string, shown: string) => ({ heading: 'Mount', name: 'x', fate, shown })
  const problems = (fate: string, shown: string) => testProblems('docs/cri.md', [row(fate, shown)], titles)
  assert.equal(await problems('yes', '`a.test.ts`: is read-only'), [])
  assert.equal(await problems('not for Linux: refused with its owner', '–'), [])
  assert.match((await problems('yes', '–'))[0] ?? '', 'gives no reason')
  assert.match((await problems('refused: x', '–'))[0] ?? '', 'gives no reason')
  assert.match((await problems('yes', 'somewhere'))[0] ?? '', 'names no test')
  assert.match(
    (await problems('yes', '`a.test.ts`: is read-only; `b.test.ts`: gone'))[0] ?? '',
    'b.test.ts has no test',
  )
})

test('fields are found through every message that a request reaches', () => {
  const messages = {
    Request: { fields: [{ name: 'inner', type: 'Inner' }] },
    Inner: { fields: [{ name: 'text', type: 'string' }] },
    Response: { fields: [{ name: 'other', type: 'string' }] },
  }
  const services = { S: [{ name: 'Do', request: 'Request' }] }
  assert.equal(expectedRows({ services, messages }), ['S Do', 'Request inner', 'Inner text'])
})

test('an option that the page forgets, and one that is no more, are problems', () => {
  const page = '# Page\n\n## `gantry-oci`\n\n| `start` | starts |\n| `start --fast N` | |\n\n## Other\n\n| `stop` | |\n'
  assert.equal(commandLineProblems(new Map([['start', ['slow']]]), page), [
    'docs/oci.md has no row for start --slow',
    'docs/oci.md has a row for start --fast, which is not there',
  ])
})

test('the names of tests are read in every form of quotes', () => {
  const source = "test('one', () => {})\nown(\"two's\", x)\nrootTest(\n  `three`,\n)\nconst test1 = ('four')"
  assert.equal(titlesOf(source), ['one', "two's", 'three'])
})

test.run()
