// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describePlatform, hostPlatform, pickPlatform, platformRank } from './platform.ts'

const platform = (text: string) => {
  const [os = '', architecture = '', variant] = text.split('/')
  return { os, architecture, variant }
}
const pick = (host: string, ...offers: string[]) => {
  const index = pickPlatform(
    platform(host),
    offers.map((text) => (text === '-' ? undefined : platform(text))),
  )
  return index === undefined ? undefined : offers[index]
}

test('an amd64 host takes its own level, a lower one, then 386', () => {
  assert.is(pick('linux/amd64/v3', 'linux/386', 'linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'), 'linux/amd64/v2')
  assert.is(pick('linux/amd64', 'linux/386', 'linux/arm64'), 'linux/386')
  assert.is(pick('linux/amd64', 'linux/amd64/v2'), undefined)
})

test('an arm64 host runs 64-bit images of its level or lower, then 32-bit arm', () => {
  assert.is(pick('linux/arm64', 'linux/arm/v7', 'linux/arm64/v8'), 'linux/arm64/v8')
  assert.is(pick('linux/arm64', 'linux/arm/v6', 'linux/arm/v7'), 'linux/arm/v7')
  assert.is(pick('linux/arm64/v9.1', 'linux/arm64', 'linux/arm64/v8.6', 'linux/arm64/v8.7'), 'linux/arm64/v8.6')
  assert.is(pick('linux/arm64', 'linux/arm64/v9'), undefined)
})

test('a 32-bit arm host goes down to v5', () => {
  assert.is(pick('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v6', 'linux/arm64'), 'linux/arm/v6')
})

test('other architectures match exactly', () => {
  assert.is(pick('linux/riscv64', 'linux/amd64', 'linux/riscv64'), 'linux/riscv64')
  assert.is(pick('linux/s390x', 'linux/amd64'), undefined)
})

test('the first of equals wins and an entry without a platform comes last', () => {
  assert.is(pickPlatform(platform('linux/amd64'), [platform('linux/amd64'), platform('linux/x86_64')]), 0)
  assert.is(pick('linux/amd64', '-', 'linux/386'), 'linux/386')
  assert.is(pick('linux/amd64', '-', 'windows/amd64'), '-')
  assert.is(pick('linux/amd64', 'unknown/unknown'), undefined)
})

test('features the host lacks rule a platform out', () => {
  const host = platform('linux/amd64')
  assert.is(platformRank(host, { ...host, osFeatures: ['win32k'] }), undefined)
  assert.is(platformRank({ ...host, osFeatures: ['a', 'b'] }, { ...host, osFeatures: ['a'] }), 0)
})

test('the host names itself as images do', () => {
  assert.is(describePlatform(hostPlatform('x64', '')), 'linux/amd64')
  assert.is(describePlatform(hostPlatform('arm64', '')), 'linux/arm64')
  assert.is(describePlatform(hostPlatform('arm', 'CPU architecture: 7\n')), 'linux/arm/v7')
  assert.is(
    describePlatform(hostPlatform('arm', 'model name: ARMv6-compatible\nCPU architecture: 7\n')),
    'linux/arm/v6',
  )
})

test.run()
