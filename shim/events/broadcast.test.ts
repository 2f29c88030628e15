// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { Broadcast } from './broadcast.ts'

const message = (text: string) => ({ text, bytes: Buffer.from(text) })
type Message = ReturnType<typeof message>
const LIMITS = { messages: 3, bytes: 100, subscribers: 2 }
const patient = new AbortController().signal

/** A subscription whose first message is asked for already, as the server does. */
function subscribed(broadcast: Broadcast<Message>, signal = patient) {
  const items = broadcast.subscribe(signal)
  const next = () => items.next().then(({ value }) => (value as Message | undefined)?.text)
  return { first: next(), next }
}

test('every subscriber gets every message from its subscription on, in order', async () => {
  const broadcast = new Broadcast<Message>(LIMITS)
  assert.not(broadcast.isHeard)
  broadcast.publish(message('nobody'))
  const a = subscribed(broadcast)
  broadcast.publish(message('1'))
  const b = subscribed(broadcast)
  broadcast.publish(message('2'))
  broadcast.publish(message('3'))
  assert.equal([await a.first, await a.next(), await a.next()], ['1', '2', '3'])
  assert.equal([await b.first, await b.next()], ['2', '3'])
})

test('one who reads too slowly is cut off and told, the other is not disturbed', async () => {
  const broadcast = new Broadcast<Message>(LIMITS)
  const [slow, quick] = [subscribed(broadcast), subscribed(broadcast)]
  const seen: (string | undefined)[] = []
  broadcast.publish(message('0'))
  seen.push(await quick.first)
  for (const text of ['1', '2', '3', '4']) {
    broadcast.publish(message(text))
    seen.push(await quick.next())
  }
  assert.equal(seen, ['0', '1', '2', '3', '4'])
  assert.is(await slow.first, '0')
  const error = await slow.next().catch((failure: unknown) => failure)
  assert.ok(hasCode(error, 'resource_exhausted'), String(error))
  assert.match(String(error), '4 events')
})

test('what waits is bounded in bytes too', async () => {
  const broadcast = new Broadcast<Message>(LIMITS)
  const slow = subscribed(broadcast)
  broadcast.publish(message('first'))
  assert.is(await slow.first, 'first')
  for (const text of ['x', 'y']) broadcast.publish(message(text.repeat(60)))
  assert.ok(hasCode(await slow.next().catch((failure: unknown) => failure), 'resource_exhausted'))
  assert.not(broadcast.isHeard)
})

test('a subscriber who goes away is forgotten at once', async () => {
  const broadcast = new Broadcast<Message>(LIMITS)
  const abort = new AbortController()
  const { first } = subscribed(broadcast, abort.signal)
  abort.abort(new Error('gone'))
  assert.is(await first.catch((error: Error) => error.message), 'gone')
  assert.not(broadcast.isHeard)
})

test('subscribers are bounded in number, and the end comes after what waits', async () => {
  const broadcast = new Broadcast<Message>(LIMITS)
  const [a] = [subscribed(broadcast), subscribed(broadcast)]
  assert.ok(hasCode(await subscribed(broadcast).first.catch((error: unknown) => error), 'resource_exhausted'))
  broadcast.publish(message('last'))
  broadcast.close()
  assert.equal([await a.first, await a.next()], ['last', undefined])
  assert.is(await subscribed(broadcast).first, undefined)
})

test.run()
