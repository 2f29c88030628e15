// SPDX-License-Identifier: Apache-2.0
import { duplexPair } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../e2e/harness/seeded-random.ts'
import type { GantryError } from '../../../runtime-core/errors.ts'
import { SpdyClient, synStream } from '../testing/spdy-client.ts'
import { CONTROL, controlFrame, dataHead } from './frames.ts'
import { SESSION_LIMITS, type SessionLimits, SpdySession } from './session.ts'
import type { SpdyStream } from './stream.ts'

/** A session whose streams do nothing but keep what comes; `consume` is the consumer's word that it has taken it. */
class Room {
  readonly client: SpdyClient
  readonly session: SpdySession
  readonly streams: SpdyStream[] = []
  readonly came: string[] = []
  readonly unconsumed: (() => void)[] = []
  readonly closed = Promise.withResolvers<GantryError | undefined>()
  refuses = false
  drained = 0

  constructor(limits: Partial<SessionLimits> = {}) {
    const [ours, theirs] = duplexPair()
    this.client = new SpdyClient(theirs)
    this.session = new SpdySession(
      ours,
      { open: (stream) => this.#open(stream), closed: (error) => this.closed.resolve(error) },
      { ...SESSION_LIMITS, ...limits },
    )
  }

  #open(stream: SpdyStream) {
    if (this.refuses) return undefined
    this.streams.push(stream)
    return {
      data: (bytes: Buffer, consumed: () => void) => {
        this.came.push(bytes.toString())
        this.unconsumed.push(consumed)
      },
      end: () => this.came.push('<end>'),
      drained: () => this.drained++,
      closed: () => this.came.push('<closed>'),
    }
  }

  stream(index: number): SpdyStream {
    const found = this.streams[index]
    if (found === undefined) throw new Error(`no stream ${index}`)
    return found
  }

  types(): number[] {
    return this.client.frames.map(({ type }) => type)
  }
}

/** Waits until `probe` holds: everything here happens in this process, within a few turns of its loop. */
async function until(what: string, probe: () => boolean): Promise<void> {
  for (let turns = 0; turns < 2000; turns++) {
    if (probe()) return
    await turn()
  }
  throw new Error(`in vain: ${what}`)
}

test('a stream is accepted, carries bytes both ways, and ends on each side by itself', async () => {
  const room = new Room()
  const stream = await room.client.open({ streamtype: 'data', port: '80' })
  assert.is(room.stream(0).headers.get('port'), '80')
  stream.write('question')
  stream.end()
  await until('the question came', () => room.came.at(-1) === '<end>')
  assert.equal(room.came, ['question', '<end>'])
  room.stream(0).write(Buffer.from('answer'))
  room.stream(0).end()
  assert.is(await stream.text, 'answer')
  room.session.close()
  assert.is(await room.closed.promise, undefined)
})

test('many streams share one header compression, in the order they were opened', async () => {
  const room = new Room()
  const opened = await Promise.all(
    [1, 2, 3, 4].map((n) => room.client.open({ streamtype: 'data', requestid: String(n) })),
  )
  assert.equal(
    room.streams.map(({ headers }) => headers.get('requestid')),
    ['1', '2', '3', '4'],
  )
  assert.is(opened.length, 4)
  room.session.destroy()
})

test('a stream that nobody wants is reset, and the next is welcome', async () => {
  const room = new Room()
  room.refuses = true
  const refused = await room.client.open({ streamtype: 'nonsense' }).catch(String)
  assert.match(String(refused), /was reset/)
  room.refuses = false
  await room.client.open({ streamtype: 'data' })
  room.session.destroy()
})

test('streams beyond the bound are refused; those there are go on', async () => {
  const room = new Room({ maxStreams: 2 })
  const first = await room.client.open({})
  await room.client.open({})
  assert.match(String(await room.client.open({}).catch(String)), /reset: status 3/)
  first.write('still here')
  await until('it came', () => room.came.includes('still here'))
  room.session.destroy()
})

test('an id that is used again, goes down or is even is reset', async () => {
  const room = new Room()
  await room.client.open({})
  await room.client.open({})
  for (const id of [3, 1, 8]) room.client.send(synStream(id, await room.client.headerBlock({})))
  await until('three resets', () => room.types().filter((type) => type === CONTROL.rstStream).length === 3)
  assert.is(room.streams.length, 2)
  room.session.destroy()
})

test('frames for streams that are not there are passed over', async () => {
  const room = new Room()
  room.client.send(dataHead(99, 3, true), Buffer.from('abc'))
  room.client.send(controlFrame(CONTROL.rstStream, 0, [99, 5]), controlFrame(CONTROL.windowUpdate, 0, [99, 5]))
  room.client.send(controlFrame(CONTROL.headers, 1, [99], await room.client.headerBlock({ a: 'b' })))
  await room.client.open({})
  room.session.destroy()
})

test('what comes after a stream was ended is dropped, and does not count', async () => {
  const room = new Room({ unconsumedBytes: 10 })
  const stream = await room.client.open({})
  stream.end()
  for (let n = 0; n < 10; n++) stream.write('late')
  await room.client.open({})
  assert.equal(room.came, ['<end>'])
  room.session.destroy()
})

test('a client that breaks the protocol loses its connection, and its streams are told', async () => {
  const room = new Room()
  await room.client.open({})
  room.client.send(controlFrame(77, 0, []))
  assert.match(String(await room.closed.promise), /read SPDY\/3.1/)
  assert.ok(room.came.includes('<closed>'))
})

test('a header block that is garbage ends the connection', async () => {
  const room = new Room()
  room.client.send(synStream(1, Buffer.from('garbage')))
  assert.match(String(await room.closed.promise), /not to be read/)
})

test('a client that goes away takes its streams along', async () => {
  const room = new Room()
  await room.client.open({})
  room.client.socket.destroy()
  await room.closed.promise
  assert.equal(room.came, ['<closed>'])
})

test('a reset of the client is told once and forgets the stream', async () => {
  const room = new Room()
  const stream = await room.client.open({})
  stream.reset()
  stream.reset()
  await until('it was told', () => room.came.length > 0)
  await room.client.open({})
  assert.equal(room.came, ['<closed>'])
  assert.is(room.stream(0).write(Buffer.from('to nobody')), true)
  room.session.destroy()
})

test('the client’s pings are answered, answers to ours are not', async () => {
  const room = new Room()
  room.client.send(
    controlFrame(CONTROL.ping, 0, [1]),
    controlFrame(CONTROL.ping, 0, [2]),
    controlFrame(CONTROL.ping, 0, [3]),
  )
  await until('two answers', () => room.client.frames.length === 2)
  assert.equal(
    room.client.frames.map(({ payload }) => payload.readUInt32BE(0)),
    [1, 3],
  )
  room.session.destroy()
})

test('the connection is not read while more waits for consumers than it may, and read again when they have it', async () => {
  const room = new Room({ unconsumedBytes: 1000 })
  const stream = await room.client.open({})
  for (let n = 0; n < 200; n++) stream.write(Buffer.alloc(1000, 'x'))
  const bytes = (): number => room.came.reduce((sum, text) => sum + text.length, 0)
  await until('the first came', () => bytes() > 1000)
  for (let n = 0; n < 50; n++) await turn()
  assert.ok(bytes() < 70_000, `${bytes()} bytes came though none were consumed`)
  await until('all came', () => {
    for (const consumed of room.unconsumed.splice(0)) consumed()
    return bytes() === 200_000
  })
  room.session.destroy()
})

test('consumed bytes are given back to the windows of a client that counts', async () => {
  const room = new Room()
  const stream = await room.client.open({})
  stream.write(Buffer.alloc(40_000))
  await until('it came', () => room.unconsumed.length > 0 && room.came.join('').length === 40_000)
  for (const consumed of room.unconsumed) consumed()
  await until('credit', () => room.types().filter((type) => type === CONTROL.windowUpdate).length === 2)
  const credit = room.client.frames.filter(({ type }) => type === CONTROL.windowUpdate)
  assert.equal(credit.map(({ streamId }) => streamId).sort(), [0, stream.id])
  room.session.destroy()
})

test('a client without windows gets all there is; one with windows what it granted', async () => {
  const room = new Room()
  const free = await room.client.open({})
  room.stream(0).write(Buffer.alloc(200_000))
  await until('all came', () => free.received === 200_000)

  room.client.send(controlFrame(CONTROL.settings, 0, [1, 7, 1000]))
  const narrow = await room.client.open({})
  assert.is(room.stream(1).write(Buffer.alloc(3000)), false)
  await until('the window is used', () => narrow.received === 1000)
  room.stream(1).end()
  room.client.send(controlFrame(CONTROL.windowUpdate, 0, [narrow.id, 1500]))
  await until('more came', () => narrow.received === 2500)
  room.client.send(controlFrame(CONTROL.windowUpdate, 0, [narrow.id, 1500]))
  await narrow.text
  assert.is(narrow.received, 3000)
  room.session.destroy()
})

test('closing waits for what is queued, and says goodbye', async () => {
  const room = new Room()
  const stream = await room.client.open({})
  room.stream(0).write(Buffer.alloc(1 << 20, 'z'))
  room.stream(0).end()
  room.session.close()
  assert.is((await stream.text).length, 1 << 20)
  await room.client.closed
  assert.is(room.types().at(-1), CONTROL.goAway)
})

test('a session without a frame in either direction is closed', async () => {
  // The session's own timer does not keep a process alive; here nothing else does.
  const alive = setInterval(() => undefined, 1000)
  const room = new Room({ idleMs: 20 })
  const stream = await room.client.open({})
  await stream.text
  await room.client.closed
  assert.is(room.types().at(-1), CONTROL.goAway)
  await room.closed.promise
  clearInterval(alive)
})

test('a client that asks without reading the answers is cut off', async () => {
  const room = new Room()
  room.client.socket.pause()
  const pings = Buffer.concat(Array.from({ length: 5000 }, () => controlFrame(CONTROL.ping, 0, [1])))
  let over = false
  const closed = room.closed.promise.finally(() => {
    over = true
  })
  for (let n = 0; n < 200 && !over; n++) {
    room.client.send(pings)
    await turn()
  }
  assert.match(String(await closed), /without reading/)
})

/** Frames of every kind, most of them well formed, few of them in place. */
async function anyFrame(client: SpdyClient, below: (limit: number) => number): Promise<Buffer[]> {
  const id = below(9)
  const odd = 2 * below(20) + 1
  switch (below(9)) {
    case 0:
      return [synStream(odd, await client.headerBlock({ streamtype: 'data' }))]
    case 1:
      return [dataHead(odd, 4, below(4) === 0), Buffer.from('data')]
    case 2:
      return [controlFrame(CONTROL.rstStream, 0, [odd, 5])]
    case 3:
      return [controlFrame(CONTROL.windowUpdate, 0, [below(2) === 0 ? 0 : odd, below(0x7fff_ffff)])]
    case 4:
      return [controlFrame(CONTROL.settings, 0, [1, 7, below(100_000)])]
    case 5:
      return [controlFrame(CONTROL.headers, below(2), [odd], await client.headerBlock({ more: 'x' }))]
    case 6:
      return [controlFrame(CONTROL.ping, 0, [id])]
    case 7:
      return below(20) === 0 ? [controlFrame(CONTROL.goAway, 0, [odd, 0])] : []
    default:
      // Now and then what no protocol has: it has to end the connection, and nothing else.
      return below(10) === 0 ? [Buffer.from(Array.from({ length: 8 + id }, () => below(256)))] : []
  }
}

test('frames of all kinds in any order end at most their own session, and every stream is told once', async () => {
  const random = seededRandom(20_261_125)
  const below = (limit: number): number => Math.floor(random() * limit)
  let [broken, whole, opened] = [0, 0, 0]
  for (let round = 0; round < 300; round++) {
    const room = new Room({ maxStreams: 5, unconsumedBytes: 1000 })
    let failure: GantryError | undefined
    let over = false
    room.closed.promise.then((error) => {
      failure = error
      over = true
    })
    for (let n = 0; n < 60 && !over; n++) {
      for (const bytes of await anyFrame(room.client, below)) room.client.send(bytes)
      if (below(4) === 0) await turn()
      for (const consumed of room.unconsumed.splice(0, below(5))) consumed()
      const stream = room.streams[below(room.streams.length + 1)]
      if (below(3) === 0) stream?.write(Buffer.from('answer'))
      if (below(9) === 0) stream?.end()
    }
    room.session.destroy()
    await until('the session is over', () => over)
    if (failure === undefined) whole++
    else broken++
    opened += room.streams.length
    assert.ok(room.streams.length <= 60)
    assert.ok(room.came.filter((text) => text === '<closed>').length <= room.streams.length, room.came.join())
  }
  assert.ok(broken > 20 && whole > 20 && opened > 300, `${broken} broken, ${whole} whole, ${opened} streams`)
})

test.run()
