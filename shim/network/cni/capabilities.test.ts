// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseBandwidth, parseQuantity } from './bandwidth.ts'
import { capabilityArgs, formatArgs, type PortMapping, podArgs, runtimeConfigFor } from './capabilities.ts'
import { parseSinglePlugin } from './config.ts'

const pod = { sandboxId: 'abc', name: 'web', namespace: 'default', uid: 'u-1' }
const annotationsOnly = { 'io.kubernetes.cri.pod-annotations': {} }

test('CNI_ARGS name the pod as plugins for Kubernetes expect it', () => {
  assert.is(
    formatArgs(podArgs(pod)),
    'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=u-1',
  )
})

test('a pod name cannot add arguments of its own', () => {
  assert.throws(
    () => podArgs({ ...pod, name: 'web;IP=10.0.0.1' }),
    /K8S_POD_NAME "web;IP=10\.0\.0\.1": holds a separator/,
  )
  assert.throws(() => podArgs({ ...pod, uid: 'a\0' }), /holds a separator/)
})

test('port mappings without a host port are left out', () => {
  const portMappings: PortMapping[] = [
    { protocol: 'tcp', containerPort: 80, hostPort: 8080, hostIp: '127.0.0.1' },
    { protocol: 'udp', containerPort: 53, hostPort: 5353 },
    { protocol: 'tcp', containerPort: 9000, hostPort: 0 },
  ]
  assert.equal(capabilityArgs({ ...pod, portMappings }, [])['portMappings'], [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '127.0.0.1' },
    { hostPort: 5353, containerPort: 53, protocol: 'udp' },
  ])
  assert.equal(capabilityArgs({ ...pod, portMappings: portMappings.slice(2) }, []), annotationsOnly)
})

test('ports and host addresses that cannot be are refused', () => {
  const refuses = (mapping: Partial<PortMapping>, pattern: RegExp) => {
    const portMappings = [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 8080, ...mapping }]
    assert.throws(() => capabilityArgs({ ...pod, portMappings }, []), pattern)
  }
  refuses({ hostPort: 65536 }, /port mapping 65536:80\/tcp: a port is from 1 to 65535/)
  refuses({ hostPort: -1 }, /a port is from/)
  refuses({ containerPort: 0 }, /a port is from/)
  refuses({ hostIp: 'localhost' }, /host address "localhost" is none/)
})

test('all that Gantry knows of a pod is offered under its capability', () => {
  const annotations = { 'kubernetes.io/egress-bandwidth': '10M', other: 'x' }
  const dns = { servers: ['10.0.0.10'], searches: ['a.b'], options: ['ndots:5'] }
  const offered = capabilityArgs({ ...pod, annotations, dns, cgroupParent: '/kubepods/x' }, [
    '10.1.0.0/24',
    'fd00::/64',
  ])
  assert.equal(offered, {
    bandwidth: { egressRate: 10_000_000, egressBurst: 4_294_967_295 },
    dns,
    ipRanges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd00::/64' }]],
    cgroupPath: '/kubepods/x',
    'io.kubernetes.cri.pod-annotations': annotations,
  })
})

test('a plugin gets only the capabilities it declares', () => {
  const plugin = (capabilities: object) => {
    const [first] = parseSinglePlugin(JSON.stringify({ name: 'n', type: 't', capabilities }), 'f').plugins
    if (first === undefined) throw new Error('no plugin')
    return first
  }
  const offered = { portMappings: [], dns: {} }
  assert.equal(runtimeConfigFor(plugin({ dns: true, portMappings: false, mac: true }), offered), { dns: {} })
  assert.is(runtimeConfigFor(plugin({ mac: true }), offered), undefined)
  assert.is(runtimeConfigFor(plugin({ constructor: true }), offered), undefined)
})

test('bandwidth annotations become bits per second', () => {
  assert.is(parseBandwidth({}), undefined)
  assert.equal(parseBandwidth({ 'kubernetes.io/ingress-bandwidth': '1Gi', 'kubernetes.io/egress-bandwidth': '1.5M' }), {
    ingressRate: 1_073_741_824,
    ingressBurst: 4_294_967_295,
    egressRate: 1_500_000,
    egressBurst: 4_294_967_295,
  })
})

test('bandwidths beyond 1k and 1P, and texts that are none, are refused by annotation', () => {
  const refuses = (text: string, pattern: RegExp) =>
    assert.throws(() => parseBandwidth({ 'kubernetes.io/ingress-bandwidth': text }), pattern)
  refuses('999', /read annotation "kubernetes\.io\/ingress-bandwidth": "999" is not from 1k to 1P/)
  refuses('2P', /not from 1k to 1P/)
  refuses('-5M', /not from 1k to 1P/)
  refuses('fast', /"fast" is not a quantity/)
  refuses('', /is not a quantity/)
})

test('quantities are read as Kubernetes does', () => {
  const values = ['1', '1k', '1e3', '1E3', '1500m', '0.5Ki', '.5k', '2.', '1E', '100n'].map(parseQuantity)
  assert.equal(values, [1n, 1000n, 1000n, 1000n, 2n, 512n, 500n, 2n, 10n ** 18n, 1n])
  assert.equal(
    ['', '.', 'k', '1K', '1 k', '0x10', '1e', '1e3k', '1'.repeat(30)].map(parseQuantity),
    Array(9).fill(undefined),
  )
})

test.run()
