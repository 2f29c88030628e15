// SPDX-License-Identifier: Apache-2.0
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  Container,
  ContainerConfig,
  ContainerStatus,
  HugepageLimit,
  ImageSpec,
  Int64Value,
  ListContainersResponse,
  NamespaceMode,
  NamespaceOption,
  PodSandboxConfig,
  PsiData,
  StopPodSandboxResponse,
  UInt64Value,
} from './index.ts'

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n

test('the smallest and largest 64-bit numbers survive exactly', () => {
  for (const value of [INT64_MIN, INT64_MIN + 1n, -1n, 0n, 1n, 2n ** 53n + 1n, INT64_MAX]) {
    assert.is(Int64Value.decode(Int64Value.encode({ value }).finish()).value, value)
  }
  for (const value of [0n, 2n ** 53n + 1n, 2n ** 63n, UINT64_MAX]) {
    assert.is(UInt64Value.decode(UInt64Value.encode({ value }).finish()).value, value)
    assert.is(HugepageLimit.decode(HugepageLimit.encode({ pageSize: '2MB', limit: value }).finish()).limit, value)
  }
})

test('a number that does not fit 64 bits is refused, not cut', () => {
  assert.throws(() => Int64Value.encode({ value: INT64_MAX + 1n }), /too large/)
  assert.throws(() => UInt64Value.encode({ value: -1n }), /too large/)
})

test('the bytes on the wire are those of the protobuf encoding', () => {
  assert.is(Buffer.from(Int64Value.encode({ value: -1n }).finish()).toString('hex'), '08ffffffffffffffffff01')
  assert.is(Buffer.from(UInt64Value.encode({ value: 300n }).finish()).toString('hex'), '08ac02')
  // user_specified_image has field number 18: a two-byte tag.
  const spec = ImageSpec.fromPartial({ userSpecifiedImage: 'x' })
  assert.is(Buffer.from(ImageSpec.encode(spec).finish()).toString('hex'), '92010178')
})

test('fields of a newer API are skipped without loss of the known ones', () => {
  const writer = new BinaryWriter()
  writer.uint32((1000 << 3) | 2).string('from the future')
  writer.uint32((1 << 3) | 2).string('c0ffee')
  writer.uint32((1001 << 3) | 0).uint64(UINT64_MAX)
  writer.uint32((1002 << 3) | 1).fixed64(7n)
  writer.uint32((1003 << 3) | 5).fixed32(7)
  writer.uint32((7 << 3) | 0).int64(INT64_MAX)
  const container = Container.decode(writer.finish())
  assert.is(container.id, 'c0ffee')
  assert.is(container.createdAt, INT64_MAX)
})

test('an enum value of a newer API is kept as a number', () => {
  const writer = new BinaryWriter().uint32((1 << 3) | 0).int32(77)
  const decoded = NamespaceOption.decode(writer.finish())
  assert.is(Number(decoded.network), 77)
  assert.is(decoded.pid, NamespaceMode.POD)
})

test('labels survive, also those with odd keys, and cannot reach the prototype', () => {
  const labels = { 'app.kubernetes.io/name': 'a b', '': 'empty', ключ: 'значение', constructor: 'x' }
  const config = PodSandboxConfig.decode(PodSandboxConfig.encode(PodSandboxConfig.fromPartial({ labels })).finish())
  assert.equal({ ...config.labels }, labels)

  const entry = new BinaryWriter().uint32(10).string('__proto__').uint32(18).string('polluted').finish()
  const hostile = PodSandboxConfig.decode(
    new BinaryWriter()
      .uint32((6 << 3) | 2)
      .bytes(entry)
      .finish(),
  )
  assert.is(Object.getPrototypeOf(hostile.labels), Object.prototype)
  assert.is(Object.getOwnPropertyNames(Object.prototype).includes('polluted'), false)
})

test('the value of an environment variable may be any bytes', () => {
  const value = Buffer.from([0, 255, 254, 61, 10])
  const config = ContainerConfig.fromPartial({ envs: [{ key: 'RAW', value }] })
  const [env] = ContainerConfig.decode(ContainerConfig.encode(config).finish()).envs
  assert.is(env?.key, 'RAW')
  assert.is(Buffer.compare(Buffer.from(env?.value ?? []), value), 0)
})

test('a text that is not UTF-8 is read with replacement characters and can be sent on', () => {
  const writer = new BinaryWriter().uint32((1 << 3) | 2).bytes(Uint8Array.of(0x61, 0xff, 0x62))
  const container = Container.decode(writer.finish())
  assert.is(container.id, 'a\ufffdb')
  assert.is(Container.decode(Container.encode(container).finish()).id, 'a\ufffdb')
})

test('an empty message is no bytes, and no bytes are a message of defaults', () => {
  assert.is(StopPodSandboxResponse.encode({}).finish().length, 0)
  const status = ContainerStatus.decode(new Uint8Array())
  assert.is(status.id, '')
  assert.is(status.finishedAt, 0n)
  assert.equal(status.mounts, [])
  assert.is(status.image, undefined)
})

test('an absent number and a zero are told apart', () => {
  const absent = NamespaceOption.decode(NamespaceOption.encode(NamespaceOption.fromPartial({})).finish())
  assert.is(absent.usernsOptions, undefined)
  const zero = NamespaceOption.fromPartial({ usernsOptions: { mode: NamespaceMode.POD } })
  assert.ok(NamespaceOption.decode(NamespaceOption.encode(zero).finish()).usernsOptions)
})

test('floating point figures survive', () => {
  const data = { Total: UINT64_MAX, Avg10: 0.1, Avg60: 99.99, Avg300: Number.MIN_VALUE }
  assert.equal(PsiData.decode(PsiData.encode(data).finish()), data)
})

test('a message cut anywhere is an error or a shorter message, never a hang', () => {
  const config = PodSandboxConfig.fromPartial({
    metadata: { name: 'pod', uid: 'u', namespace: 'default', attempt: 1 },
    labels: { a: 'b' },
    linux: { cgroupParent: '/kubepods', sysctls: { 'net.core.somaxconn': '1' } },
  })
  const bytes = PodSandboxConfig.encode(config).finish()
  let refused = 0
  for (let length = 0; length < bytes.length; length++) {
    try {
      PodSandboxConfig.decode(bytes.subarray(0, length))
    } catch (error) {
      assert.instance(error, Error)
      refused++
    }
  }
  assert.ok(refused > bytes.length / 2, `${refused} of ${bytes.length} refused`)
})

test('a list of 5,000 containers is encoded in well under a second', () => {
  const container = Container.fromPartial({
    id: 'c'.repeat(64),
    podSandboxId: 'd'.repeat(64),
    metadata: { name: 'name', attempt: 1 },
    image: { image: 'registry.example/image:tag' },
    createdAt: 1_700_000_000_000_000_000n,
    labels: { 'io.kubernetes.pod.name': 'pod', 'io.kubernetes.pod.namespace': 'default' },
  })
  const started = performance.now()
  const bytes = ListContainersResponse.encode({ containers: Array(5000).fill(container) }).finish()
  const elapsedMs = performance.now() - started
  assert.is(ListContainersResponse.decode(bytes).containers.length, 5000)
  assert.ok(elapsedMs < 500, `${elapsedMs.toFixed(1)} ms`)
})

test.run()
