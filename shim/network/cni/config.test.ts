// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isCniName, isInterfaceName, parseNetworkList, parseSinglePlugin, readListHead } from './config.ts'

const list = (more: object) =>
  JSON.stringify({ cniVersion: '1.0.0', name: 'podnet', plugins: [{ type: 'a' }], ...more })

function refuses(text: string, pattern: RegExp): void {
  assert.throws(
    () => parseNetworkList(text, '10-x.conflist'),
    (error: Error) => {
      assert.match(error.message, pattern)
      assert.match(error.message, 'parse cni configuration "10-x.conflist"')
      return true
    },
  )
}

test('a list keeps its plugins in order, with unknown keys', () => {
  const parsed = parseNetworkList(list({ plugins: [{ type: 'a', odd: { x: [1] } }, { type: 'b' }] }), 'f')
  assert.equal(
    parsed.plugins.map((plugin) => plugin.type),
    ['a', 'b'],
  )
  assert.equal(parsed.plugins[0]?.body, { type: 'a', odd: { x: [1] } })
})

test('of cniVersion and cniVersions the newest known one is spoken', () => {
  const chosen = (more: object) => parseNetworkList(list(more), 'f').cniVersion
  assert.is(chosen({ cniVersion: '0.4.0', cniVersions: ['0.3.1', '1.1.0', '9.9.9'] }), '1.1.0')
  assert.is(chosen({ cniVersion: '1.0.0', cniVersions: ['0.4.0'] }), '1.0.0')
  assert.is(chosen({ cniVersion: '2.0.0', cniVersions: ['0.4.0'] }), '0.4.0')
  assert.is(chosen({ cniVersion: undefined, cniVersions: ['0.4.0'] }), '0.4.0')
})

test('a list without a version is one of the first specification', () => {
  assert.is(parseNetworkList(list({ cniVersion: undefined }), 'f').cniVersion, '0.1.0')
})

test('a version nobody speaks yet is refused by name', () => {
  refuses(list({ cniVersion: '2.0.0' }), /unsupported cniVersion "2\.0\.0", newest known is 1\.1\.0/)
})

test('flags may be booleans or the words true and false', () => {
  assert.is(parseNetworkList(list({ disableCheck: true }), 'f').disableCheck, true)
  assert.is(parseNetworkList(list({ disableCheck: 'true', disableGC: 'false' }), 'f').disableCheck, true)
  assert.is(parseNetworkList(list({ disableGC: 'true' }), 'f').disableGc, true)
  refuses(list({ disableCheck: 'yes' }), /"disableCheck" is not a boolean/)
})

test('broken lists are refused with what is wrong in them', () => {
  refuses('{', /JSON/)
  refuses('[]', /not a JSON object/)
  refuses(list({ name: undefined }), /missing "name"/)
  refuses(list({ name: '../up' }), /invalid name "\.\.\/up"/)
  refuses(list({ name: 'n'.repeat(120) }), /invalid name/)
  refuses(list({ plugins: {} }), /"plugins" is not a list/)
  refuses(list({ plugins: [] }), /"plugins" is empty/)
  refuses(list({ plugins: undefined }), /no plugins/)
  refuses(list({ plugins: [7] }), /plugin 0: not an object/)
  refuses(list({ plugins: [{ type: 'a' }, {}] }), /plugin 1: missing "type"/)
  refuses(list({ cniVersions: '1.0.0' }), /"cniVersions" is not a list of strings/)
  refuses(list({ cniVersion: 1 }), /"cniVersion" is not a string/)
  refuses(list({ plugins: [{ type: 'a', capabilities: [] }] }), /"capabilities" is not an object/)
})

test('a plugin type that is a path is refused', () => {
  for (const type of ['/bin/sh', '../sh', 'a\\b', '..', 'a\0b']) {
    refuses(list({ plugins: [{ type }] }), /is not a file name/)
  }
})

test('only capabilities that are declared true count', () => {
  const parsed = parseNetworkList(
    list({ plugins: [{ type: 'a', capabilities: { dns: true, mac: false, ips: 1 } }] }),
    'f',
  )
  assert.equal(parsed.plugins[0]?.capabilities, ['dns'])
})

test('a single plugin becomes a list of its name and version', () => {
  const parsed = parseSinglePlugin('{"cniVersion":"0.3.1","name":"one","type":"a","x":1}', '10.conf')
  assert.is(parsed.name, 'one')
  assert.is(parsed.cniVersion, '0.3.1')
  assert.equal(parsed.plugins[0]?.body, { cniVersion: '0.3.1', name: 'one', type: 'a', x: 1 })
})

test('a list in a .conf is refused with the advice to rename it', () => {
  assert.throws(() => parseSinglePlugin(list({}), '10.conf'), /belongs into a file named \.conflist/)
})

test('plugin objects of the sibling directory come after the inlined ones', () => {
  const parsed = parseNetworkList(list({}), 'f', [{ file: 'podnet/b.conf', text: '{"type":"b"}' }])
  assert.equal(
    parsed.plugins.map((plugin) => plugin.type),
    ['a', 'b'],
  )
})

test('a list without inlined plugins lives from its sibling directory', () => {
  const text = list({ plugins: undefined })
  assert.is(readListHead(text, 'f').readsSiblingDirectory, true)
  assert.equal(parseNetworkList(text, 'f', [{ file: 'b.conf', text: '{"type":"b"}' }]).plugins.length, 1)
})

test('a list that wants only inlined plugins must have some', () => {
  assert.is(readListHead(list({ loadOnlyInlinedPlugins: true }), 'f').readsSiblingDirectory, false)
  assert.throws(
    () => readListHead(list({ loadOnlyInlinedPlugins: true, plugins: undefined }), 'f'),
    /"loadOnlyInlinedPlugins" is true and there is no "plugins"/,
  )
})

test('the text kept for DEL gives the same list again, siblings included', () => {
  const parsed = parseNetworkList(list({ disableGC: true }), 'f', [{ file: 'b.conf', text: '{"type":"b","k":1}' }])
  assert.equal(parseNetworkList(parsed.text, 'f'), parsed)
  assert.is(readListHead(parsed.text, 'f').readsSiblingDirectory, false)
})

test('names follow the specification', () => {
  assert.equal(['a', 'A1_.-x', '0'].map(isCniName), [true, true, true])
  assert.equal(['', '-a', '.a', 'a/b', 'a b', 'a\n'].map(isCniName), [false, false, false, false, false, false])
  assert.equal(['eth0', 'a23456789012345'].map(isInterfaceName), [true, true])
  assert.equal(['', '.', '..', 'a/b', 'a:b', 'a b', 'a234567890123456'].map(isInterfaceName), [
    false,
    false,
    false,
    false,
    false,
    false,
    false,
  ])
})

test.run()
