// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Container, ContainerState, Image, PodSandbox, PodSandboxState } from '../../cri-proto/index.ts'
import { imageRowsOf } from './images.ts'
import { rowsOf } from './ps.ts'
import { enumName, infoMember, toReadableJson } from './verbose-info.ts'

const pod = (id: string, namespace: string, name: string, createdAt = 1n): PodSandbox =>
  PodSandbox.create({ id, metadata: { name, namespace, uid: id, attempt: 0 }, createdAt })

const container = (id: string, podSandboxId: string, name: string, createdAt: bigint): Container =>
  Container.create({ id, podSandboxId, metadata: { name, attempt: 0 }, createdAt, image: { image: 'web:1' } })

test('pods come in order of namespace and name, each followed by its own containers, oldest first', () => {
  const pods = [pod('p1', 'b', 'x'), pod('p2', 'a', 'z'), pod('p3', 'a', 'y')]
  const containers = [
    container('c2', 'p2', 'late', 9n),
    container('c3', 'p1', 'other', 1n),
    container('c1', 'p2', 'early', 2n),
  ]
  assert.equal(
    rowsOf(pods, containers, new Map()).map(({ id }) => id),
    ['p3', 'p2', 'c1', 'c2', 'p1', 'c3'],
  )
})

test('a row shows state in a word, the image as it was asked for, and the process id where one is known', () => {
  const running = { ...container('c', 'p', 'main', 5n), state: ContainerState.CONTAINER_RUNNING }
  const stopped = { ...pod('p', 'n', 'web'), state: PodSandboxState.SANDBOX_NOTREADY }
  const [first, second] = rowsOf([stopped], [running], new Map([['c', 42]]))
  assert.equal([first?.state, first?.pid, first?.container], ['notready', 0, ''])
  assert.equal([second?.state, second?.pid, second?.image, second?.pod], ['running', 42, 'web:1', 'web'])
})

test('an image is listed under each of its tags, and one without tags under its digest', () => {
  const rows = imageRowsOf([
    Image.create({ id: 'sha256:1', repoTags: ['b:1', 'a:1'], repoDigests: ['b@sha256:1'], size: 5n }),
    Image.create({ id: 'sha256:2', repoDigests: ['c@sha256:2'] }),
    Image.create({ id: 'sha256:3' }),
  ])
  assert.equal(
    rows.map(({ name, id }) => [name, id]),
    [
      ['', 'sha256:3'],
      ['a:1', 'sha256:1'],
      ['b:1', 'sha256:1'],
      ['c@sha256:2', 'sha256:2'],
    ],
  )
})

test('a member of the verbose info is read, and one of another type or in broken JSON is not there', () => {
  assert.is(infoMember({ info: '{"pid":7,"bundle":"/b"}' }, 'pid', 'number'), 7)
  assert.is(infoMember({ info: '{"pid":7,"bundle":"/b"}' }, 'bundle', 'string'), '/b')
  assert.is(infoMember({ info: '{"pid":"7"}' }, 'pid', 'number'), undefined)
  assert.is(infoMember({ info: '{"pid":' }, 'pid', 'number'), undefined)
  assert.is(infoMember({}, 'pid', 'number'), undefined)
})

test('64-bit integers survive as text, and enum numbers have their names', () => {
  assert.equal(JSON.parse(toReadableJson({ at: 1_700_000_000_123_456_789n })), { at: '1700000000123456789' })
  assert.is(enumName(ContainerState, ContainerState.CONTAINER_EXITED), 'CONTAINER_EXITED')
  assert.is(enumName(ContainerState, 99), '99')
})

test.run()
