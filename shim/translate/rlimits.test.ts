// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { containerRlimits, RLIMITS_FORM, rlimitCeilings, STANDARD_RLIMITS } from './rlimits.ts'

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max processes             96365                96365                processes 
Max open files            1024                 20000                files     
Max realtime timeout      unlimited            unlimited            us        
`
const of = (name: string, ...input: Parameters<typeof containerRlimits>) =>
  containerRlimits(...input).find(({ type }) => type === `RLIMIT_${name}`)

test('a container gets every limit that Linux has, whatever the daemon has', () => {
  assert.is(containerRlimits('', {}).length, 16)
  assert.equal(of('NOFILE', '', {}), { type: 'RLIMIT_NOFILE', soft: 1_048_576, hard: 1_048_576 })
  assert.equal(of('CORE', '', {}), { type: 'RLIMIT_CORE', soft: 0, hard: 2n ** 64n - 1n })
})

test('what the configuration names replaces the standard, one value standing for both', () => {
  const text = 'NOFILE=1024:4096,NPROC=100'
  assert.equal(of('NOFILE', text, {}), { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 })
  assert.equal(of('NPROC', text, {}), { type: 'RLIMIT_NPROC', soft: 100, hard: 100 })
  assert.is(containerRlimits(text, {}).length, 16)
})

test('no limit is above what may be given, and no soft one above its hard one', () => {
  assert.equal(of('NOFILE', 'NOFILE=unlimited', { NOFILE: 20_000 }), {
    type: 'RLIMIT_NOFILE',
    soft: 20_000,
    hard: 20_000,
  })
  assert.equal(of('NOFILE', 'NOFILE=50:10', {}), { type: 'RLIMIT_NOFILE', soft: 10, hard: 10 })
})

test('a confined daemon may give what it has, another one anything but more files than there can be', () => {
  assert.equal(rlimitCeilings(LIMITS, false, 1_048_576), { NPROC: 96_365, NOFILE: 20_000 })
  assert.equal(rlimitCeilings(LIMITS, true, 1_048_576), { NOFILE: 1_048_576 })
})

test('the form knows the names of Linux and no others', () => {
  for (const text of ['', STANDARD_RLIMITS, 'NOFILE=1:2,CORE=unlimited']) assert.ok(RLIMITS_FORM.test(text), text)
  for (const text of ['FILES=1', 'NOFILE', 'NOFILE=-1', 'NOFILE=1:2:3', 'NOFILE=1,', 'nofile=1']) {
    assert.not.ok(RLIMITS_FORM.test(text), text)
  }
})

test.run()
