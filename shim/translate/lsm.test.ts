// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerSecurityContext, SecurityProfile_ProfileType as Type } from '../../cri-proto/index.ts'
import { appArmorProfile, checkSelinuxOptions } from './lsm.ts'
import { refused } from './refused.ts'

const NONE = {}
const HOST = { apparmor: { defaultProfile: 'gantry-default', loaded: new Set(['mine']) } }
const context = (partial: Parameters<typeof LinuxContainerSecurityContext.fromPartial>[0]) =>
  LinuxContainerSecurityContext.fromPartial(partial)
const runtimeDefault = { apparmor: { profileType: Type.RuntimeDefault } }
const unconfined = { apparmor: { profileType: Type.Unconfined } }
const localhost = (localhostRef: string) => ({ apparmor: { profileType: Type.Localhost, localhostRef } })

const CASES = [
  ['nothing asked', context({}), false, 'gantry-default'],
  ['no context', undefined, false, 'gantry-default'],
  ['RuntimeDefault', context(runtimeDefault), false, 'gantry-default'],
  ['runtime/default, deprecated', context({ apparmorProfile: 'runtime/default' }), false, 'gantry-default'],
  ['Unconfined', context(unconfined), false, undefined],
  ['unconfined, deprecated', context({ apparmorProfile: 'unconfined' }), false, undefined],
  ['Localhost', context(localhost('mine')), false, 'mine'],
  ['localhost/, deprecated', context({ apparmorProfile: 'localhost/mine' }), false, 'mine'],
  ['the new field wins', context({ ...localhost('mine'), apparmorProfile: 'unconfined' }), false, 'mine'],
  ['privileged, nothing asked', context({}), true, undefined],
  ['privileged, RuntimeDefault', context(runtimeDefault), true, undefined],
  ['privileged, Localhost', context(localhost('mine')), true, 'mine'],
] as const

for (const [title, wanted, privileged, expected] of CASES) {
  test(`AppArmor: ${title}`, () => assert.is(appArmorProfile(wanted, privileged, HOST), expected))
}

test('a profile that is not loaded is refused by name', () => {
  refused(
    () => appArmorProfile(context(localhost('ghost')), false, HOST),
    'failed_precondition',
    '"ghost"',
    'not loaded',
  )
  refused(() => appArmorProfile(context(localhost('')), false, HOST), 'invalid_argument', 'localhost_ref')
  refused(() => appArmorProfile(context({ apparmorProfile: 'odd' }), false, HOST), 'invalid_argument', '"odd"')
})

test('on a node without AppArmor nothing and Unconfined do, any profile is refused', () => {
  assert.is(appArmorProfile(undefined, false, NONE), undefined)
  assert.is(appArmorProfile(context({}), false, NONE), undefined)
  assert.is(appArmorProfile(context(unconfined), false, NONE), undefined)
  for (const wanted of [runtimeDefault, localhost('mine'), { apparmorProfile: 'runtime/default' }]) {
    refused(() => appArmorProfile(context(wanted), false, NONE), 'failed_precondition', 'not enabled')
  }
})

test('where the default profile could not be loaded, only who asks for it by name is refused', () => {
  const host = { apparmor: { problem: 'apparmor_parser is not installed', loaded: new Set(['mine']) } }
  assert.is(appArmorProfile(context({}), false, host), undefined)
  assert.is(appArmorProfile(context(localhost('mine')), false, host), 'mine')
  refused(() => appArmorProfile(context(runtimeDefault), false, host), 'failed_precondition', 'not installed')
})

const selinux = (level: string) => ({ user: '', role: '', type: 'spc_t', level })

test('SELinux levels are checked on every node', () => {
  checkSelinuxOptions(undefined)
  for (const level of ['', 's0', 's0-s1', 's0:c4,c5', 's0:c0.c1023', 's0-s0:c1,c2.c4'])
    checkSelinuxOptions(selinux(level))
  for (const level of ['s0,c4,c5', 'x', 's0:', 's0:c12345', 's0 ']) {
    refused(() => checkSelinuxOptions(selinux(level)), 'invalid_argument', 'selinux_options.level', level.trim())
  }
})

test('where SELinux is enabled a label that would not be given is refused, and none is none', () => {
  checkSelinuxOptions(undefined, true)
  checkSelinuxOptions({ user: '', role: '', type: '', level: '' }, true)
  refused(() => checkSelinuxOptions(selinux('s0'), true), 'unimplemented', 'spc_t', 's0')
})

test.run()
