// SPDX-License-Identifier: Apache-2.0

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../errors.ts'
import { loadLibseccomp } from '../../kernel/libseccomp.ts'
import type { OciSeccomp } from '../../spec/types.ts'
import { compileSeccomp } from './seccomp.ts'
import { SeccompCache } from './seccomp-cache.ts'

const test = suite<{ directory: string }>('compiled seccomp profiles are kept')
test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'gantry-seccomp-cache-'))
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

const library = loadLibseccomp()
const libraryVersion = library.version
const profile = (...names: string[]): OciSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names, action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 2n ** 64n - 1n, op: 'SCMP_CMP_LE' }] }],
})

test('the child compiles what this process would', async ({ directory }) => {
  const cache = new SeccompCache({ libraryVersion, directory })
  const compiled = await cache.compile(profile('read', 'nonsense'))
  assert.equal(Buffer.from(compiled.filter), Buffer.from(compileSeccomp(profile('read'), { library }).filter))
  assert.equal(compiled.skipped, ['nonsense'])
})

test('a profile asked for many times at once and again later is compiled once', async ({ directory }) => {
  const cache = new SeccompCache({ libraryVersion, directory })
  const all = await Promise.all(Array.from({ length: 20 }, () => cache.compile(profile('read'))))
  assert.is(new Set(all).size, 1)
  rmSync(directory, { recursive: true })
  assert.is(await cache.compile(profile('read')), all[0])
})

test('after a restart the filter comes from disk', async ({ directory }) => {
  const first = await new SeccompCache({ libraryVersion, directory }).compile(profile('read'))
  const again = await new SeccompCache({ libraryVersion, directory, deadlineMs: 0 }).compile(profile('read'))
  assert.equal(Buffer.from(again.filter), Buffer.from(first.filter))
})

test('a damaged file on disk is never loaded, but made anew', async ({ directory }) => {
  const good = await new SeccompCache({ libraryVersion, directory }).compile(profile('read'))
  const path = join(directory, readdirSync(directory)[0] ?? '')
  const text = readFileSync(path, 'utf8')
  for (const damage of ['', text.slice(0, 50), 'null', text.replace(/"filter":"..../, '"filter":"AAAA')]) {
    writeFileSync(path, damage)
    const made = await new SeccompCache({ libraryVersion, directory }).compile(profile('read'))
    assert.equal(Buffer.from(made.filter), Buffer.from(good.filter))
    assert.is(readFileSync(path, 'utf8'), text)
  }
})

test('filters of another libseccomp are not used', async ({ directory }) => {
  await new SeccompCache({ libraryVersion: '2.4.9', directory }).compile(profile('read'))
  await new SeccompCache({ libraryVersion, directory }).compile(profile('read'))
  assert.is(readdirSync(directory).length, 2)
})

test('memory and disk stay bounded, the most recently used survive', async ({ directory }) => {
  const cache = new SeccompCache({ libraryVersion, directory, capacity: 2, fileCapacity: 3 })
  const first = await cache.compile(profile('read'))
  await cache.compile(profile('write'))
  await cache.compile(profile('read'))
  await cache.compile(profile('close'))
  await cache.compile(profile('fstat'))
  assert.is(cache.size, 2)
  assert.is(readdirSync(directory).length, 3)
  assert.is.not(await cache.compile(profile('read')), first)
})

test('a mistake in a profile comes back from the child as it is, and is not remembered', async ({ directory }) => {
  const cache = new SeccompCache({ libraryVersion, directory })
  const wrong = { ...profile('read'), architectures: ['SCMP_ARCH_VAX'] }
  for (let n = 0; n < 2; n++) {
    const error = await failure(cache.compile(wrong))
    assert.is(error.code, 'invalid_argument')
    assert.match(error.message, /^compile seccomp profile "architectures": holds "SCMP_ARCH_VAX", expected SCMP_ARCH_/)
  }
  assert.is(cache.size, 0)
  assert.is(readdirSync(directory).length, 0)
})

test('a profile libseccomp cannot finish fails at the deadline, and the next one is served', async ({ directory }) => {
  const names = ['read', 'write', 'open', 'close', 'stat', 'fstat', 'lstat', 'poll', 'lseek', 'mmap']
  const rules = Array.from({ length: 3000 }, (_, n) => ({
    names: [names[n % 10] ?? ''],
    action: 'SCMP_ACT_ALLOW' as const,
    args: [{ index: n % 6, value: n, op: 'SCMP_CMP_GT' as const }],
  }))
  const slow: OciSeccomp = { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86'], syscalls: rules }
  const cache = new SeccompCache({ libraryVersion, directory, deadlineMs: 1500 })
  const [error, next] = await Promise.all([failure(cache.compile(slow)), cache.compile(profile('read'))])
  assert.is(error.code, 'deadline_exceeded')
  assert.ok(next.filter.length > 0)
})

test('a disk that cannot be written does not keep a container from starting', async ({ directory }) => {
  writeFileSync(join(directory, 'file'), '')
  const cache = new SeccompCache({ libraryVersion, directory: join(directory, 'file', 'below') })
  assert.ok((await cache.compile(profile('read'))).filter.length > 0)
  assert.not(existsSync(join(directory, 'file', 'below')))
})

async function failure(promise: Promise<unknown>): Promise<GantryError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof GantryError) return error
  throw error ?? new Error('did not fail')
}

test.run()
