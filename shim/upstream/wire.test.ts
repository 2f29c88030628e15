// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ImageSpec,
  ListContainersRequest,
  PullImageRequest,
  RunPodSandboxRequest,
  StopContainerRequest,
} from '../../cri-proto/index.ts'
import { seededRandom, suiteSeed } from '../../e2e/harness/seeded-random.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import { contents, fields, mapValue, messageAt, numberAt, textAt } from './wire.ts'

const ROUNDS = 3000

test('texts, numbers and maps are found as the codec wrote them', () => {
  const random = seededRandom(suiteSeed())
  const text = (): string =>
    Array.from({ length: random() * 40 }, () => String.fromCodePoint(32 + Math.floor(random() * 9000))).join('')
  for (let round = 0; round < 300; round++) {
    const [uid, handler, image, key, value, id] = [text(), text(), text(), text(), text(), text()]
    const run = encode(RunPodSandboxRequest, { config: { metadata: { uid } }, runtimeHandler: handler })
    assert.is(textAt(run, 1, 1, 2), uid)
    assert.is(textAt(run, 2), handler)
    const pull = encode(PullImageRequest, { image: { image, annotations: { other: 'x', [key]: value } } })
    assert.is(textAt(pull, 1, 1), image)
    assert.is(mapValue(messageAt(pull, 1), 2, key), value)
    assert.is(mapValue(messageAt(pull, 1), 2, `${key}?`), undefined)
    const list = encode(ListContainersRequest, { filter: { podSandboxId: id, labelSelector: { [key]: value } } })
    assert.is(textAt(list, 1, 3), id)
    const timeout = Math.floor(random() * 2 ** 40)
    const stop = encode(StopContainerRequest, { containerId: id, timeout: BigInt(timeout) })
    assert.is(numberAt(stop, 2), timeout)
  }
})

test('the fields of a message are all of its bytes, in their order', () => {
  const message = encode(PullImageRequest, {
    image: { image: 'i', annotations: { a: '1', b: '2' }, runtimeHandler: 'h' },
    auth: { username: 'u' },
  })
  assert.equal(Buffer.concat([...fields(message)].map(({ raw }) => raw)), message)
})

test('what comes in parts is what a decoder makes of it', () => {
  const parts = [{ image: 'a', runtimeHandler: 'x' }, { image: 'b' }].map((part) => encode(ImageSpec, part))
  const wrapped = Buffer.concat(parts.map((part) => Buffer.concat([Buffer.of(10, part.length), part])))
  assert.is(textAt(wrapped, 1, 1), 'b')
  assert.is(textAt(wrapped, 1, 19), 'x')
  assert.is(contents(wrapped, 1).length, 2)
})

test('bytes that are no message are refused, and never read beyond their end', () => {
  const random = seededRandom(suiteSeed() + 1)
  const whole = encode(RunPodSandboxRequest, {
    config: { metadata: { name: 'n', uid: 'u' }, labels: { a: 'b' }, logDirectory: '/l' },
    runtimeHandler: 'gantry',
  })
  let refused = 0
  for (let round = 0; round < ROUNDS; round++) {
    const damaged = damage(whole, random)
    try {
      const parts = [...fields(damaged)]
      assert.equal(Buffer.concat(parts.map(({ raw }) => raw)), damaged)
    } catch (error) {
      assert.ok(error instanceof GantryError, String(error))
      assert.is(error.code, 'invalid_argument')
      refused++
    }
  }
  assert.ok(refused > ROUNDS / 10, `${refused} of ${ROUNDS} refused`)
  for (const length of [0, 1, 5, 9, 10, 11, 64]) assert.not.throws(() => tryAll(Buffer.alloc(length, 0xff)))
})

/** Bytes changed, cut off, put in or made up. */
function damage(whole: Buffer, random: () => number): Buffer {
  const kind = Math.floor(random() * 4)
  const at = Math.floor(random() * whole.length)
  if (kind === 0) return whole.subarray(0, at)
  if (kind === 1) return Buffer.from(Array.from({ length: random() * 60 }, () => random() * 256))
  if (kind === 2) return Buffer.concat([whole.subarray(0, at), Buffer.of(random() * 256), whole.subarray(at)])
  const changed = Buffer.from(whole)
  changed[at] = random() * 256
  return changed
}

function tryAll(bytes: Buffer): void {
  try {
    Array.from(fields(bytes))
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
  }
}

interface Codec<M, P> {
  encode(message: M): { finish(): Uint8Array }
  fromPartial(partial: P): M
}

function encode<M, P>(codec: Codec<M, P>, partial: P): Buffer {
  return Buffer.from(codec.encode(codec.fromPartial(partial)).finish())
}

test.run()
