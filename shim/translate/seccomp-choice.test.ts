// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerSecurityContext, SecurityProfile_ProfileType as Type } from '../../cri-proto/index.ts'
import { refused } from './refused.ts'
import { type SeccompChoice, seccompChoice } from './seccomp-choice.ts'

type Context = Parameters<typeof LinuxContainerSecurityContext.fromPartial>[0]
const choose = (context: Context) => seccompChoice(LinuxContainerSecurityContext.fromPartial(context))
const DEFAULT: SeccompChoice = { kind: 'default' }
const UNCONFINED: SeccompChoice = { kind: 'unconfined' }
const localhost = (localhostRef: string) => ({ seccomp: { profileType: Type.Localhost, localhostRef } })

const CASES: readonly [string, Context, SeccompChoice][] = [
  ['nothing', {}, UNCONFINED],
  ['RuntimeDefault', { seccomp: { profileType: Type.RuntimeDefault } }, DEFAULT],
  ['Unconfined', { seccomp: { profileType: Type.Unconfined } }, UNCONFINED],
  ['Localhost', localhost('/p/x.json'), { kind: 'file', path: '/p/x.json' }],
  ['runtime/default, deprecated', { seccompProfilePath: 'runtime/default' }, DEFAULT],
  ['docker/default, deprecated', { seccompProfilePath: 'docker/default' }, DEFAULT],
  ['unconfined, deprecated', { seccompProfilePath: 'unconfined' }, UNCONFINED],
  ['localhost/, deprecated', { seccompProfilePath: 'localhost//p/y.json' }, { kind: 'file', path: '/p/y.json' }],
  ['the new field wins', { ...localhost('/n'), seccompProfilePath: 'unconfined' }, { kind: 'file', path: '/n' }],
  ['privileged', { seccomp: { profileType: Type.RuntimeDefault }, privileged: true }, UNCONFINED],
  ['privileged with a file', { ...localhost('/p'), privileged: true }, UNCONFINED],
]

for (const [title, context, expected] of CASES) test(`seccomp: ${title}`, () => assert.equal(choose(context), expected))

test('no security context is unconfined', () => assert.equal(seccompChoice(undefined), UNCONFINED))

test('references that fit no type are refused', () => {
  const field = 'seccomp.localhost_ref'
  refused(() => choose(localhost('')), 'invalid_argument', field)
  refused(() => choose(localhost('rel.json')), 'invalid_argument', field, '"rel.json"')
  const both = { seccomp: { profileType: Type.RuntimeDefault, localhostRef: '/x' } }
  refused(() => choose(both), 'invalid_argument', field, '"/x"')
  refused(() => choose({ seccomp: { profileType: 9 as Type } }), 'invalid_argument', 'profile_type', '9')
  refused(() => choose({ seccompProfilePath: 'odd' }), 'invalid_argument', 'seccomp_profile_path', '"odd"')
})

test.run()
