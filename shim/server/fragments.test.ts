// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Container, ListContainersResponse, StreamContainersResponse } from '../../cri-proto/index.ts'
import { Fragments } from './fragments.ts'

const containers = Array.from({ length: 3 }, (_, index) =>
  Container.fromPartial({ id: `c${index}`, labels: { text: 'x'.repeat(index * 20_000) }, createdAt: 2n ** 60n }),
)

test('a list put together of fragments is the list', () => {
  const { bytes } = new Fragments((record: Container) => Container.encode(record).finish()).join(containers)
  assert.equal(bytes, Buffer.from(ListContainersResponse.encode({ containers }).finish()))
})

test('a record is encoded once, a changed one anew', () => {
  let encoded = 0
  const fragments = new Fragments((record: Container) => {
    encoded++
    return Container.encode(record).finish()
  })
  fragments.join(containers)
  fragments.join(containers)
  assert.is(encoded, 3)
  const changed = containers.map((container, index) => (index === 1 ? { ...container, id: 'other' } : container))
  const { bytes } = fragments.join(changed)
  assert.is(encoded, 4)
  assert.is(ListContainersResponse.decode(bytes).containers[1]?.id, 'other')
})

test('an empty list is an empty message', () => {
  assert.is(new Fragments((record: Container) => Container.encode(record).finish()).join([]).bytes.length, 0)
})

test('a streamed list has each item once, in messages of bounded size, and none without an item', () => {
  const many = Array.from({ length: 100 }, (_, index) =>
    Container.fromPartial({ id: `c${index}`, labels: { text: 'x'.repeat(20_000) } }),
  )
  const fragments = new Fragments((record: Container) => Container.encode(record).finish())
  const messages = [...fragments.chunks(many)]
  const lists = messages.map(({ bytes }) => StreamContainersResponse.decode(bytes).containers)
  assert.equal(
    lists.flat().map(({ id }) => id),
    many.map(({ id }) => id),
  )
  assert.ok(lists.length > 1)
  assert.ok(messages.every(({ bytes }) => bytes.length < 300_000))
  assert.ok(lists.every((list) => list.length > 0))
  assert.equal([...fragments.chunks([])], [])
})

test.run()
