// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseImageId, parseReference } from './reference.ts'

const HEX = 'a'.repeat(64)
const NORMALISED: readonly (readonly [string, string])[] = [
  ['busybox', 'docker.io/library/busybox:latest'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36'],
  ['a/b', 'docker.io/a/b:latest'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['index.docker.io/a/b', 'docker.io/a/b:latest'],
  ['localhost/x', 'localhost/x:latest'],
  ['localhost:5000/x:y', 'localhost:5000/x:y'],
  ['Registry/x', 'Registry/x:latest'],
  ['quay.io/a/b/c__d-e.f', 'quay.io/a/b/c__d-e.f:latest'],
  ['[::1]:5000/x', '[::1]:5000/x:latest'],
  [`h:5000/x@sha256:${HEX}`, `h:5000/x@sha256:${HEX}`],
  [`x:tag@sha256:${HEX}`, `docker.io/library/x@sha256:${HEX}`],
  [`x@sha512:${HEX}${HEX}`, `docker.io/library/x@sha512:${HEX}${HEX}`],
]

for (const [text, wanted] of NORMALISED) {
  test(`${text} means ${wanted}`, () => {
    assert.is(parseReference(text).text, wanted)
  })
}

const REFUSED: readonly (readonly [string, string])[] = [
  ['', 'empty'],
  [HEX, 'image id'],
  ['UPPER', 'lower case'],
  ['quay.io/Upper/x', 'lower case'],
  ['a/b:', 'tag ""'],
  ['a/b:-x', 'tag "-x"'],
  [`a:${'t'.repeat(129)}`, 'tag'],
  ['a@sha256:abc', 'digest'],
  [`a@sha256:${'A'.repeat(64)}`, 'digest'],
  [`a@md5:${HEX}`, 'digest'],
  ['a//b', 'malformed'],
  ['a..b', 'malformed'],
  ['-a', 'malformed'],
  ['../../etc', 'not host'],
  ['quay.io/', 'no repository'],
  ['host:port/x', 'not host'],
  ['a b', 'malformed'],
  [`x/${'y'.repeat(254)}`, 'longer than 255'],
  [`docker.io/${'y'.repeat(5000)}`, 'longer than 4096'],
]

for (const [text, why] of REFUSED) {
  test(`${text.slice(0, 40) || 'nothing'} is refused because of: ${why}`, () => {
    try {
      parseReference(text)
    } catch (error) {
      assert.instance(error, Error)
      assert.match(String(error), why)
      assert.match(String(error), 'parse image reference "')
      return
    }
    assert.unreachable()
  })
}

test('an id and a prefix of one are recognised with and without their algorithm', () => {
  assert.is(parseImageId(`sha256:${HEX}`), HEX)
  assert.is(parseImageId('abc1'), 'abc1')
  assert.is(parseImageId('sha256:abc1'), 'abc1')
  assert.is(parseImageId('busybox'), undefined)
  assert.is(parseImageId(`${HEX}a`), undefined)
})

test.run()
