// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NamespaceMode as Mode, NamespaceOption } from '../../cri-proto/index.ts'
import {
  type ContainerPid,
  containerNamespaces,
  containerPid,
  type PodNamespaces,
  podNamespaces,
} from './namespaces.ts'
import { refused } from './refused.ts'

const option = (partial: Parameters<typeof NamespaceOption.fromPartial>[0]) => NamespaceOption.fromPartial(partial)
const MAP = { containerId: 0, hostId: 100000, length: 65536 }
const OCI_MAP = { containerID: 0, hostID: 100000, size: 65536 }
const USER = { mode: Mode.POD, uids: [MAP], gids: [MAP] }
const SHARED: PodNamespaces = { network: 'pod', ipc: 'pod', pid: 'pod' }
const PATHS = { network: '/ns/net', ipc: '/ns/ipc', uts: '/ns/uts', pid: '/ns/pid', user: '/ns/user' }

test('a pod that asks for nothing shares network, ipc and pid', () => {
  assert.equal(podNamespaces(undefined), SHARED)
  assert.equal(podNamespaces(option({})), SHARED)
})

test('every mode of a pod is understood', () => {
  assert.equal(podNamespaces(option({ network: Mode.NODE, ipc: Mode.NODE, pid: Mode.NODE })), {
    network: 'host',
    ipc: 'host',
    pid: 'host',
  })
  assert.is(podNamespaces(option({ pid: Mode.CONTAINER })).pid, 'container')
})

test('a user namespace has one mapping of each kind', () => {
  assert.equal(podNamespaces(option({ usernsOptions: USER })).user, { uids: [OCI_MAP], gids: [OCI_MAP] })
  assert.is(podNamespaces(option({ usernsOptions: { mode: Mode.NODE } })).user, undefined)
})

const FIELD = 'config.linux.security_context.namespace_options'
const REFUSED: readonly [string, NamespaceOption, ...string[]][] = [
  ['a network of the container', option({ network: Mode.CONTAINER }), `${FIELD}.network`],
  ['a target as network', option({ network: Mode.TARGET }), `${FIELD}.network`],
  ['ipc of the container', option({ ipc: Mode.CONTAINER }), `${FIELD}.ipc`],
  ['a target for a whole pod', option({ pid: Mode.TARGET, targetId: 'x' }), `${FIELD}.pid`],
  ['a mode of the future', option({ pid: 9 as Mode }), `${FIELD}.pid`, '9'],
  ['a user namespace of the container', option({ usernsOptions: { mode: Mode.CONTAINER } }), 'userns_options.mode'],
  ['a user namespace of a target', option({ usernsOptions: { mode: Mode.TARGET } }), 'userns_options.mode'],
  ['no uid mapping', option({ usernsOptions: { ...USER, uids: [] } }), 'userns_options.uids', 'exactly one'],
  ['two uid mappings', option({ usernsOptions: { ...USER, uids: [MAP, MAP] } }), 'userns_options.uids', '2 mappings'],
  ['no gid mapping', option({ usernsOptions: { ...USER, gids: [] } }), 'userns_options.gids'],
  ['root not mapped', option({ usernsOptions: { ...USER, uids: [{ ...MAP, containerId: 1 }] } }), 'container_id'],
  ['a mapping of no ids', option({ usernsOptions: { ...USER, gids: [{ ...MAP, length: 0 }] } }), 'length'],
  [
    'a mapping beyond the last id',
    option({ usernsOptions: { ...USER, uids: [{ ...MAP, hostId: 2 ** 32 - 1 }] } }),
    'length',
  ],
  ['mappings on the node', option({ usernsOptions: { ...USER, mode: Mode.NODE } }), 'userns_options', '2 mappings'],
]

for (const [title, options, ...fragments] of REFUSED) {
  test(`refused: ${title}`, () => refused(() => podNamespaces(options), 'invalid_argument', ...fragments))
}

const PID: readonly [string, NamespaceOption | undefined, PodNamespaces['pid'], ContainerPid][] = [
  ['no options follow a sharing pod', undefined, 'pod', 'pod'],
  ['no options follow a pod on the node', undefined, 'host', 'host'],
  ['no options follow a pod that shares none', undefined, 'container', 'container'],
  ['POD in a pod that shares none', option({ pid: Mode.POD }), 'container', 'container'],
  ['CONTAINER in a sharing pod', option({ pid: Mode.CONTAINER }), 'pod', 'container'],
  ['NODE', option({ pid: Mode.NODE }), 'pod', 'host'],
]

for (const [title, options, pid, expected] of PID) {
  test(`pid: ${title}`, () => assert.equal(containerPid(options, { ...SHARED, pid }), expected))
}

test('a container can join the pid namespace of another', () => {
  assert.equal(containerPid(option({ pid: Mode.TARGET, targetId: 'abc' }), SHARED), { targetId: 'abc' })
  refused(() => containerPid(option({ pid: Mode.TARGET }), SHARED), 'invalid_argument', 'target_id')
})

test('a container has the user namespace of its pod or is refused', () => {
  const pod = podNamespaces(option({ usernsOptions: USER }))
  assert.is(containerPid(option({ usernsOptions: USER }), pod), 'pod')
  refused(() => containerPid(undefined, pod), 'invalid_argument', 'userns_options', 'none')
  refused(() => containerPid(option({ usernsOptions: USER }), SHARED), 'invalid_argument', 'userns_options')
  const other = { ...USER, uids: [{ ...MAP, hostId: 1 }] }
  refused(() => containerPid(option({ usernsOptions: other }), pod), 'invalid_argument', '0:1:65536')
})

const types = (input: Partial<Parameters<typeof containerNamespaces>[0]>) =>
  containerNamespaces({
    pod: SHARED,
    pid: 'pod',
    paths: PATHS,
    cgroupVersion: 2,
    privileged: false,
    ...input,
  }).map(({ type, path }) => (path === undefined ? type : `${type}=${path}`))

test('a container joins the namespaces of its pod and has its own mounts and cgroup view', () => {
  assert.equal(types({}), ['mount', 'network=/ns/net', 'uts=/ns/uts', 'ipc=/ns/ipc', 'pid=/ns/pid', 'cgroup'])
})

test("a pod on the node's network is on its host name too", () => {
  assert.equal(types({ pod: { ...SHARED, network: 'host' } }), ['mount', 'ipc=/ns/ipc', 'pid=/ns/pid', 'cgroup'])
})

test('everything on the node leaves the mounts', () => {
  const pod: PodNamespaces = { network: 'host', ipc: 'host', pid: 'host' }
  assert.equal(types({ pod, pid: 'host', paths: {}, privileged: true }), ['mount'])
})

test("an own pid namespace is made, a target's is joined", () => {
  assert.ok(types({ pid: 'container' }).includes('pid'))
  assert.ok(
    types({ pid: { targetId: 'x' }, paths: { ...PATHS, pid: '/proc/42/ns/pid' } }).includes('pid=/proc/42/ns/pid'),
  )
})

test('a cgroup namespace is made on v2 only, and not for privileged containers', () => {
  for (const [cgroupVersion, privileged, expected] of [
    [2, false, true],
    [2, true, false],
    [1, false, false],
    ['hybrid', false, false],
  ] as const) {
    assert.is(types({ cgroupVersion, privileged }).includes('cgroup'), expected, `${cgroupVersion} ${privileged}`)
  }
})

test('the user namespace is joined before those it owns', () => {
  const pod = podNamespaces(option({ usernsOptions: USER }))
  assert.equal(types({ pod }).slice(0, 3), ['mount', 'user=/ns/user', 'network=/ns/net'])
})

test('a namespace to join whose path is missing is our own error', () => {
  refused(() => types({ paths: {} }), 'internal', 'network')
})

test.run()
