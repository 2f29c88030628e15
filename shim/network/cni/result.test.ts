// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseResult, pickAddresses } from './result.ts'

const bridge = {
  cniVersion: '1.0.0',
  interfaces: [
    { name: 'cni0', mac: '00:00:00:00:00:01' },
    { name: 'veth1', mac: '00:00:00:00:00:02' },
    { name: 'eth0', mac: '00:00:00:00:00:03', sandbox: '/proc/1/fd/4' },
  ],
  ips: [
    { interface: 2, address: 'fd00::5/64', gateway: 'fd00::1' },
    { interface: 2, address: '10.1.0.5/24', gateway: '10.1.0.1' },
    { interface: 0, address: '10.1.0.1/24' },
  ],
  routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0', gw: 'fd00::1', mtu: 1400 }],
  dns: {},
}

const parse = (value: unknown) => parseResult(JSON.stringify(value), '1.0.0')

test("IPv4 is the primary address unless IPv6 or the plugin's order is preferred", () => {
  const result = parse(bridge)
  assert.equal(pickAddresses(result, 'eth0', 'ipv4'), { ip: '10.1.0.5', additionalIps: ['fd00::5'] })
  assert.equal(pickAddresses(result, 'eth0', 'ipv6'), { ip: 'fd00::5', additionalIps: ['10.1.0.5'] })
  assert.equal(pickAddresses(result, 'eth0', 'cni'), { ip: 'fd00::5', additionalIps: ['10.1.0.5'] })
})

test('without an address of the preferred family the first one is primary', () => {
  const result = parse({ ...bridge, ips: [{ address: 'fd00::5/64' }, { address: 'fd00::6/64' }] })
  assert.equal(pickAddresses(result, 'eth0', 'ipv4'), { ip: 'fd00::5', additionalIps: ['fd00::6'] })
})

test("addresses of the host's interfaces are not the pod's", () => {
  assert.is(
    pickAddresses(parse({ ...bridge, ips: [{ interface: 0, address: '10.1.0.1/24' }] }), 'eth0', 'ipv4'),
    undefined,
  )
  const onHost = [{ name: 'eth0', sandbox: '' }]
  const result = parse({ interfaces: onHost, ips: [{ interface: 0, address: '10.1.0.1/24' }] })
  assert.is(pickAddresses(result, 'eth0', 'ipv4'), undefined)
})

test("an address without an interface is the pod's, and is named once", () => {
  const result = parse({ ips: [{ address: '10.1.0.5/24' }, { address: '10.1.0.5/24', interface: null }] })
  assert.equal(pickAddresses(result, 'eth0', 'ipv4'), { ip: '10.1.0.5', additionalIps: [] })
})

test('results of 0.1.0 and 0.2.0 are converted up', () => {
  const legacy = {
    cniVersion: '0.2.0',
    ip4: { ip: '10.1.0.5/24', gateway: '10.1.0.1', routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }] },
    ip6: { ip: 'fd00::5/64' },
  }
  const result = parse(legacy)
  assert.equal(pickAddresses(result, 'eth0', 'ipv4'), { ip: '10.1.0.5', additionalIps: ['fd00::5'] })
  assert.equal(result.routes, [{ destination: '0.0.0.0/0', gateway: '10.1.0.1' }])
  assert.equal(result.raw, legacy)
})

test('the version key of 0.3.1 addresses does no harm', () => {
  const result = parse({ cniVersion: '0.3.1', ips: [{ version: '4', address: '10.1.0.5/24' }] })
  assert.is(result.addresses[0]?.ip, '10.1.0.5')
})

test('a result without a version has the one that was asked for', () => {
  assert.is(parse({ ips: [] }).cniVersion, '1.0.0')
  assert.equal(parse({ ips: [] }).raw, { ips: [], cniVersion: '1.0.0' })
})

test('keys of 1.1.0 and unknown ones survive in the raw result', () => {
  const value = { cniVersion: '1.1.0', interfaces: [{ name: 'eth0', mtu: 9000, pciID: 'x' }], later: { a: 1 } }
  assert.equal(parse(value).raw, value)
})

test('broken results are refused with the key that is wrong', () => {
  const refuses = (value: unknown, pattern: RegExp) => assert.throws(() => parse(value), pattern)
  assert.throws(() => parseResult('', '1.0.0'), /parse cni result: not JSON/)
  refuses([], /not an object/)
  refuses({ cniVersion: '7.0.0' }, /unsupported cniVersion "7\.0\.0"/)
  refuses({ ips: {} }, /"ips" is not a list/)
  refuses({ ips: [1] }, /"ips" holds something that is not an object/)
  refuses({ ips: [{ address: '10.1.0.5' }] }, /"10\.1\.0\.5" is not an address with a prefix length/)
  refuses({ ips: [{ address: '10.1.0.5/33' }] }, /prefix length/)
  refuses({ ips: [{ address: '300.1.0.5/24' }] }, /prefix length/)
  refuses({ ips: [{ address: '10.1.0.5/24', gateway: 'x' }] }, /gateway: "x" is not an address/)
  refuses({ ips: [{ address: '10.1.0.5/24', interface: 3 }] }, /ips: no interface 3/)
  refuses({ ips: [{ address: '10.1.0.5/24', interface: -1 }] }, /ips: no interface -1/)
  refuses({ interfaces: [{}] }, /an interface has no name/)
  refuses({ routes: [{}] }, /a route has no dst/)
  refuses({ cniVersion: '0.2.0', ip4: 'x' }, /ip4: not an object/)
  refuses({ ips: new Array(1025).fill({ address: '10.1.0.5/24' }) }, /1025 entries, the limit is 1024/)
})

test.run()
