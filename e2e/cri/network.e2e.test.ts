// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { hostname, networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NamespaceMode, Protocol } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, networkedPodConfig, POD_NETWORK, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client

test.after(() => daemon[Symbol.asyncDispose]())

/** A pod with one idle container; returns both ids and the pod's address. */
async function podWith(config: ReturnType<typeof podConfig>, change: Parameters<typeof idleConfig>[1] = {}) {
  const pod = await workloads.runPod(config)
  const container = await workloads.runContainer(pod, idleConfig('main', change), config)
  const { status } = await runtime.podSandboxStatus({ podSandboxId: pod, verbose: false })
  return { pod, container, ip: status?.network?.ip ?? '' }
}

const answer = 'HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nhello'
/** Answers every connection with `hello`. */
const serve = (port: number) => `while :; do printf '${answer}' | nc -l -p ${port} >/dev/null; done`

/** The same from within: busybox's own wget cannot look up names in a static program. */
async function fetchWithin(container: string, host: string, port: number): Promise<string | undefined> {
  const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 ${host} ${port}`
  return /\r\n\r\n(.*)$/s.exec(await workloads.exec(container, 'sh', '-c', request))?.[1]
}

function fetchText(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const ask = get({ host, port, timeout: 1_000 }, (response) => {
      text(response).then(resolve, reject)
    })
    ask.on('timeout', () => ask.destroy(new Error('no answer'))).on('error', reject)
  })
}

test('a pod has an address of the network, which it sees itself', async () => {
  const { pod, container, ip } = await podWith(networkedPodConfig(place, workloads.name('addressed')))
  assert.ok(ip.startsWith(daemon.marks.addressPrefix), ip)
  assert.ok((await workloads.exec(container, 'ip', '-4', 'addr', 'show', 'eth0')).includes(`inet ${ip}/24`))
  assert.match(await workloads.exec(container, 'ip', 'addr', 'show', 'lo'), /<LOOPBACK,UP/)
  assert.match(await workloads.exec(container, 'ip', 'route'), /^default via /m)
  await workloads.removePod(pod)
})

test('pods reach each other, and no two have the same address', async () => {
  const server = networkedPodConfig(place, workloads.name('server'))
  const serverPod = await workloads.runPod(server)
  await workloads.runContainer(serverPod, scriptConfig('web', serve(8080)), server)
  const { status } = await runtime.podSandboxStatus({ podSandboxId: serverPod, verbose: false })
  const ip = status?.network?.ip ?? ''
  const client = await podWith(networkedPodConfig(place, workloads.name('client')))
  assert.is.not(client.ip, ip)
  const fetched = () => fetchWithin(client.container, ip, 8080)
  assert.is(await waitFor('the server answers', fetched), 'hello')
  await Promise.all([serverPod, client.pod].map((pod) => workloads.removePod(pod)))
})

test('containers of a pod share its address and its loopback', async () => {
  const config = networkedPodConfig(place, workloads.name('shared'))
  const { pod, container } = await podWith(config)
  await workloads.runContainer(pod, scriptConfig('web', serve(8081)), config)
  const fetched = () => fetchWithin(container, '127.0.0.1', 8081)
  assert.is(await waitFor('the neighbour answers', fetched), 'hello')
  await workloads.removePod(pod)
})

test('a host port leads into the pod until it is stopped', async () => {
  const hostPort = 20_000 + (process.pid % 10_000)
  const mapping = { protocol: Protocol.TCP, containerPort: 80, hostPort, hostIp: '' }
  const config = networkedPodConfig(place, workloads.name('mapped'), { portMappings: [mapping] })
  const pod = await workloads.runPod(config)
  await workloads.runContainer(pod, scriptConfig('web', serve(80)), config)
  const address = Object.entries(networkInterfaces())
    .filter(([name]) => name !== 'lo')
    .flatMap(([, list]) => list ?? [])
    .find(({ family }) => family === 'IPv4')
  const host = address?.address ?? ''
  assert.is(await waitFor('the port leads to the pod', () => fetchText(host, hostPort)), 'hello')
  await runtime.stopPodSandbox({ podSandboxId: pod })
  await fetchText(host, hostPort).then(
    (body) => assert.unreachable(`the port still answers ${body}`),
    () => undefined,
  )
  await workloads.removePod(pod)
})

test('a pod has its own host name, in uname, in its file and in hosts', async () => {
  const config = networkedPodConfig(place, workloads.name('named'), { hostname: 'my-pod' })
  const { pod, container, ip } = await podWith(config)
  assert.is(await workloads.exec(container, 'hostname'), 'my-pod\n')
  assert.is(await workloads.exec(container, 'cat', '/etc/hostname'), 'my-pod\n')
  if (!daemon.isPeer) {
    assert.match(await workloads.exec(container, 'cat', '/etc/hosts'), new RegExp(`^${ip}\\s+my-pod$`, 'm'))
  }
  assert.is(await workloads.exec(container, 'sh', '-c', 'echo $HOSTNAME'), 'my-pod\n')
  assert.is.not(hostname(), 'my-pod')
  await workloads.removePod(pod)
})

test('DNS is what the pod asked for, line by line', async () => {
  const dnsConfig = {
    servers: ['10.10.10.10', 'fd00::10'],
    searches: ['a.b', 'c.d'],
    options: ['ndots:5', 'timeout:1'],
  }
  const { pod, container } = await podWith(networkedPodConfig(place, workloads.name('dns'), { dnsConfig }))
  const lines = (await workloads.exec(container, 'cat', '/etc/resolv.conf')).trim().split('\n')
  assert.equal(lines, ['search a.b c.d', 'nameserver 10.10.10.10', 'nameserver fd00::10', 'options ndots:5 timeout:1'])
  await workloads.removePod(pod)
})

test('without a wish for DNS a pod has the node’s', async () => {
  const { pod, container } = await podWith(networkedPodConfig(place, workloads.name('node-dns')))
  assert.is(await workloads.exec(container, 'cat', '/etc/resolv.conf'), await readFile('/etc/resolv.conf', 'utf8'))
  await workloads.removePod(pod)
})

test('sysctls are set in the pod and not on the node', async () => {
  const before = await readFile('/proc/sys/kernel/shm_rmid_forced', 'utf8')
  const config = networkedPodConfig(place, workloads.name('sysctls'), {
    linux: {
      sysctls: {
        'kernel.shm_rmid_forced': '1',
        'net.ipv4.ip_local_port_range': '30000 31000',
        'fs.mqueue.msg_max': '77',
      },
      cgroupParent: `${place.cgroupParent}/sysctls`,
      securityContext: { namespaceOptions: POD_NETWORK },
    },
  })
  const { pod, container } = await podWith(config)
  assert.is(await workloads.exec(container, 'cat', '/proc/sys/kernel/shm_rmid_forced'), '1\n')
  assert.match(await workloads.exec(container, 'cat', '/proc/sys/net/ipv4/ip_local_port_range'), /^30000\s+31000$/m)
  assert.is(await workloads.exec(container, 'cat', '/proc/sys/fs/mqueue/msg_max'), '77\n')
  assert.is(await readFile('/proc/sys/kernel/shm_rmid_forced', 'utf8'), before)
  await workloads.removePod(pod)
})

test('any user of a pod may listen on port 80 and send pings', async () => {
  if (daemon.isPeer) return
  const { pod, container } = await podWith(networkedPodConfig(place, workloads.name('low')))
  const read = (name: string) => workloads.exec(container, 'cat', `/proc/sys/net/ipv4/${name}`)
  assert.is(await read('ip_unprivileged_port_start'), '0\n')
  assert.match(await read('ping_group_range'), /^0\s+2147483647$/m)
  await workloads.removePod(pod)
})

test('a pod on the host’s network sees the host’s interfaces and name, and has no address of its own', async () => {
  const { pod, container, ip } = await podWith(podConfig(place, workloads.name('host')))
  assert.is(ip, '')
  const links = await workloads.exec(container, 'ls', '/sys/class/net')
  for (const name of Object.keys(networkInterfaces())) assert.ok(links.includes(name), name)
  assert.is((await workloads.exec(container, 'hostname')).trim(), hostname())
  await workloads.removePod(pod)
})

test('containers of a pod that shares its processes see each other’s, and an init reaps orphans', async () => {
  const config = networkedPodConfig(place, workloads.name('processes'), {
    linux: {
      cgroupParent: `${place.cgroupParent}/processes`,
      securityContext: { namespaceOptions: { ...POD_NETWORK, pid: NamespaceMode.POD } },
    },
  })
  const linux = { securityContext: { namespaceOptions: { ...POD_NETWORK, pid: NamespaceMode.POD } } }
  const { pod, container } = await podWith(config, { linux })
  await workloads.runContainer(pod, idleConfig('other', { linux, command: ['/bin/sleep', '4711'] }), config)
  const listing = await workloads.exec(container, 'ps')
  assert.match(listing, /sleep 3600/)
  assert.match(listing, /sleep 4711/)
  assert.not.match(listing, /^\s*1 .*sleep/m)
  await workloads.exec(container, 'sh', '-c', '(sh -c "exit 0" &) ; sleep 0.1')
  await waitFor('no zombie is left', async () => !/\bZ\b/.test(await workloads.exec(container, 'ps', '-o', 'pid,stat')))
  await workloads.removePod(pod)
})

test('stopping one container of shared processes leaves the others alone and nothing of it', async () => {
  const namespaceOptions = { ...POD_NETWORK, pid: NamespaceMode.POD }
  const config = networkedPodConfig(place, workloads.name('one-of-two'), {
    linux: { cgroupParent: `${place.cgroupParent}/one`, securityContext: { namespaceOptions } },
  })
  const linux = { securityContext: { namespaceOptions } }
  const { pod, container } = await podWith(config, { linux })
  const forking = scriptConfig('forks', 'sleep 4713 & sleep 4714 & wait', { linux })
  const other = await workloads.runContainer(pod, forking, config)
  await waitFor('it has forked', async () => /sleep 4714/.test(await workloads.exec(container, 'ps')))
  await runtime.stopContainer({ containerId: other, timeout: 0n })
  await waitFor('its children are gone', async () => !/sleep 471/.test(await workloads.exec(container, 'ps')))
  assert.is((await workloads.status(container)).state, 1)
  await workloads.removePod(pod)
})

test('a container looks at the processes of the one it targets', async () => {
  const config = networkedPodConfig(place, workloads.name('target'))
  const { pod, container } = await podWith(config)
  const namespaceOptions = { ...POD_NETWORK, pid: NamespaceMode.TARGET, targetId: container }
  const debug = idleConfig('debug', {
    command: ['/bin/sleep', '4712'],
    linux: { securityContext: { namespaceOptions } },
  })
  const debugger_ = await workloads.runContainer(pod, debug, config)
  const listing = await workloads.exec(debugger_, 'ps')
  assert.match(listing, /^\s*1 .*sleep 3600/m)
  assert.match(listing, /sleep 4712/)
  await workloads.removePod(pod)
})

test('containers of a pod share /dev/shm, and pods do not', async () => {
  const config = networkedPodConfig(place, workloads.name('shm'))
  const { pod, container } = await podWith(config)
  const other = await workloads.runContainer(pod, idleConfig('other'), config)
  const stranger = await podWith(networkedPodConfig(place, workloads.name('stranger')))
  await workloads.exec(container, 'sh', '-c', 'echo shared > /dev/shm/note')
  assert.is(await workloads.exec(other, 'cat', '/dev/shm/note'), 'shared\n')
  assert.is(await workloads.exec(stranger.container, 'ls', '/dev/shm'), '')
  assert.match(
    await workloads.exec(container, 'grep', ' /dev/shm ', '/proc/mounts'),
    /tmpfs .*nosuid,nodev,noexec.*size=65536k/,
  )
  await Promise.all([pod, stranger.pod].map((id) => workloads.removePod(id)))
})

test('a container’s own hosts file replaces the pod’s', async () => {
  const config = networkedPodConfig(place, workloads.name('own-hosts'))
  const mounts = [{ hostPath: '/etc/hosts', containerPath: '/etc/hosts', readonly: true }] as never
  const { pod, container } = await podWith(config, { mounts })
  assert.is(await workloads.exec(container, 'cat', '/etc/hosts'), await readFile('/etc/hosts', 'utf8'))
  await workloads.removePod(pod)
})

test('twenty pods at the same time all get a network, and give it back', async () => {
  const configs = Array.from({ length: 20 }, () => networkedPodConfig(place, workloads.name('crowd')))
  const pods = await Promise.all(configs.map((config) => workloads.runPod(config)))
  const statuses = await Promise.all(
    pods.map((podSandboxId) => runtime.podSandboxStatus({ podSandboxId, verbose: false })),
  )
  assert.is(new Set(statuses.map(({ status }) => status?.network?.ip)).size, 20)
  await Promise.all(pods.map((pod) => workloads.removePod(pod)))
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
