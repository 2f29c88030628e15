// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { Metadata, status } from '@grpc/grpc-js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  Container,
  ContainerEventType,
  ContainerStatusRequest,
  ListContainersResponse,
  PodSandboxConfig,
  RunPodSandboxRequest,
  StatusResponse,
  StreamContainersResponse,
  VersionResponse,
} from '../../cri-proto/index.ts'
import { TwoRuntimes } from './testing/bench-of-two.ts'
import { NEW_STREAM, NEW_UNARY } from './testing/fake-upstream.ts'

const RUNTIME = '/runtime.v1.RuntimeService/'
const OURS = 'a'.repeat(64)
const OUR_CONTAINER = 'b'.repeat(64)
const THEIRS = 'c'.repeat(64)
/** Field 1000, length-delimited: nobody here knows it. */
const UNKNOWN_FIELD = Buffer.from([0xc2, 0x3e, 3, 1, 2, 3])

function containers(...ids: string[]): Buffer {
  const message = { containers: ids.map((id) => Container.fromPartial({ id })) }
  return Buffer.from(ListContainersResponse.encode(message).finish())
}

const listOurs = { listContainers: () => ListContainersResponse.fromPartial({ containers: [{ id: OUR_CONTAINER }] }) }

test('a method that nobody here knows is passed on, with bytes, metadata and trailers as they are', async () => {
  await using two = await TwoRuntimes.start({})
  const [request, answer] = [randomBytes(300), randomBytes(5000)]
  const header = new Metadata()
  header.add('x-many', 'one')
  header.add('x-many', 'two')
  header.set('x-data-bin', Buffer.from([0, 1, 255]))
  const trailer = new Metadata()
  trailer.set('x-trailer', 'told')
  two.upstream.on(NEW_UNARY, () => ({ messages: [answer], header, trailer }))
  const metadata = new Metadata()
  metadata.set('x-from-client', 'yes')
  metadata.set('x-key-bin', Buffer.from([9, 8, 7]))
  const outcome = await two.call(NEW_UNARY, request, { metadata, deadline: Date.now() + 60_000 })
  assert.is(outcome.error, undefined)
  assert.equal(outcome.messages, [answer])
  assert.equal(outcome.header.get('x-many'), ['one, two'])
  assert.equal(outcome.header.get('x-data-bin'), [Buffer.from([0, 1, 255])])
  assert.equal(outcome.trailer.get('x-trailer'), ['told'])
  const [seen] = two.upstream.calls
  assert.equal(seen?.request, request)
  assert.equal(seen?.metadata.get('x-from-client'), ['yes'])
  assert.equal(seen?.metadata.get('x-key-bin'), [Buffer.from([9, 8, 7])])
  assert.ok(seen !== undefined && seen.remainingMs > 30_000 && seen.remainingMs <= 60_000)
})

test('a stream that nobody here knows is passed on, message by message, with the status at its end', async () => {
  await using two = await TwoRuntimes.start({})
  const messages = Array.from({ length: 50 }, (_, index) => randomBytes(index * 1000))
  two.upstream.on(NEW_STREAM, () => ({ messages, code: status.ABORTED, details: 'gnug für hüt: 100 %' }))
  const outcome = await two.call(NEW_STREAM, Buffer.alloc(0))
  assert.equal(outcome.messages, messages)
  assert.is(outcome.error?.code, status.ABORTED)
  assert.is(outcome.error?.details, 'gnug für hüt: 100 %')
})

test('messages larger than those of containerd pass in both directions', async () => {
  await using two = await TwoRuntimes.start({})
  const [request, answer] = [randomBytes(20 << 20), randomBytes(40 << 20)]
  two.upstream.on('ContainerStatus', () => ({ messages: [answer] }))
  const known = ContainerStatusRequest.encode({ containerId: THEIRS, verbose: false }).finish()
  // Field 1000 with all those bytes.
  const large = Buffer.concat([known, Buffer.from([0xc2, 0x3e, 0x80, 0x80, 0x80, 0x0a]), request])
  const outcome = await two.call(`${RUNTIME}ContainerStatus`, large)
  assert.is(outcome.error, undefined)
  assert.ok(outcome.messages[0]?.equals(answer))
  assert.ok(two.upstream.calls[0]?.request.equals(large))
})

test('a call that is given up is given up behind us too', async () => {
  await using two = await TwoRuntimes.start({})
  const arrived = Promise.withResolvers<{ cancelled: Promise<void> }>()
  two.upstream.on('ContainerStatus', ({ cancelled }) => {
    arrived.resolve({ cancelled })
    return new Promise(() => undefined)
  })
  const request = Buffer.from(ContainerStatusRequest.encode({ containerId: THEIRS, verbose: false }).finish())
  const call = two.stream(`${RUNTIME}ContainerStatus`, request)
  call.on('error', () => undefined)
  const { cancelled } = await arrived.promise
  call.cancel()
  await cancelled
})

test('requests for our containers are answered here, all others behind, unknown fields and all', async () => {
  const asked: string[] = []
  await using two = await TwoRuntimes.start({
    runtime: {
      stopContainer: ({ containerId }) => {
        asked.push(containerId)
        return {}
      },
    },
  })
  two.addPod(OURS, OUR_CONTAINER)
  two.upstream.on('StopContainer', () => ({ messages: [UNKNOWN_FIELD] }))
  await two.client.runtime.stopContainer({ containerId: OUR_CONTAINER })
  assert.equal(asked, [OUR_CONTAINER])
  assert.is(two.upstream.calls.length, 0)
  const request = Buffer.concat([
    ContainerStatusRequest.encode({ containerId: THEIRS, verbose: false }).finish(),
    UNKNOWN_FIELD,
  ])
  const outcome = await two.call(`${RUNTIME}StopContainer`, request)
  assert.equal(outcome.messages, [UNKNOWN_FIELD])
  assert.equal(two.upstream.calls[0]?.request, request)
})

test('the handler decides where a pod runs; one without a handler runs where it always has', async () => {
  await using two = await TwoRuntimes.start({ runtime: { runPodSandbox: () => ({ podSandboxId: OURS }) } })
  two.upstream.on('RunPodSandbox', () => ({
    messages: [Buffer.from(RunPodSandboxRequest.encode(RunPodSandboxRequest.fromPartial({})).finish())],
  }))
  const config = PodSandboxConfig.create({ metadata: { name: 'p', uid: 'u', namespace: 'n', attempt: 0 } })
  const ours = await two.client.runtime.runPodSandbox({ config, runtimeHandler: 'gantry' })
  assert.is(ours.podSandboxId, OURS)
  await two.client.runtime.runPodSandbox({ config, runtimeHandler: '' })
  await two.client.runtime.runPodSandbox({ config, runtimeHandler: 'kata' })
  assert.is(two.upstream.calls.length, 2)
})

test('a list is theirs as it came, then ours', async () => {
  await using two = await TwoRuntimes.start({ runtime: listOurs })
  const theirs = Buffer.concat([containers(THEIRS), UNKNOWN_FIELD])
  two.upstream.on('ListContainers', () => ({ messages: [theirs] }))
  const outcome = await two.call(`${RUNTIME}ListContainers`, Buffer.alloc(0))
  assert.equal(outcome.messages, [Buffer.concat([theirs, containers(OUR_CONTAINER)])])
})

test('a list that names a container asks only the runtime that has it', async () => {
  await using two = await TwoRuntimes.start({ runtime: listOurs })
  two.addPod(OURS, OUR_CONTAINER)
  two.upstream.on('ListContainers', () => ({ messages: [containers(THEIRS)] }))
  const filter = { id: OUR_CONTAINER, state: undefined, podSandboxId: '', labelSelector: {} }
  const ours = await two.client.runtime.listContainers({ filter })
  assert.equal(
    ours.containers.map(({ id }) => id),
    [OUR_CONTAINER],
  )
  const theirs = await two.client.runtime.listContainers({ filter: { ...filter, id: THEIRS } })
  assert.equal(
    theirs.containers.map(({ id }) => id),
    [THEIRS],
  )
  assert.is(two.upstream.calls.length, 1)
})

test('a streamed list has the messages of both, and is UNIMPLEMENTED where theirs is', async () => {
  await using two = await TwoRuntimes.start({
    runtime: {
      streamContainers: () => [StreamContainersResponse.fromPartial({ containers: [{ id: OUR_CONTAINER }] })],
    },
  })
  const refused = await two.call(`${RUNTIME}StreamContainers`, Buffer.alloc(0))
  assert.is(refused.error?.code, status.UNIMPLEMENTED)
  two.upstream.on('StreamContainers', () => ({ messages: [containers('x'), containers('y', 'z')] }))
  const outcome = await two.call(`${RUNTIME}StreamContainers`, Buffer.alloc(0))
  assert.equal(outcome.messages, [containers('x'), containers('y', 'z'), containers(OUR_CONTAINER)])
})

test('an abbreviated id that fits both runtimes is refused; one that fits ours alone is ours', async () => {
  await using two = await TwoRuntimes.start({ runtime: { stopContainer: () => ({}) } })
  two.addPod(OURS, OUR_CONTAINER)
  two.upstream.on('ListContainers', () => ({ messages: [containers(`bbb${THEIRS}`)] }))
  const error = await two.client.runtime.stopContainer({ containerId: 'bbb' }).catch((failure: unknown) => failure)
  assert.is((error as { code: number }).code, status.INVALID_ARGUMENT)
  two.upstream.on('ListContainers', () => ({ messages: [containers()] }))
  await two.client.runtime.stopContainer({ containerId: 'bbbb' })
})

test('a runtime that is away is named; lists fail rather than lose its pods; ours go on; it is found when it is back', async () => {
  await using two = await TwoRuntimes.start({
    runtime: {
      ...listOurs,
      stopContainer: () => ({}),
      status: () =>
        StatusResponse.fromPartial({
          status: { conditions: [{ type: 'NetworkReady', status: true }] },
          runtimeHandlers: [{ name: '', features: { userNamespaces: true } }],
        }),
    },
  })
  two.addPod(OURS, OUR_CONTAINER)
  const theirs = StatusResponse.fromPartial({
    status: {
      conditions: [
        { type: 'RuntimeReady', status: true },
        { type: 'NetworkReady', status: true },
      ],
    },
    runtimeHandlers: [{ name: '' }, { name: 'runc' }],
  })
  two.upstream.on('Status', () => ({ messages: [Buffer.from(StatusResponse.encode(theirs).finish())] }))
  two.upstream.on('ListContainers', () => ({ messages: [containers(THEIRS)] }))
  const before = await two.client.runtime.status({})
  assert.equal(
    before.runtimeHandlers.map(({ name }) => name),
    ['', 'runc', 'gantry'],
  )
  assert.is(before.runtimeHandlers[2]?.features?.userNamespaces, true)
  assert.equal(
    before.status?.conditions.map(({ type }) => type),
    ['RuntimeReady', 'NetworkReady', 'GantryReady', 'GantryNetworkReady'],
  )

  two.upstream.kill()
  for (const method of ['ListContainers', 'Version', 'GetContainerEventsOfTomorrow']) {
    const { error } = await two.call(`${RUNTIME}${method}`, Buffer.alloc(0))
    assert.is(error?.code, status.UNAVAILABLE, method)
    assert.match(error?.details ?? '', /theirs\.sock/)
  }
  await two.client.runtime.stopContainer({ containerId: OUR_CONTAINER })
  const away = await two.client.runtime.status({})
  const ready = away.status?.conditions.find(({ type }) => type === 'RuntimeReady')
  assert.is(ready?.status, false)
  assert.is(ready?.reason, 'UpstreamUnavailable')
  assert.match(ready?.message ?? '', /theirs\.sock/)
  assert.equal(
    away.runtimeHandlers.map(({ name }) => name),
    ['', 'runc', 'gantry'],
  )

  await two.upstream.start()
  const back = await two.client.runtime.listContainers({})
  assert.is(back.containers.length, 2)
})

test('a call under way when the runtime dies ends as UNAVAILABLE', async () => {
  await using two = await TwoRuntimes.start({})
  two.upstream.on('Version', () => {
    two.upstream.kill()
    return new Promise(() => undefined)
  })
  const { error } = await two.call(`${RUNTIME}Version`, Buffer.alloc(0))
  assert.is(error?.code, status.UNAVAILABLE)
  assert.match(error?.details ?? '', /theirs\.sock/)
})

test('events of both come in one stream; when a lost runtime is back the stream says that some may be missing', async () => {
  const { promise: more, resolve: publishMore } = Promise.withResolvers<void>()
  await using two = await TwoRuntimes.start({
    runtime: {
      async *getContainerEvents(_, { signal }) {
        yield event('ours-1')
        await more
        yield event('ours-2')
        await new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    },
  })
  const forever = new Promise<void>(() => undefined)
  two.upstream.on('GetContainerEvents', () => ({
    messages: [Buffer.from(VersionResponse.encode(version).finish())],
    until: forever,
  }))
  const seen: string[] = []
  const ended = (async () => {
    for await (const { containerId } of two.client.runtime.getContainerEvents({})) {
      seen.push(containerId)
      if (seen.length === 2) {
        two.upstream.kill()
        publishMore()
      }
      if (seen.length === 3) await two.upstream.start()
    }
  })()
  const error = await ended.then(
    () => undefined,
    (failure: unknown) => failure as { code: number; details: string },
  )
  assert.equal(seen.toSorted(), ['0.1.0', 'ours-1', 'ours-2'])
  assert.is(error?.code, status.UNAVAILABLE)
  assert.match(error?.details ?? '', /events may be missing/)
})

test('a runtime without events ends the stream as it does alone', async () => {
  await using two = await TwoRuntimes.start({
    runtime: {
      async *getContainerEvents(_, { signal }) {
        await new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        yield event('never')
      },
    },
  })
  const { error } = await two.call(`${RUNTIME}GetContainerEvents`, Buffer.alloc(0))
  assert.is(error?.code, status.UNIMPLEMENTED)
})

test('new pods of ours are refused while the cgroup drivers differ', async () => {
  await using two = await TwoRuntimes.start({
    runtime: { runPodSandbox: () => ({ podSandboxId: OURS }) },
    refusal: () => 'cgroup driver: upstream uses "systemd", this daemon "cgroupfs"',
  })
  const error = await two.client.runtime
    .runPodSandbox({ runtimeHandler: 'gantry' })
    .catch((failure: unknown) => failure)
  assert.is((error as { code: number }).code, status.FAILED_PRECONDITION)
  assert.match((error as { details: string }).details, /upstream uses "systemd"/)
})

/** Its first field, a text, reads as an event's container id. */
const version = VersionResponse.fromPartial({ version: '0.1.0' })

function event(containerId: string) {
  return {
    containerId,
    containerEventType: ContainerEventType.CONTAINER_STARTED_EVENT,
    createdAt: 1n,
    podSandboxStatus: undefined,
    containersStatuses: [],
  }
}

test.run()
