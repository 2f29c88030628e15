// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  allCapabilities,
  CAPABILITIES,
  type CapabilityHost,
  capabilityNames,
  capabilityNumber,
  compileCapabilities,
  parseCapabilityHost,
} from './capabilities.ts'

const bit = (name: string) => 1n << BigInt(capabilityNumber(name) ?? 99)
const everything = allCapabilities(40)
const host: CapabilityHost = { lastCap: 40, bounding: everything, permitted: everything }

test('names have the numbers of linux/capability.h', () => {
  const header = readFileSync('/usr/include/linux/capability.h', 'utf8')
  const defined = [...header.matchAll(/^#define (CAP_[A-Z_]+)\s+(\d+)$/gm)]
  assert.is(defined.length, CAPABILITIES.length)
  for (const [, name = '', number] of defined) assert.is(capabilityNumber(name), Number(number), name)
})

test('a mask gives its names back, also those of a newer kernel', () => {
  assert.equal(capabilityNames(0n), [])
  assert.equal(capabilityNames((1n << 0n) | (1n << 21n) | (1n << 40n)), [
    'CAP_CHOWN',
    'CAP_SYS_ADMIN',
    'CAP_CHECKPOINT_RESTORE',
  ])
  assert.equal(capabilityNames(1n << 41n), ['CAP_41'])
  assert.is(capabilityNames(everything).length, 41)
})

test('each set holds exactly what was asked for', () => {
  const compiled = compileCapabilities(
    {
      bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW'],
      permitted: ['CAP_CHOWN', 'CAP_KILL'],
      effective: ['CAP_KILL'],
      inheritable: ['CAP_KILL', 'CAP_NET_RAW'],
      ambient: ['CAP_KILL'],
    },
    host,
  )
  assert.is(compiled.bounding, bit('CAP_CHOWN') | bit('CAP_KILL') | bit('CAP_NET_RAW'))
  assert.is(compiled.permitted, bit('CAP_CHOWN') | bit('CAP_KILL'))
  assert.is(compiled.effective, bit('CAP_KILL'))
  assert.is(compiled.inheritable, bit('CAP_KILL') | bit('CAP_NET_RAW'))
  assert.is(compiled.ambient, bit('CAP_KILL'))
  assert.equal(compiled.warnings, [])
})

test('absent sets are empty', () => {
  assert.equal(compileCapabilities({}, host), {
    bounding: 0n,
    effective: 0n,
    permitted: 0n,
    inheritable: 0n,
    ambient: 0n,
    warnings: [],
  })
})

test('an unknown name is a warning, not an error', () => {
  const names = ['CAP_CHOWN', 'CAP_FLY', 'constructor', 'chown']
  const compiled = compileCapabilities({ bounding: names, permitted: names }, host)
  assert.is(compiled.bounding, bit('CAP_CHOWN'))
  assert.equal(compiled.warnings, [
    'CAP_FLY: no such capability',
    'constructor: no such capability',
    'chown: no such capability',
  ])
})

test('a capability newer than the kernel is a warning', () => {
  const compiled = compileCapabilities({ bounding: ['CAP_BPF', 'CAP_AUDIT_READ'] }, { ...host, lastCap: 37 })
  assert.is(compiled.bounding, bit('CAP_AUDIT_READ'))
  assert.equal(compiled.warnings, ['CAP_BPF: unknown to this kernel'])
})

test('what the runtime does not have it does not promise', () => {
  const name = 'CAP_SYS_RESOURCE'
  const sets = { bounding: [name, 'CAP_KILL'], permitted: [name, 'CAP_KILL'], effective: [name, 'CAP_KILL'] }
  const compiled = compileCapabilities(sets, { ...host, bounding: everything & ~bit(name) })
  for (const set of ['bounding', 'permitted', 'effective'] as const) assert.is(compiled[set], bit('CAP_KILL'), set)
  assert.equal(compiled.warnings, [`${name}: cannot be granted, it is not in the runtime’s bounding set`])
})

test('a set never holds what the kernel would refuse for lack of it in another', () => {
  const compiled = compileCapabilities(
    { effective: ['CAP_KILL'], ambient: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], inheritable: ['CAP_FOWNER'] },
    host,
  )
  assert.is(compiled.effective, 0n)
  assert.is(compiled.inheritable, 0n)
  assert.is(compiled.ambient, 0n)
  assert.equal(compiled.warnings, [
    'CAP_KILL: left out of effective, for it is not permitted',
    'CAP_FOWNER: left out of inheritable, for it is not in the bounding set',
    'CAP_CHOWN: left out of ambient, for it is not both permitted and inheritable',
  ])
})

test('the masks of this very process are read', () => {
  const status = readFileSync('/proc/self/status', 'utf8')
  const own = parseCapabilityHost(status, readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'))
  assert.ok(own.lastCap >= 36)
  assert.is(own.bounding & ~allCapabilities(own.lastCap), 0n)
  const line = `CapBnd:\t${own.bounding.toString(16).padStart(16, '0')}\n`
  assert.ok(status.includes(line), line)
})

test.run()
