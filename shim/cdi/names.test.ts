// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { refused } from '../translate/refused.ts'
import { requestedCdiDevices } from './names.ts'

const texts = (names: readonly string[], annotations: Readonly<Record<string, string>> = {}) =>
  requestedCdiDevices({ CDIDevices: names.map((name) => ({ name })), annotations }).map(({ text }) => text)

test('devices come from the field and from the annotations, each once', () => {
  const annotations = { 'cdi.k8s.io/plugin_x': 'vendor.com/gpu=1,vendor.com/gpu=0', other: 'no/device' }
  assert.equal(texts(['vendor.com/gpu=0', 'vendor.com/nic=eth:1'], annotations), [
    'vendor.com/gpu=0',
    'vendor.com/nic=eth:1',
    'vendor.com/gpu=1',
  ])
})

test('a name has a vendor, a class and a device', () => {
  const [name] = requestedCdiDevices({ CDIDevices: [{ name: 'a.b/c-d_e=0' }], annotations: {} })
  assert.equal(name, { text: 'a.b/c-d_e=0', kind: 'a.b/c-d_e', device: '0' })
})

for (const name of [
  '',
  'gpu',
  'vendor.com/gpu',
  'vendor.com/gpu=',
  '/gpu=0',
  'v/c/d=0',
  '0v/c=0',
  'v/c=-1',
  'v/c=a b',
]) {
  test(`"${name}" is no name of a device, wherever it stands`, () => {
    refused(() => texts([name]), 'invalid_argument', 'config.CDI_devices[0].name', name)
    refused(() => texts([], { 'cdi.k8s.io/x': name }), 'invalid_argument', 'config.annotations[cdi.k8s.io/x]')
  })
}

test.run()
