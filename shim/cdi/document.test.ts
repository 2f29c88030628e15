// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { refused } from '../translate/refused.ts'
import { parseCdiDocument } from './document.ts'

const PATH = '/etc/cdi/vendor.json'
const device = (containerEdits: unknown) => ({
  cdiVersion: '0.6.0',
  kind: 'vendor.com/gpu',
  devices: [{ name: '0', containerEdits }],
})

test('a specification tells what each of its devices changes, and what all of them do', () => {
  const { kind, edits, devices } = parseCdiDocument(
    {
      cdiVersion: '1.1.0',
      kind: 'vendor.com/gpu',
      annotations: { made: 'by a tool' },
      containerEdits: { env: ['ALL=1'] },
      devices: [
        {
          name: '0',
          containerEdits: {
            env: ['ONE=a=b'],
            deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/vendor/0', permissions: 'rw', fileMode: 384, gid: 44 }],
            mounts: [{ hostPath: '/lib/gpu.so', containerPath: '/lib/gpu.so', options: ['ro', 'nosuid'] }],
            hooks: [{ hookName: 'createContainer', path: '/bin/hook', args: ['hook'], timeout: 5 }],
            additionalGids: [44],
            intelRdt: { closID: 'gold' },
            netDevices: [{ hostInterfaceName: 'eth7', name: 'gpu' }],
          },
        },
      ],
    },
    PATH,
  )
  assert.is(kind, 'vendor.com/gpu')
  assert.equal(edits.env, ['ALL=1'])
  assert.equal(devices.get('0'), {
    env: ['ONE=a=b'],
    deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/vendor/0', permissions: 'rw', fileMode: 384, gid: 44 }],
    netDevices: ['eth7'],
    mounts: [{ hostPath: '/lib/gpu.so', containerPath: '/lib/gpu.so', options: ['ro', 'nosuid'] }],
    hooks: [{ hookName: 'createContainer', path: '/bin/hook' }],
    additionalGids: [44],
    hasIntelRdt: true,
  })
})

const BAD: readonly [string, unknown, string][] = [
  ['no object', [], 'expected an object'],
  ['an unknown key', { ...device({}), extra: 1 }, '"extra" is not known'],
  ['an unknown key of a device', device({ sysctls: {} }), '"sysctls" is not known'],
  ['a version from the future', { ...device({}), cdiVersion: '9.0.0' }, '"9.0.0" is not known'],
  ['no version', { ...device({}), cdiVersion: undefined }, 'cdiVersion'],
  ['a kind without vendor', { ...device({}), kind: 'gpu' }, '"gpu" is not vendor/class'],
  ['no devices', { ...device({}), devices: [] }, 'devices: it is empty'],
  ['a device twice', { ...device({}), devices: [0, 0].map(() => ({ name: 'a', containerEdits: {} })) }, 'comes twice'],
  ['a variable without a name', device({ env: ['=x'] }), 'devices[0].containerEdits.env[0]'],
  ['a device node elsewhere', device({ deviceNodes: [{ path: 'dev/x' }] }), '"dev/x" is not an absolute path'],
  ['a device node of no type', device({ deviceNodes: [{ path: '/dev/x', type: 'z' }] }), '"z" is none'],
  ['permissions that are none', device({ deviceNodes: [{ path: '/dev/x', permissions: 'rx' }] }), '"rx"'],
  ['a negative number', device({ deviceNodes: [{ path: '/dev/x', major: -1 }] }), 'major'],
  ['a mount without a source', device({ mounts: [{ containerPath: '/x' }] }), 'hostPath'],
  ['a hook of no known time', device({ hooks: [{ hookName: 'midnight', path: '/x' }] }), '"midnight" is not known'],
  ['a group that is text', device({ additionalGids: ['video'] }), 'additionalGids[0]'],
]

for (const [what, value, fragment] of BAD) {
  test(`${what} is refused with the file and the place`, () => {
    refused(() => parseCdiDocument(value, PATH), 'failed_precondition', PATH, fragment)
  })
}

test.run()
