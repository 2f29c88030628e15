// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chainIds, parseConfig, parseManifest } from './manifest.ts'

const DIGEST = `sha256:${'1'.repeat(64)}`
const OCI = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const CONFIG = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: DIGEST, size: 2 }
const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const manifest = (change: object = {}) =>
  json({
    schemaVersion: 2,
    mediaType: OCI,
    config: CONFIG,
    layers: [{ mediaType: LAYER, digest: DIGEST, size: 1 }],
    ...change,
  })

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return String(error)
  }
  throw new Error('it was accepted')
}

test('a manifest is read whatever parameters its content type carries', () => {
  const parsed = parseManifest(manifest(), `${OCI}; charset=utf-8`, 'x')
  assert.is(parsed.kind, 'manifest')
  assert.is(parsed.kind === 'manifest' && parsed.layers.length, 1)
})

test('a document without any type is told by its fields', () => {
  assert.is(parseManifest(manifest({ mediaType: undefined }), '', 'x').kind, 'manifest')
  assert.is(parseManifest(json({ schemaVersion: 2, manifests: [] }), 'application/json', 'x').kind, 'index')
})

test('a document that could be read both ways is refused', () => {
  const both = manifest({ mediaType: undefined, manifests: [] })
  assert.match(
    refusal(() => parseManifest(both, OCI, 'x')),
    'both manifests and layers',
  )
  assert.match(
    refusal(() => parseManifest(manifest(), INDEX, 'x')),
    'the registry says',
  )
})

test('schema 1, encrypted layers and artifacts are refused by name', () => {
  assert.match(
    refusal(() => parseManifest(json({ schemaVersion: 1 }), '', 'x')),
    'schema 1',
  )
  const encrypted = manifest({ layers: [{ mediaType: `${LAYER}+encrypted`, digest: DIGEST, size: 1 }] })
  assert.match(
    refusal(() => parseManifest(encrypted, OCI, 'x')),
    'encrypted',
  )
  const artifact = manifest({ layers: [{ mediaType: 'application/wasm', digest: DIGEST, size: 1 }] })
  assert.match(
    refusal(() => parseManifest(artifact, OCI, 'x')),
    'application/wasm',
  )
})

const BAD_LAYERS: readonly (readonly [string, unknown])[] = [
  ['no digest', { mediaType: LAYER, size: 1 }],
  ['a digest that climbs', { mediaType: LAYER, digest: '../../../etc', size: 1 }],
  ['a negative size', { mediaType: LAYER, digest: DIGEST, size: -1 }],
  ['a size beyond all numbers', { mediaType: LAYER, digest: DIGEST, size: 1e30 }],
  ['nothing', null],
]
for (const [what, layer] of BAD_LAYERS) {
  test(`a layer with ${what} is refused`, () => {
    assert.match(
      refusal(() => parseManifest(manifest({ layers: [layer] }), OCI, 'x')),
      /^GantryError: read manifest "x"/,
    )
  })
}

test('text that is not JSON is refused', () => {
  assert.match(
    refusal(() => parseManifest(Buffer.from('<html>'), OCI, 'x')),
    'it is not JSON',
  )
  assert.match(
    refusal(() => parseManifest(Buffer.from('[]'), OCI, 'x')),
    'not a JSON object',
  )
})

test('a config must have as many diff ids as there are layers', () => {
  const config = json({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [DIGEST] } })
  assert.equal(parseConfig(config, 1, 'x').diffIds, [DIGEST])
  assert.match(
    refusal(() => parseConfig(config, 2, 'x')),
    '1 diff ids for 2 layers',
  )
  assert.match(
    refusal(() => parseConfig(json({}), 0, 'x')),
    'no rootfs',
  )
})

test('chain ids follow the specification', () => {
  const [a, b] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`]
  const chain = chainIds([a, b])
  assert.is(chain[0], a)
  // printf 'sha256:aa… sha256:bb…' | sha256sum
  assert.is(chain[1], 'sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c')
})

test.run()
