// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciSpec } from '../../runtime-core/spec/types.ts'
import { refused } from '../translate/refused.ts'
import { type ResolvedCdiEdits, withCdiEdits } from './edits.ts'

const SPEC: OciSpec = {
  ociVersion: '1.3.0',
  process: { cwd: '/', env: ['PATH=/bin', 'GPU=none'], user: { uid: 1000, gid: 100, additionalGids: [100] } },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/opt/gpu', type: 'bind', source: '/srv', options: ['rbind'] },
    { destination: '/opt/gpu/deep/below', type: 'bind', source: '/srv2', options: ['rbind'] },
  ],
  linux: {
    devices: [{ path: '/dev/gpu0', type: 'c', major: 1, minor: 1 }],
    resources: { devices: [{ allow: false, access: 'rwm' }], cpu: { shares: 2 } },
  },
}
const NO_EDITS: ResolvedCdiEdits = {
  env: [],
  nodes: [],
  netDevices: [],
  mounts: [],
  hooks: [],
  additionalGids: [],
  hasIntelRdt: false,
}
const edited = (...edits: Partial<ResolvedCdiEdits>[]) =>
  withCdiEdits(
    SPEC,
    edits.map((edit) => ({ ...NO_EDITS, ...edit })),
  )

test('without devices the specification is as it was', () => assert.is(withCdiEdits(SPEC, []), SPEC))

test('variables replace those of the same name in their place, the last one wins', () => {
  const { process } = edited({ env: ['GPU=0', 'NEW=1'] }, { env: ['GPU=0,1'] })
  assert.equal(process?.env, ['PATH=/bin', 'GPU=0,1', 'NEW=1'])
})

test('a device node replaces one of its path, belongs to the user, and may be used', () => {
  const device = { path: '/dev/gpu0', type: 'c', major: 195, minor: 0 } as const
  const { linux } = edited({ nodes: [{ device, access: 'rw' }] })
  assert.equal(linux?.devices, [{ ...device, uid: 1000, gid: 100 }])
  assert.equal(linux?.resources, {
    cpu: { shares: 2 },
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 195, minor: 0, access: 'rw' },
    ],
  })
})

test('a node with an owner keeps it, and one without permissions or of a pipe gets no rule', () => {
  const { linux } = edited({
    nodes: [
      { device: { path: '/dev/a', type: 'b', major: 8, minor: 1, uid: 0, gid: 6 }, access: '' },
      { device: { path: '/run/p', type: 'p' }, access: 'rwm' },
    ],
  })
  assert.equal(linux?.devices?.slice(1), [
    { path: '/dev/a', type: 'b', major: 8, minor: 1, uid: 0, gid: 6 },
    { path: '/run/p', type: 'p', uid: 1000, gid: 100 },
  ])
  assert.is(linux?.resources?.devices?.length, 1)
})

test('mounts replace those of their place and stand before what lies below them', () => {
  const { mounts } = edited({
    mounts: [
      { hostPath: '/usr/lib/gpu', containerPath: '/opt/gpu/', options: ['ro'] },
      { hostPath: 'tmpfs', containerPath: '/opt/gpu/cache', type: 'tmpfs', options: ['size=1m'] },
    ],
  })
  assert.equal(mounts, [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/opt/gpu', type: 'bind', source: '/usr/lib/gpu', options: ['rbind', 'ro'] },
    { destination: '/opt/gpu/cache', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] },
    { destination: '/opt/gpu/deep/below', type: 'bind', source: '/srv2', options: ['rbind'] },
  ])
})

test('in a user namespace what is bound shows its owners as the container knows them', () => {
  const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
  const spec = { ...SPEC, linux: { ...SPEC.linux, uidMappings: mappings, gidMappings: mappings } }
  const bind = { hostPath: '/usr/lib/gpu', containerPath: '/lib/gpu', options: ['bind', 'ro'] }
  const { mounts } = withCdiEdits(spec, [{ ...NO_EDITS, mounts: [bind] }])
  assert.equal(
    mounts?.find(({ destination }) => destination === '/lib/gpu'),
    {
      destination: '/lib/gpu',
      type: 'bind',
      source: '/usr/lib/gpu',
      options: ['bind', 'ro'],
      uidMappings: mappings,
      gidMappings: mappings,
    },
  )
})

test('groups are added once, and never group 0', () => {
  const { process } = edited({ additionalGids: [44, 0, 100] }, { additionalGids: [44, 45] })
  assert.equal(process?.user, { uid: 1000, gid: 100, additionalGids: [100, 44, 45] })
})

test('a net device that cannot be given is refused by name', () => {
  refused(() => edited({ netDevices: ['eth7'] }), 'unimplemented', 'net device', 'eth7')
})

test('a hook that cannot be run is refused by name and program', () => {
  const hooks = [{ hookName: 'createContainer', path: '/usr/bin/vendor-hook' }]
  refused(() => edited({ hooks }), 'unimplemented', 'createContainer', '/usr/bin/vendor-hook')
})

test.run()
