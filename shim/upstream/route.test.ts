// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CreateContainerRequest,
  ImageServiceService,
  ListContainerStatsRequest,
  ListContainersRequest,
  ListPodSandboxRequest,
  ListPodSandboxStatsRequest,
  RunPodSandboxRequest,
  RuntimeServiceService,
} from '../../cri-proto/index.ts'
import { decide, type Ours, ROUTES } from './route.ts'

const SANDBOX = 'a'.repeat(64)
const CONTAINER = 'b'.repeat(64)
const OTHER = 'c'.repeat(64)
const OURS: Ours = {
  handlers: new Set(['gantry']),
  sandboxes: new Map([[SANDBOX, {}]]),
  containers: new Map([[CONTAINER, {}]]),
  imageAsker: () => 'both',
}
/** Who makes the node's state is who answers for it: the kubelet asks these of the runtime it knows. */
const THEIRS_ALONE = ['/runtime.v1.RuntimeService/Version', '/runtime.v1.RuntimeService/RuntimeConfig']

test('every method of the CRI has its route, and no route is of another', () => {
  const paths = [...Object.values(RuntimeServiceService), ...Object.values(ImageServiceService)].map(({ path }) => path)
  assert.equal([...ROUTES.keys(), ...THEIRS_ALONE].toSorted(), paths.toSorted())
})

test('an id is found in every request that has one, under the number its codec gives it', () => {
  for (const method of Object.values(RuntimeServiceService)) {
    const route = ROUTES.get(method.path)
    if (route?.by !== 'sandbox' && route?.by !== 'container' && route?.by !== 'create') continue
    const isContainer = route.by === 'container'
    const key = isContainer ? 'containerId' : 'podSandboxId'
    const encode = (id: string): Buffer => {
      const empty = method.requestDeserialize(Buffer.alloc(0))
      assert.ok(key in empty, method.path)
      return method.requestSerialize({ ...empty, [key]: id } as never)
    }
    const id = isContainer ? CONTAINER : SANDBOX
    assert.equal(decide(route, encode(id), OURS), { to: 'ours' }, method.path)
    assert.equal(decide(route, encode(OTHER), OURS), { to: 'upstream' }, method.path)
    assert.equal(decide(route, encode(''), OURS), { to: 'upstream' }, method.path)
    const kind = isContainer ? 'container' : 'sandbox'
    assert.equal(decide(route, encode(id.slice(0, 5)), OURS), { to: 'unclear', kind, id: id.slice(0, 5) }, method.path)
    assert.equal(decide(route, encode('ccc'), OURS), { to: 'upstream' }, method.path)
  }
})

test('a container is created where its sandbox is', () => {
  const route = routeOf('CreateContainer')
  const encode = (podSandboxId: string): Buffer =>
    Buffer.from(CreateContainerRequest.encode(CreateContainerRequest.fromPartial({ podSandboxId })).finish())
  assert.is(decide(route, encode(SANDBOX), OURS).to, 'ours')
  assert.is(decide(route, encode(OTHER), OURS).to, 'upstream')
})

test('a sandbox is run by its handler', () => {
  const where = (runtimeHandler: string): string => {
    const request = RunPodSandboxRequest.encode(RunPodSandboxRequest.fromPartial({ runtimeHandler })).finish()
    return decide(routeOf('RunPodSandbox'), Buffer.from(request), OURS).to
  }
  assert.equal(['gantry', '', 'runc', 'gantry2'].map(where), ['ours', 'upstream', 'upstream', 'upstream'])
})

test('a filter that names one thing spares a runtime; any other filter spares none', () => {
  const lists: readonly [string, (filter: { id?: string; podSandboxId?: string }) => Uint8Array][] = [
    [
      'ListContainers',
      (filter) => ListContainersRequest.encode(ListContainersRequest.fromPartial({ filter })).finish(),
    ],
    [
      'ListContainerStats',
      (filter) => ListContainerStatsRequest.encode(ListContainerStatsRequest.fromPartial({ filter })).finish(),
    ],
  ]
  for (const [method, encode] of lists) {
    const where = (filter: { id?: string; podSandboxId?: string }): string =>
      decide(routeOf(method), Buffer.from(encode(filter)), OURS).to
    assert.is(where({ id: CONTAINER }), 'ours')
    assert.is(where({ podSandboxId: SANDBOX }), 'ours')
    assert.is(where({ id: OTHER }), 'upstream')
    assert.is(where({ podSandboxId: OTHER }), 'upstream')
    assert.is(where({ id: CONTAINER.slice(0, 3) }), 'both')
    assert.is(where({}), 'both')
  }
  for (const [method, codec] of [
    ['ListPodSandbox', ListPodSandboxRequest],
    ['ListPodSandboxStats', ListPodSandboxStatsRequest],
  ] as const) {
    const request = ListPodSandboxRequest.encode(
      ListPodSandboxRequest.fromPartial({ filter: { id: SANDBOX } }),
    ).finish()
    assert.is(codec.decode(request).filter?.id, SANDBOX)
    assert.is(decide(routeOf(method), Buffer.from(request), OURS).to, 'ours')
  }
})

function routeOf(method: string) {
  const route = ROUTES.get(`/runtime.v1.RuntimeService/${method}`)
  if (route === undefined) throw new Error(`no route for ${method}`)
  return route
}

test.run()
