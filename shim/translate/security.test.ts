// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerSecurityContext, LinuxSandboxSecurityContext } from '../../cri-proto/index.ts'
import { refused } from './refused.ts'
import { hiddenPaths, isPrivileged } from './security.ts'

const container = (partial: Parameters<typeof LinuxContainerSecurityContext.fromPartial>[0]) =>
  LinuxContainerSecurityContext.fromPartial(partial)
const pod = (privileged: boolean) => LinuxSandboxSecurityContext.fromPartial({ privileged })

test('a container is privileged where it asks for it and its pod may', () => {
  assert.is(isPrivileged(undefined, pod(true)), false)
  assert.is(isPrivileged(container({}), undefined), false)
  assert.is(isPrivileged(container({ privileged: true }), pod(true)), true)
})

test('a privileged container in an ordinary pod is refused', () => {
  for (const context of [pod(false), undefined]) {
    refused(
      () => isPrivileged(container({ privileged: true }), context),
      'invalid_argument',
      'security_context.privileged',
    )
  }
})

test('paths are hidden as requested, none by ourselves, none when privileged', () => {
  const context = container({ maskedPaths: ['/proc/kcore'], readonlyPaths: ['/proc/sys'] })
  assert.equal(hiddenPaths(context, false), { maskedPaths: ['/proc/kcore'], readonlyPaths: ['/proc/sys'] })
  assert.equal(hiddenPaths(context, true), { maskedPaths: [], readonlyPaths: [] })
  assert.equal(hiddenPaths(undefined, false), { maskedPaths: [], readonlyPaths: [] })
})

test('a path to hide must be absolute', () => {
  refused(() => hiddenPaths(container({ maskedPaths: ['proc'] }), false), 'invalid_argument', 'masked_paths', '"proc"')
  refused(() => hiddenPaths(container({ readonlyPaths: [''] }), false), 'invalid_argument', 'readonly_paths')
})

test.run()
