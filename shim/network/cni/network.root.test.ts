// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../../runtime-core/errors.ts'
import { CniConfigurations } from './discover.ts'
import { FakeNode, failureOf, until } from './fake-plugins.fixture.ts'
import { end, get, Keeper, line, run } from './keeper.fixture.ts'
import { type PodAttachment, PodNetwork } from './network.ts'

// The test's "node" is a network namespace of its own: bridges, firewall rules and sysctls of the real plugins vanish
// with it, whatever happens.
const isNode = process.env['GANTRY_TEST_NODE'] === 'cni'
const pluginDir = ['/usr/lib/cni', '/opt/cni/bin'].find((dir) => existsSync(join(dir, 'bridge')))
const missing = process.getuid?.() !== 0 ? 'root' : pluginDir === undefined ? 'the CNI plugins' : undefined

if (missing === undefined && !isNode) {
  const env = { ...process.env, GANTRY_TEST_NODE: 'cni' }
  const { status } = spawnSync('unshare', ['--net', process.execPath, import.meta.filename], { stdio: 'inherit', env })
  process.exit(status ?? 1)
}

const patience = { deadlineMs: 30_000 }
const hostAddress = '198.51.100.1'
const hostLinks = () =>
  run('ip', '-o', 'link')
    .split('\n')
    .map((line) => line.split(/[ @:]+/)[1] ?? '')
const rules = () => run('iptables-save')

async function prepare(
  ...plugins: object[]
): Promise<{ node: FakeNode; network: PodNetwork; [Symbol.asyncDispose](): Promise<void> }> {
  const node = await FakeNode.create()
  await node.conf('10.conflist', {
    cniVersion: '1.0.0',
    name: 'podnet',
    plugins: plugins.map((plugin) => withDataDir(plugin, node)),
  })
  const configurations = new CniConfigurations({ dir: node.confDir })
  await configurations.refresh()
  const network = new PodNetwork({
    configurations,
    pluginDirs: [pluginDir ?? ''],
    cacheDir: node.cacheDir,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    now: () => performance.now(),
    ipPreference: 'ipv4',
    parallel: 16,
    cleanupTimeoutMs: 30_000,
    statusTimeoutMs: 10_000,
    statusMaxAgeMs: 5000,
  })
  const dispose = async () => {
    await node[Symbol.asyncDispose]()
    for (const link of hostLinks()) if (link.startsWith('gtest')) run('ip', 'link', 'del', link)
    for (const table of ['nat', 'filter', 'mangle']) for (const what of ['-F', '-X']) run('iptables', '-t', table, what)
  }
  return { node, network, [Symbol.asyncDispose]: dispose }
}

function withDataDir(plugin: object, node: FakeNode): object {
  if (!('ipam' in plugin)) return plugin
  return { ...plugin, ipam: { type: 'host-local', dataDir: join(node.root, 'ipam'), ...(plugin.ipam as object) } }
}

/** Addresses that host-local has given away. */
const reserved = (node: FakeNode) =>
  readdirSync(join(node.root, 'ipam', 'podnet')).filter((name) => /^[0-9a-f]+[.:]/.test(name))

const pod = (sandboxId: string, keeper: Keeper, more: Partial<PodAttachment> = {}): PodAttachment => ({
  sandboxId,
  netnsPath: keeper.netnsPath,
  name: 'web',
  namespace: 'default',
  uid: 'u1',
  ...more,
})

const bridge = {
  type: 'bridge',
  bridge: 'gtest0',
  isGateway: true,
  ipMasq: true,
  hairpinMode: true,
  ipam: { ranges: [[{ subnet: '10.201.7.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
}
const portmap = { type: 'portmap', capabilities: { portMappings: true } }
const rootTest = missing === undefined ? test : test.skip

test.before(() => {
  if (!isNode) return
  run('ip', 'link', 'set', 'lo', 'up')
  run('ip', 'link', 'add', 'uplink0', 'type', 'veth', 'peer', 'name', 'outside0')
  run('ip', 'addr', 'add', `${hostAddress}/24`, 'dev', 'uplink0')
  for (const link of ['uplink0', 'outside0']) run('ip', 'link', 'set', link, 'up')
})

rootTest(
  'a pod on a bridge answers HTTP on its address, and on a port of the host from outside and loopback',
  async () => {
    await using at = await prepare(bridge, portmap)
    await using keeper = await Keeper.create()
    const portMappings = [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 18080 }]
    const result = await at.network.setup(pod('t1', keeper, { portMappings }), patience)
    assert.match(result.ip, /^10\.201\.7\.\d+$/)
    assert.match(keeper.inside('ip', '-o', '-4', 'addr', 'show', 'eth0'), `inet ${result.ip}/24`)
    assert.is(result.interfaces.find(({ name }) => name === 'eth0')?.sandbox, keeper.netnsPath)
    await keeper.serve(80, 'hello from the pod')
    assert.is(await get(result.ip, 80), 'hello from the pod')
    assert.is(await get(hostAddress, 18080), 'hello from the pod')
    assert.is(await get('127.0.0.1', 18080), 'hello from the pod')

    await at.network.teardown({ sandboxId: 't1', netnsPath: keeper.netnsPath }, patience)
    assert.is(await get(hostAddress, 18080), 'ECONNREFUSED')
    assert.not.match(keeper.inside('ip', '-o', 'link'), 'eth0')
    assert.equal(
      hostLinks().filter((link) => link.startsWith('veth')),
      [],
    )
    assert.equal(reserved(at.node), [])
    assert.not.match(rules(), '18080')
    assert.not.match(rules(), result.ip)
  },
)

rootTest('a mapping to one address of the host answers there and nowhere else', async () => {
  await using at = await prepare(bridge, portmap)
  await using keeper = await Keeper.create()
  const portMappings = [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 18081, hostIp: '127.0.0.1' }]
  await at.network.setup(pod('t2', keeper, { portMappings }), patience)
  await keeper.serve(80, 'local')
  assert.is(await get('127.0.0.1', 18081), 'local')
  assert.is(await get(hostAddress, 18081), 'ECONNREFUSED')
  await at.network.teardown({ sandboxId: 't2', netnsPath: keeper.netnsPath }, patience)
})

rootTest(
  'a pod whose keeper died is detached without its namespace: address, rules and ports are free again',
  async () => {
    await using at = await prepare(bridge, portmap)
    const keeper = await Keeper.create()
    const portMappings = [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 18082 }]
    await at.network.setup(pod('t3', keeper, { portMappings }), patience)
    assert.match(rules(), '18082')
    await keeper[Symbol.asyncDispose]()
    await at.network.teardown({ sandboxId: 't3', netnsPath: keeper.netnsPath }, patience)
    assert.not.match(rules(), '18082')
    assert.equal(reserved(at.node), [])
    // the bridge plugin's masquerading chain stays: it finds that only by the addresses inside the namespace
    await until('the kernel has removed the veth', () => !hostLinks().some((link) => link.startsWith('veth')))
  },
)

rootTest('detaching a pod by a path that leads to another pod leaves the other pod alone', async () => {
  await using at = await prepare(bridge)
  await using one = await Keeper.create()
  await using other = await Keeper.create()
  await at.network.setup(pod('one', one), patience)
  const { ip } = await at.network.setup(pod('other', other), patience)
  await at.network.teardown({ sandboxId: 'one', netnsPath: other.netnsPath }, patience)
  assert.match(other.inside('ip', '-o', '-4', 'addr', 'show', 'eth0'), ip)
  assert.equal(reserved(at.node), [ip])
  await at.network.teardown({ sandboxId: 'other', netnsPath: other.netnsPath }, patience)
})

rootTest('pods attached at once get different addresses and reach each other', async () => {
  await using at = await prepare(bridge)
  await using held = new AsyncDisposableStack()
  const keepers = await Promise.all(Array.from({ length: 8 }, async () => held.use(await Keeper.create())))
  const results = await Promise.all(
    keepers.map((keeper, index) => at.network.setup(pod(`p${index}`, keeper), patience)),
  )
  assert.is(new Set(results.map(({ ip }) => ip)).size, 8)
  await keepers[7]?.serve(80, 'seven')
  keepers[0]?.inside('bash', '-c', `exec 3<>/dev/tcp/${results[7]?.ip}/80`)
  await Promise.all(
    keepers.map(({ netnsPath }, index) => at.network.teardown({ sandboxId: `p${index}`, netnsPath }, patience)),
  )
  assert.equal(reserved(at.node), [])
})

rootTest('a pod with both families gets its IPv4 address as the primary one', async () => {
  const ranges = [[{ subnet: 'fd00:c9::/64' }], [{ subnet: '10.201.7.0/24' }]]
  await using at = await prepare({ ...bridge, ipam: { ranges } })
  await using keeper = await Keeper.create()
  const { ip, additionalIps } = await at.network.setup(pod('t6', keeper), patience)
  assert.match(ip, /^10\.201\.7\./)
  assert.match(additionalIps.join(), /^fd00:c9::/)
  await keeper.serve(80, 'six')
  // the kernel first asks the link whether the bridge's new address is taken
  await until('it answers on IPv6', async () => (await get(additionalIps[0] ?? '', 80)) === 'six')
  await at.network.teardown({ sandboxId: 't6', netnsPath: keeper.netnsPath }, patience)
})

rootTest('a pod on a point-to-point link answers, and leaves nothing', async () => {
  await using at = await prepare({ type: 'ptp', ipMasq: true, ipam: bridge.ipam }, portmap)
  await using keeper = await Keeper.create()
  const portMappings = [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 18083 }]
  const { ip } = await at.network.setup(pod('t7', keeper, { portMappings }), patience)
  await keeper.serve(80, 'point')
  assert.equal([await get(ip, 80), await get(hostAddress, 18083)], ['point', 'point'])
  await at.network.teardown({ sandboxId: 't7', netnsPath: keeper.netnsPath }, patience)
  assert.equal(
    hostLinks().filter((link) => link.startsWith('veth')),
    [],
  )
  assert.not.match(rules(), ip)
})

rootTest("bandwidth annotations limit the pod's link until it is detached", async () => {
  await using at = await prepare(bridge, { type: 'bandwidth', capabilities: { bandwidth: true } })
  await using keeper = await Keeper.create()
  const annotations = { 'kubernetes.io/ingress-bandwidth': '10M', 'kubernetes.io/egress-bandwidth': '5M' }
  await at.network.setup(pod('t8', keeper, { annotations }), patience)
  const shaping = run('tc', 'qdisc')
  assert.match(shaping, /tbf .* rate 10Mbit/)
  assert.match(shaping, /tbf .* rate 5Mbit/)
  await at.network.teardown({ sandboxId: 't8', netnsPath: keeper.netnsPath }, patience)
  assert.not.match(run('tc', 'qdisc'), 'tbf')
})

rootTest("the firewall plugin lets the pod's traffic through until it is detached", async () => {
  await using at = await prepare(bridge, { type: 'firewall', backend: 'iptables' })
  await using keeper = await Keeper.create()
  const { ip } = await at.network.setup(pod('t9', keeper), patience)
  assert.match(rules(), new RegExp(`-A CNI-FORWARD -s ${ip}/32 -j ACCEPT`))
  await at.network.teardown({ sandboxId: 't9', netnsPath: keeper.netnsPath }, patience)
  assert.not.match(rules(), ip)
})

rootTest("the firewall's rules go too when a later plugin fails", async () => {
  await using at = await prepare(
    bridge,
    { type: 'firewall', backend: 'iptables' },
    { type: 'tuning', sysctl: { 'net.ipv4.no_such_key': '1' } },
  )
  await using keeper = await Keeper.create()
  const error = await failureOf(at.network.setup(pod('t10', keeper), patience))
  assert.match(error.message, /^cni ADD "tuning" \(network "podnet"\): .*no_such_key/)
  assert.equal(error instanceof GantryError && error.cleanup, [])
  assert.not.match(rules(), '10.201.7.')
  assert.equal(reserved(at.node), [])
  assert.equal(
    hostLinks().filter((link) => link.startsWith('veth')),
    [],
  )
  assert.not.match(keeper.inside('ip', '-o', 'link'), 'eth0')
})

rootTest('a check notices that the pod lost its address', async () => {
  await using at = await prepare(bridge)
  await using keeper = await Keeper.create()
  await at.network.setup(pod('t11', keeper), patience)
  await at.network.check({ sandboxId: 't11', netnsPath: keeper.netnsPath }, patience)
  keeper.inside('ip', 'addr', 'flush', 'dev', 'eth0')
  const error = await failureOf(at.network.check({ sandboxId: 't11', netnsPath: keeper.netnsPath }, patience))
  assert.match(error.message, /^cni CHECK "bridge" \(network "podnet"\): plugin error \d+: /)
  await at.network.teardown({ sandboxId: 't11', netnsPath: keeper.netnsPath }, patience)
})

rootTest("macvlan and tuning work with the keeper's path too", async () => {
  const tuning = { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } }
  await using at = await prepare({ type: 'macvlan', master: 'uplink0', ipam: bridge.ipam }, tuning)
  await using keeper = await Keeper.create()
  const { ip } = await at.network.setup(pod('t12', keeper), patience)
  assert.match(keeper.inside('ip', '-o', '-4', 'addr', 'show', 'eth0'), ip)
  assert.is(keeper.inside('cat', '/proc/sys/net/core/somaxconn').trim(), '500')
  await at.network.teardown({ sandboxId: 't12', netnsPath: keeper.netnsPath }, patience)
  assert.not.match(keeper.inside('ip', '-o', 'link'), 'eth0')
})

rootTest("the path of a process's own namespace works as well", async () => {
  await using at = await prepare(bridge)
  const sleeper = spawn('unshare', ['--net', 'sh', '-c', 'echo up; exec sleep 300'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await line(sleeper)
  const netnsPath = `/proc/${sleeper.pid}/ns/net`
  const { ip } = await at.network.setup({ sandboxId: 't13', netnsPath, name: 'w', namespace: 'd', uid: 'u' }, patience)
  assert.match(run('nsenter', `--net=${netnsPath}`, 'ip', '-o', 'addr'), ip)
  await at.network.teardown({ sandboxId: 't13', netnsPath }, patience)
  assert.not.match(run('nsenter', `--net=${netnsPath}`, 'ip', '-o', 'link'), 'eth0')
  await end(sleeper)
})

rootTest("an address range that is used up is told by the plugin's words", async () => {
  const ranges = [[{ subnet: '10.201.7.0/24', rangeStart: '10.201.7.9', rangeEnd: '10.201.7.9' }]]
  await using at = await prepare({ ...bridge, ipam: { ranges } })
  await using keeper = await Keeper.create()
  await using late = await Keeper.create()
  await at.network.setup(pod('one', keeper), patience)
  const error = await failureOf(at.network.setup(pod('two', late), patience))
  assert.match(error.message, /^cni ADD "bridge" \(network "podnet"\): plugin error \d+: .*no IP addresses available/)
  assert.not.match(late.inside('ip', '-o', 'link'), 'eth0')
  await at.network.teardown({ sandboxId: 'one', netnsPath: keeper.netnsPath }, patience)
})

test.run()
