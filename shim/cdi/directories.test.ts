// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { cdiEdits } from './directories.ts'
import { requestedCdiDevices } from './names.ts'

const root = mkdtempSync(join(tmpdir(), 'gantry-cdi-'))
const [fixed, dynamic] = ['etc', 'run'].map((name) => join(root, name)) as [string, string]
test.before.each(() => {
  for (const directory of [fixed, dynamic]) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
  }
})
test.after(() => rmSync(root, { recursive: true }))

const document = (value: string, devices = ['0', '1']) => ({
  cdiVersion: '0.6.0',
  kind: 'vendor.com/gpu',
  containerEdits: { env: [`ALL=${value}`] },
  devices: devices.map((name) => ({ name, containerEdits: { env: [`DEVICE_${name}=${value}`] } })),
})
const write = (directory: string, name: string, content: unknown) =>
  writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content))
async function envOf(...names: string[]): Promise<string[]> {
  const wanted = requestedCdiDevices({ CDIDevices: names.map((name) => ({ name })), annotations: {} })
  return (await cdiEdits(wanted, [fixed, dynamic])).flatMap(({ env }) => env)
}
const failure = (...names: string[]) => envOf(...names).then(String, (error: unknown) => error)

test('what a file wants for all of its devices comes once, before the first of them', async () => {
  write(fixed, 'vendor.json', document('a'))
  assert.equal(await envOf('vendor.com/gpu=1', 'vendor.com/gpu=0'), ['ALL=a', 'DEVICE_1=a', 'DEVICE_0=a'])
})

test('YAML is read as JSON is', async () => {
  const text = `cdiVersion: "0.6.0"
kind: vendor.com/gpu
devices:
  - name: "0"
    containerEdits:
      env: [FROM=yaml]
`
  write(fixed, 'vendor.yaml', text)
  assert.equal(await envOf('vendor.com/gpu=0'), ['FROM=yaml'])
})

test('a device of the later directory covers that of the earlier one', async () => {
  write(fixed, 'vendor.json', document('fixed'))
  write(dynamic, 'vendor.json', document('dynamic', ['0']))
  assert.equal(await envOf('vendor.com/gpu=0', 'vendor.com/gpu=1'), [
    'ALL=dynamic',
    'DEVICE_0=dynamic',
    'ALL=fixed',
    'DEVICE_1=fixed',
  ])
})

test('a device that two files of one directory have is refused, and both are named', async () => {
  write(fixed, 'a.json', document('a'))
  write(fixed, 'b.json', document('b', ['0']))
  const error = await failure('vendor.com/gpu=0')
  assert.ok(hasCode(error, 'failed_precondition'), String(error))
  assert.match(error.message, /vendor\.com\/gpu=0.*a\.json.*b\.json/)
  assert.equal(await envOf('vendor.com/gpu=1'), ['ALL=a', 'DEVICE_1=a'])
})

test('a device that nobody has is named, with where it was looked for', async () => {
  write(fixed, 'vendor.json', document('a'))
  rmSync(dynamic, { recursive: true })
  const error = await failure('vendor.com/gpu=7')
  assert.ok(hasCode(error, 'not_found'), String(error))
  assert.ok(error.message.includes('vendor.com/gpu=7') && error.message.includes(fixed), error.message)
})

test('a broken file costs its own devices, and is named where one of them may be meant', async () => {
  write(fixed, 'broken.json', '{"cdiVersion":')
  write(fixed, 'odd.yaml', 'cdiVersion: "0.6.0"\nkind: vendor.com/odd\ndevices: []\n')
  write(fixed, 'vendor.json', document('a'))
  assert.equal(await envOf('vendor.com/gpu=0'), ['ALL=a', 'DEVICE_0=a'])
  const error = await failure('vendor.com/odd=0')
  assert.match(String(error), /broken\.json/)
  assert.match(String(error), /odd\.yaml.*devices: it is empty/)
})

test('a FIFO, a directory and other files do not count', async () => {
  execFileSync('mkfifo', [join(fixed, 'pipe.json')])
  mkdirSync(join(fixed, 'sub.json'))
  write(fixed, 'README.txt', 'no specification')
  write(fixed, 'vendor.json', document('a'))
  assert.equal(await envOf('vendor.com/gpu=0'), ['ALL=a', 'DEVICE_0=a'])
})

test('a YAML file that unfolds without end is refused', async () => {
  const levels = Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join()}]`)
  write(fixed, 'bomb.yaml', `a0: &a0 x\n${levels.join('\n')}\n`)
  assert.match(String(await failure('vendor.com/gpu=0')), /bomb\.yaml.*alias/)
})

test('without devices nothing is read', async () => {
  write(fixed, 'broken.json', '{')
  assert.equal(await envOf(), [])
})

test.run()
