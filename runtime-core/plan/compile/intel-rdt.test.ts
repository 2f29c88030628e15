// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciIntelRdt, OciSpec } from '../../spec/types.ts'
import { printOp } from '../explain.ts'
import { compileIntelRdt, intelRdtLeftovers } from './intel-rdt.ts'

const IDENTITY = { id: 'c1', bundle: '/b' }
const specOf = (intelRdt: OciIntelRdt): OciSpec => ({ ociVersion: '1.3.0', linux: { intelRdt } })

function printed(intelRdt: OciIntelRdt): string[] {
  const { prepare, child } = compileIntelRdt(specOf(intelRdt), IDENTITY)
  return [...prepare, ...child].map(printOp)
}

test('a class named after the container is made, filled, joined and left behind', () => {
  const intelRdt = { l3CacheSchema: 'L3:0=f\nL2:0=3', memBwSchema: 'MB:0=50', schemata: ['SMBA:0=1'] }
  assert.equal(printed(intelRdt), [
    'require_directory path="/sys/fs/resctrl/info"',
    'mkdir_host path="/sys/fs/resctrl/c1" mode=0755',
    ...['L3:0=f', 'L2:0=3', 'MB:0=50', 'SMBA:0=1'].map(
      (line) => `write_file dir=- path="/sys/fs/resctrl/c1/schemata" text="${line}\\n"`,
    ),
    'write_file dir=- path="/sys/fs/resctrl/c1/tasks" text="0"',
  ])
  assert.equal(intelRdtLeftovers(specOf(intelRdt), IDENTITY), ['/sys/fs/resctrl/c1'])
})

test('a class that has a name is others’, too; only its monitoring is the container’s own', () => {
  assert.equal(printed({ closID: 'guaranteed', enableMonitoring: true }).slice(1), [
    'mkdir_host path="/sys/fs/resctrl/guaranteed" mode=0755',
    'mkdir_host path="/sys/fs/resctrl/guaranteed/mon_groups/c1" mode=0755',
    'write_file dir=- path="/sys/fs/resctrl/guaranteed/mon_groups/c1/tasks" text="0"',
  ])
  assert.equal(intelRdtLeftovers(specOf({ closID: 'guaranteed', enableMonitoring: true }), IDENTITY), [
    '/sys/fs/resctrl/guaranteed/mon_groups/c1',
  ])
})

test('the default class is the file system itself', () => {
  assert.equal(printed({ closID: '/' }).slice(1), ['write_file dir=- path="/sys/fs/resctrl/tasks" text="0"'])
  assert.equal(intelRdtLeftovers(specOf({ closID: '/' }), IDENTITY), [])
  assert.equal(intelRdtLeftovers({ ociVersion: '1.3.0' }, IDENTITY), [])
})

test('a class of the container’s name needs the name', () => {
  assert.throws(() => compileIntelRdt(specOf({}), undefined), /read linux\.intelRdt: .* is not known/)
})

test.run()
