// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type LinuxContainerSecurityContext,
  NamespaceMode,
  SecurityProfile_ProfileType,
  SupplementalGroupsPolicy,
} from '../../cri-proto/index.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { HOST_NETWORK, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({
  network: 'none',
  pull: [IMAGES.busybox, IMAGES.configured, IMAGES.setUid],
})
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'secured', {
  linux: {
    cgroupParent: `${place.cgroupParent}/secured`,
    securityContext: { privileged: true, namespaceOptions: HOST_NETWORK },
  },
})
const podSandboxId = await workloads.runPod(pod)

test.after(() => daemon[Symbol.asyncDispose]())

type Change = Parameters<typeof scriptConfig>[2]
type Security = Partial<LinuxContainerSecurityContext>

async function run(script: string, securityContext: Security = {}, change: Change = {}) {
  const config = scriptConfig(workloads.name('c'), script, {
    ...change,
    linux: { securityContext: { namespaceOptions: HOST_NETWORK, ...securityContext } as never },
  })
  const { status, stdout, stderr } = await workloads.runToEnd(podSandboxId, config, pod)
  await runtime.removeContainer({ containerId: status.id })
  return { ...status, stdout, stderr, text: stdout + stderr }
}

/** Capability sets of the first process, as masks. */
async function capabilitiesOf(securityContext: Security): Promise<Record<string, bigint>> {
  const { stdout } = await run('grep ^Cap /proc/1/status', securityContext)
  return Object.fromEntries(
    [...stdout.matchAll(/^Cap(\w+):\s*(\w+)$/gm)].map(([, set = '', mask]) => [set, BigInt(`0x${mask}`)]),
  )
}

const bit = (capability: number) => 1n << BigInt(capability)
const [NET_RAW, SYS_ADMIN, SYS_TIME] = [bit(13), bit(21), bit(25)]
const capabilities = (add: string[], drop: string[]): Security => ({
  capabilities: { addCapabilities: add, dropCapabilities: drop, addAmbientCapabilities: [] },
})

test('an ordinary container has the default capabilities, and none that it could inherit', async () => {
  const { Eff = 0n, Bnd, Prm, Inh, Amb } = await capabilitiesOf({})
  assert.ok((Eff & NET_RAW) !== 0n && (Eff & SYS_ADMIN) === 0n, Eff.toString(16))
  assert.equal([Bnd, Prm, Inh, Amb], [Eff, Eff, 0n, 0n])
})

test('capabilities are added and dropped one by one', async () => {
  const { Eff = 0n, Bnd } = await capabilitiesOf(capabilities(['sys_time'], ['NET_RAW']))
  assert.ok((Eff & SYS_TIME) !== 0n && (Eff & NET_RAW) === 0n, Eff.toString(16))
  assert.is(Bnd, Eff)
})

test('dropping all leaves none, and adding one to that leaves the one', async () => {
  const none = await capabilitiesOf(capabilities([], ['ALL']))
  assert.equal([none['Eff'], none['Bnd']], [0n, 0n])
  const one = await capabilitiesOf(capabilities(['SYS_TIME'], ['ALL']))
  assert.equal([one['Eff'], one['Bnd']], [SYS_TIME, SYS_TIME])
})

test('an ordinary user has no effective capability', async () => {
  const { Eff, Prm } = await capabilitiesOf({ runAsUser: { value: 1000n } })
  assert.equal([Eff, Prm], [0n, 0n])
})

test('an ambient capability stays with an ordinary user', async () => {
  if (daemon.isPeer) return
  const wanted = { addCapabilities: [], dropCapabilities: ['ALL'], addAmbientCapabilities: ['NET_BIND_SERVICE'] }
  const { Eff, Prm, Inh, Amb, Bnd } = await capabilitiesOf({ capabilities: wanted, runAsUser: { value: 1000n } })
  assert.equal([Eff, Prm, Inh, Amb, Bnd], Array(5).fill(bit(10)))
})

test('the default system call filter lets a program work and keeps it from new mounts and keys', async () => {
  const seccomp = { profileType: SecurityProfile_ProfileType.RuntimeDefault, localhostRef: '' }
  const { stdout } = await run('grep ^Seccomp: /proc/1/status; unshare -m true && echo unshared', { seccomp })
  assert.is(stdout, 'Seccomp:\t2\n')
})

test('without a profile there is no filter', async () => {
  assert.is((await run('grep ^Seccomp: /proc/1/status')).stdout, 'Seccomp:\t0\n')
})

test('a profile of one’s own forbids exactly what it names', async () => {
  const path = join(daemon.directory, 'no-mkdir.json')
  const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }
  await writeFile(path, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }))
  const seccomp = { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: path }
  const { text } = await run('mkdir /made; touch /touched && echo touched', { seccomp })
  assert.match(text, /Function not implemented/)
  assert.match(text, /^touched$/m)
})

test('the deprecated text names a system call filter too, and the newer field wins', async () => {
  if (daemon.isPeer) return
  const path = join(daemon.directory, 'no-link.json')
  const rule = { names: ['symlink', 'symlinkat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }
  await writeFile(path, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }))
  const script = 'grep ^Seccomp: /proc/1/status; ln -s a /b'
  assert.is((await run(script, { seccompProfilePath: 'runtime/default' })).text, 'Seccomp:\t2\n')
  assert.match((await run(script, { seccompProfilePath: `localhost/${path}` })).text, /2\n.*Function not implemented/s)
  assert.is((await run(script, { seccompProfilePath: 'unconfined' })).text, 'Seccomp:\t0\n')
  const seccomp = { profileType: SecurityProfile_ProfileType.Unconfined, localhostRef: '' }
  assert.is((await run(script, { seccompProfilePath: 'runtime/default', seccomp })).text, 'Seccomp:\t0\n')
})

test('a set-uid program gains root, unless no_new_privs forbids it', async () => {
  const image = { image: imageSpec(IMAGES.setUid) }
  const user = { runAsUser: { value: 1000n } }
  assert.match((await run('/nnp', user, image)).stdout, /Effective uid: 0/)
  assert.match((await run('/nnp', { ...user, noNewPrivs: true }, image)).stdout, /Effective uid: 1000/)
})

test('a user by number, by name and by the image', async () => {
  assert.is((await run('id -u; id -g', { runAsUser: { value: 1234n } })).stdout, '1234\n0\n')
  assert.is(
    (await run('id -u; id -g', { runAsUser: { value: 1234n }, runAsGroup: { value: 99n } })).stdout,
    '1234\n99\n',
  )
  assert.is((await run('id -un; id -gn', { runAsUsername: 'www-data' })).stdout, 'www-data\nwww-data\n')
  const configured = await run('id -u; id -g; echo $HOME', {}, { image: imageSpec(IMAGES.configured) })
  assert.is(configured.stdout, '1000\n1000\n/home/app\n')
})

test('the status tells who the first process is', async () => {
  const { user, stdout } = await run('id -G', {
    runAsUser: { value: 1234n },
    runAsGroup: { value: 99n },
    supplementalGroups: [555n],
  })
  assert.equal(stdout.trim().split(' ').sort(), ['555', '99'])
  if (daemon.isPeer) return
  assert.equal([user?.linux?.uid, user?.linux?.gid], [1234n, 99n])
  assert.equal([...(user?.linux?.supplementalGroups ?? [])].sort(), [555n, 99n])
})

test('groups of the image are added, unless the policy is strict', async () => {
  if (daemon.isPeer) return
  const image = { image: imageSpec(IMAGES.configured) }
  const groups = async (supplementalGroupsPolicy: SupplementalGroupsPolicy) =>
    (await run('id -G', { supplementalGroups: [555n], supplementalGroupsPolicy }, image)).stdout
      .trim()
      .split(' ')
      .sort()
  assert.equal(await groups(SupplementalGroupsPolicy.Merge), ['1000', '2000', '555'])
  assert.equal(await groups(SupplementalGroupsPolicy.Strict), ['1000', '555'])
})

test('a read-only root is read-only, and mounts into it are not', async () => {
  const hostPath = join(daemon.directory, 'writable')
  await mkdir(hostPath, { recursive: true })
  const mounts = [{ hostPath, containerPath: '/mnt' }] as never
  const { text } = await run(
    'touch /x; touch /mnt/x && echo wrote; touch /dev/shm/x && echo shm',
    { readonlyRootfs: true },
    { mounts },
  )
  assert.match(text, /Read-only file system/)
  assert.match(text, /^wrote$/m)
  assert.match(text, /^shm$/m)
  assert.equal(await readdir(hostPath), ['x'])
})

test('masked paths cannot be read and read-only paths cannot be written', async () => {
  const { text } = await run(
    'ls /proc/bus | wc -l; cat /proc/cpuinfo | wc -c; echo 0 > /proc/sys/vm/swappiness; cat /no/masked 2>/dev/null; echo end',
    { maskedPaths: ['/proc/bus', '/proc/cpuinfo', '/not/there'], readonlyPaths: ['/proc/sys', '/not/there'] },
  )
  assert.match(text, /^0\n0\n/)
  assert.match(text, /Read-only file system/)
  assert.match(text, /^end$/m)
})

test('without lists of paths nothing is masked', async () => {
  const script = 'grep -c " /proc/" /proc/mounts; true'
  assert.is((await run(script)).stdout, '0\n')
  assert.is((await run(script, { maskedPaths: ['/proc/cpuinfo'], readonlyPaths: ['/proc/sys'] })).stdout, '2\n')
})

test('SELinux options are checked everywhere, and have no effect on a node without it', async () => {
  if (daemon.isPeer) return
  const options = { user: 'u', role: 'r', type: 'container_t', level: 's0:c1,c2' }
  assert.is((await run('echo runs', { selinuxOptions: options })).stdout, 'runs\n')
  await expectFailure(run('true', { selinuxOptions: { ...options, level: 'top secret' } }), 'INVALID_ARGUMENT', 'level')
})

test('an ordinary container sees /sys read-only and few devices', async () => {
  const { text } = await run('grep " /sys sysfs" /proc/mounts; ls /dev; cat /dev/mem; head -c 1 /dev/zero | wc -c')
  assert.match(text, / \/sys sysfs ro/)
  assert.match(text, /\/dev\/mem/)
  assert.not.match(text, /^(vda|sda|kmsg|mem)$/m)
  assert.match(text, /^1$/m)
})

test('an ordinary container can neither make nor open a device of the host', async () => {
  const { text } = await run('mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk')
  assert.match(text, /Operation not permitted/)
})

test('a privileged container has all capabilities, all devices and a writable /sys', async () => {
  const { text } = await run(
    'grep ^CapEff /proc/1/status; grep " /sys sysfs" /proc/mounts; ls /dev | wc -l; grep ^Seccomp: /proc/1/status',
    {
      privileged: true,
      seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault, localhostRef: '' },
    },
  )
  const mask = BigInt(`0x${/CapEff:\s*(\w+)/.exec(text)?.[1]}`)
  assert.ok((mask & SYS_ADMIN) !== 0n, mask.toString(16))
  assert.match(text, / \/sys sysfs rw/)
  assert.match(text, /^Seccomp:\t0$/m)
})

test('a privileged container in an ordinary pod is refused', async () => {
  const ordinary = podConfig(place, workloads.name('ordinary'))
  const id = await workloads.runPod(ordinary)
  const config = scriptConfig('main', 'true', {
    linux: { securityContext: { privileged: true, namespaceOptions: HOST_NETWORK } },
  })
  const call = runtime.createContainer({ podSandboxId: id, config, sandboxConfig: ordinary })
  await expectFailure(call, ['INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'PERMISSION_DENIED', 'UNKNOWN'], /privileged/)
  await workloads.removePod(id)
})

test('files and directories that a container makes are open to others: the umask is the usual one', async () => {
  const made = join(daemon.directory, 'made/up')
  const { stdout } = await run(
    'umask; stat -c %a /deep /deep/mnt /working/there',
    {},
    { workingDir: '/working/there', mounts: [{ hostPath: made, containerPath: '/deep/mnt/below' }] as never },
  )
  assert.is(stdout, '0022\n755\n755\n755\n')
})

test('a container has no open file but its three streams, and no signal is blocked or ignored', async () => {
  const { stdout } = await run('ls /proc/$$/fd; true')
  assert.is(stdout, '0\n1\n2\n')
  // A shell ignores some by itself.
  const { stdout: signals } = await run('', {}, { command: ['/bin/grep', '^Sig', '/proc/self/status'] })
  assert.match(signals, /SigBlk:\t0{16}\nSigIgn:\t0{16}/)
})

test('a container does not see the host: its mount points, processes and files are its own', async () => {
  const { stdout } = await run('cut -d" " -f2 /proc/mounts; echo ---; ls /proc | grep -c "^[0-9]"; ls /proc/1/root/')
  const [points = '', rest = ''] = stdout.split('---\n')
  const expected = /^\/($|proc|dev|sys|etc\/(hostname|hosts|resolv\.conf)$)/
  assert.equal(
    points
      .trim()
      .split('\n')
      .filter((point) => !expected.test(point)),
    [],
  )
  const [processes, ...names] = rest.trim().split('\n')
  assert.ok(Number(processes) <= 3, `${processes} processes`)
  assert.ok(!names.includes('work') && names.includes('bin'), names.join())
})

test('a container in the processes of the host sees them, and ends with all of its own', async () => {
  const namespaceOptions = { ...HOST_NETWORK, pid: NamespaceMode.NODE } as never
  const { stdout } = await run(`cat /proc/${process.pid}/comm; sleep 7009 & echo $!`, { namespaceOptions })
  const [name, child] = stdout.trim().split('\n')
  assert.is(`${name}\n`, await readFile(`/proc/${process.pid}/comm`, 'utf8'))
  await waitFor('its child is gone', async () => !(await readdir('/proc')).includes(child ?? ''))
})

test('a symbolic link in the image leads nowhere outside of it', async () => {
  const hostPath = join(daemon.directory, 'secret')
  await mkdir(hostPath, { recursive: true })
  await writeFile(join(hostPath, 'key'), 'secret')
  const { text } = await run(
    `ln -s ${hostPath} /link; ls /link/; ln -s /proc/1/root/../../.. /up; ls -d /up${hostPath}`,
  )
  assert.not.match(text, /^key$/m)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
