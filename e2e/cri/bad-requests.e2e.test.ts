// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MountPropagation, NamespaceMode, Protocol, SecurityProfile_ProfileType } from '../../cri-proto/index.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure, type StatusName } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { type containerConfig, HOST_NETWORK, idleConfig, networkedPodConfig, podConfig } from '../harness/workloads.ts'
import { runCommand } from '../images/command.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'asked')
const podSandboxId = await workloads.runPod(pod)
// The pod's cgroup comes with its first container, and goes with the pod.
await runtime.removeContainer({ containerId: await workloads.runContainer(podSandboxId, idleConfig('first'), pod) })
const before = await daemon.traces()

test.after(() => daemon[Symbol.asyncDispose]())

type ContainerChange = Parameters<typeof containerConfig>[1]

const INVALID: readonly StatusName[] = ['INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'UNKNOWN', 'INTERNAL']
/** What Gantry answers; the peer puts nearly everything under UNKNOWN. */
const codes = (...ours: StatusName[]): readonly StatusName[] => (daemon.isPeer ? [...ours, ...INVALID] : ours)

/** A container that cannot be created: the code, the text, and nothing left of it. */
async function refusesToCreate(change: ContainerChange, code: StatusName, ...parts: (string | RegExp)[]) {
  const config = idleConfig(workloads.name('bad'), change)
  const call = runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  await expectFailure(call, codes(code), ...parts)
  const { containers } = await runtime.listContainers({})
  for (const { id } of containers) await runtime.removeContainer({ containerId: id })
  assert.equal(containers.length, 0)
  if (!daemon.isPeer) assert.equal(await daemon.traces(), before)
}

/** A container whose process cannot be started: the code, the text in answer and status, and no process. */
async function refusesToStart(change: ContainerChange, code: StatusName, ...parts: (string | RegExp)[]) {
  const config = idleConfig(workloads.name('bad'), change)
  const { containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  try {
    await expectStartError(containerId, code, parts)
  } finally {
    await runtime.removeContainer({ containerId })
  }
  if (!daemon.isPeer) assert.equal(await daemon.traces(), before)
}

async function expectStartError(containerId: string, code: StatusName, parts: readonly (string | RegExp)[]) {
  const details = await expectFailure(runtime.startContainer({ containerId }), codes(code), ...parts)
  const status = await workloads.status(containerId)
  assert.equal([status.state, status.exitCode, status.reason], [2, 128, 'StartError'])
  if (!daemon.isPeer) assert.ok(details.startsWith(status.message), `${status.message}\n${details}`)
  assert.ok(status.finishedAt > 0n)
}

/** A pod that cannot be made. */
async function refusesPod(change: Parameters<typeof podConfig>[2], code: StatusName, ...parts: (string | RegExp)[]) {
  const config = networkedPodConfig(place, workloads.name('bad'), change)
  await expectFailure(runtime.runPodSandbox({ config }), codes(code), ...parts)
  assert.equal(
    (await runtime.listPodSandbox({})).items.map(({ id }) => id),
    [podSandboxId],
  )
  if (!daemon.isPeer) assert.equal(await daemon.traces(), before)
}

test('an image that nobody pulled', () =>
  refusesToCreate({ image: imageSpec('registry.local/not/here:1') }, 'NOT_FOUND', 'registry.local/not/here:1'))

test('a command that is not in the image', () =>
  refusesToStart({ command: ['/no/such/program'] }, 'INVALID_ARGUMENT', '/no/such/program', 'ENOENT'))

test('a command found nowhere in PATH', () =>
  refusesToStart({ command: ['no-such-program'] }, 'INVALID_ARGUMENT', 'no-such-program'))

test('a command that is not executable', () =>
  refusesToStart({ command: ['/etc/passwd'] }, 'INVALID_ARGUMENT', '/etc/passwd', 'EACCES'))

test('a script whose interpreter is not in the image, a program for another machine, and one on a noexec mount', async () => {
  if (daemon.isPeer) return
  const directory = join(daemon.directory, 'programs')
  await mkdir(directory)
  await writeFile(join(directory, 'script'), '#!/no/such/interpreter\n', { mode: 0o755 })
  // An ELF header for SPARC: nobody runs these suites there.
  const elf = Buffer.alloc(64)
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  elf.writeUInt16LE(2, 16)
  elf.writeUInt16LE(43, 18)
  await writeFile(join(directory, 'foreign'), elf, { mode: 0o755 })
  const run = (program: string, hostPath = directory) => ({
    command: [`/programs/${program}`],
    mounts: [{ hostPath, containerPath: '/programs' }] as never,
  })
  await refusesToStart(run('script'), 'INVALID_ARGUMENT', '/programs/script', 'ENOENT', 'interpreter')
  await refusesToStart(run('foreign'), 'INVALID_ARGUMENT', '/programs/foreign', 'ENOEXEC', 'architecture')
  // Not below the daemon's directory: a mount there would count as a trace of a pod.
  const noexec = await mkdtemp(join(tmpdir(), 'ge-noexec-'))
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'noexec', 'tmpfs', noexec])
  await writeFile(join(noexec, 'program'), '#!/bin/sh\n', { mode: 0o755 })
  try {
    await refusesToStart(run('program', noexec), 'INVALID_ARGUMENT', '/programs/program', 'EACCES', 'noexec')
  } finally {
    await runCommand('umount', [noexec])
    await rmdir(noexec)
  }
})

test('settings for Windows', async () => {
  if (daemon.isPeer) return
  const windows = { securityContext: undefined, resources: undefined }
  await refusesToCreate({ windows }, 'INVALID_ARGUMENT', 'config.windows')
  await refusesPod({ windows: {} }, 'INVALID_ARGUMENT', 'config.windows')
})

test('security settings that no process could have', async () => {
  if (daemon.isPeer) return
  const linux = (securityContext: object) => ({ linux: { securityContext } })
  await refusesPod(linux({ runAsGroup: { value: 5n } }), 'INVALID_ARGUMENT', 'run_as_group')
  await refusesPod(linux({ selinuxOptions: { level: 'top' } }), 'INVALID_ARGUMENT', 'selinux_options.level')
  await refusesPod(linux({ seccompProfilePath: 'nonsense' }), 'INVALID_ARGUMENT', 'seccomp_profile_path')
})

test('a working directory that is a file', () =>
  refusesToStart({ workingDir: '/etc/passwd' }, 'INVALID_ARGUMENT', '/etc/passwd', 'ENOTDIR'))

test('a user name that the image does not know', () =>
  refusesToCreate(
    { linux: { securityContext: { runAsUsername: 'nosuchuser' } } },
    'INVALID_ARGUMENT',
    'nosuchuser',
    'passwd',
  ))

test('a group without a user', () =>
  refusesToCreate({ linux: { securityContext: { runAsGroup: { value: 5n } } } }, 'INVALID_ARGUMENT', 'run_as_group'))

if (!daemon.isPeer) {
  test('a mount source below a file, where nothing can be made', () =>
    refusesToStart(
      { mounts: [{ hostPath: '/etc/hostname/below', containerPath: '/mnt' }] as never },
      'INVALID_ARGUMENT',
      '/etc/hostname/below',
      'ENOTDIR',
    ))

  test('a mount to be shared whose source is not there', () =>
    refusesToCreate(
      {
        mounts: [
          {
            hostPath: '/no/such/source',
            containerPath: '/mnt',
            propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL,
          },
        ] as never,
      },
      'INVALID_ARGUMENT',
      '/no/such/source',
      'ENOENT',
    ))

  test('a mount that is to be read-only with all below it, and writable', () =>
    refusesToCreate(
      { mounts: [{ hostPath: '/tmp', containerPath: '/mnt', recursiveReadOnly: true }] as never },
      'INVALID_ARGUMENT',
      'recursive_read_only',
    ))

  test('a log path that leads out of the pod’s log directory', () =>
    refusesToCreate({ logPath: '../../escape.log' }, 'INVALID_ARGUMENT', '../../escape.log'))

  test('a capability that does not exist', () =>
    refusesToCreate(
      { linux: { securityContext: { capabilities: { addCapabilities: ['FLY'] } } } },
      'INVALID_ARGUMENT',
      'FLY',
    ))

  test('a device that does not exist', () =>
    refusesToCreate(
      { devices: [{ hostPath: '/dev/nosuch', containerPath: '/dev/x', permissions: 'rwm' }] },
      'INVALID_ARGUMENT',
      '/dev/nosuch',
    ))

  test('a runtime handler that nobody configured', async () => {
    const config = podConfig(place, workloads.name('handler'))
    const call = runtime.runPodSandbox({ config, runtimeHandler: 'nosuch' })
    await expectFailure(call, ['INVALID_ARGUMENT', 'FAILED_PRECONDITION'], 'nosuch')
  })
}

test('a seccomp profile whose file does not exist', () =>
  refusesToCreate(
    {
      linux: {
        securityContext: {
          seccomp: { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: '/no/such/profile.json' },
        },
      },
    },
    'INVALID_ARGUMENT',
    '/no/such/profile.json',
  ))

test('a seccomp profile that is no profile', async () => {
  const path = join(daemon.directory, 'profile.json')
  await writeFile(path, '{"defaultAction": "SCMP_ACT_DANCE"}')
  const seccomp = { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: path }
  await refusesToCreate({ linux: { securityContext: { seccomp } } }, 'INVALID_ARGUMENT', /SCMP_ACT_DANCE|profile/)
})

test('the processes of a container that does not exist', () =>
  refusesToCreate(
    {
      linux: {
        securityContext: { namespaceOptions: { ...HOST_NETWORK, pid: NamespaceMode.TARGET, targetId: randomUUID() } },
      },
    },
    'NOT_FOUND',
  ))

test('a sysctl that is the whole node’s', () =>
  refusesPod({ linux: { sysctls: { 'vm.swappiness': '10' } } }, 'INVALID_ARGUMENT', 'vm.swappiness'))

test('a sysctl that does not exist', () =>
  refusesPod({ linux: { sysctls: { 'net.ipv4.no_such_thing': '1' } } }, 'INVALID_ARGUMENT', 'no_such_thing'))

test('a sysctl with a value that the kernel does not take', () =>
  refusesPod({ linux: { sysctls: { 'net.ipv4.ip_forward': 'maybe' } } }, 'INVALID_ARGUMENT', /ip_forward|maybe/))

test('a host port that is no port', async () => {
  if (daemon.isPeer) return
  const mapping = { protocol: Protocol.TCP, containerPort: 80, hostPort: 70_000, hostIp: '' }
  await refusesPod({ portMappings: [mapping] }, 'INVALID_ARGUMENT', '70000')
})

test('a pod without metadata, without a name, and no pod at all', async () => {
  await expectFailure(runtime.runPodSandbox({}), codes('INVALID_ARGUMENT'), 'config')
  await expectFailure(runtime.runPodSandbox({ config: { ...pod, metadata: undefined } }), codes('INVALID_ARGUMENT'))
  if (daemon.isPeer) return
  const metadata = { name: '', uid: 'u', namespace: 'n', attempt: 0 }
  await expectFailure(runtime.runPodSandbox({ config: { ...pod, metadata } }), 'INVALID_ARGUMENT', 'metadata.name')
})

test('a container without metadata, without an image, and none at all', async () => {
  const create = (config: ReturnType<typeof idleConfig> | undefined) =>
    runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  if (daemon.isPeer) return
  await expectFailure(create(undefined), 'INVALID_ARGUMENT', 'config')
  await expectFailure(create({ ...idleConfig('x'), metadata: undefined }), 'INVALID_ARGUMENT', 'metadata')
  await expectFailure(create({ ...idleConfig('x'), image: undefined }), 'INVALID_ARGUMENT', 'image')
})

test('an id that does not exist is NOT_FOUND wherever an object is needed', async () => {
  const id = randomUUID()
  const calls = [
    runtime.podSandboxStatus({ podSandboxId: id, verbose: false }),
    runtime.containerStatus({ containerId: id, verbose: false }),
    runtime.startContainer({ containerId: id }),
    runtime.execSync({ containerId: id, cmd: ['true'], timeout: 0n }),
    runtime.reopenContainerLog({ containerId: id }),
    runtime.createContainer({ podSandboxId: id, config: idleConfig('x'), sandboxConfig: pod }),
  ]
  await Promise.all(calls.map((call) => expectFailure(call, 'NOT_FOUND', daemon.isPeer ? '' : id)))
})

if (!daemon.isPeer) {
  test('an empty id is refused as such, also where an unknown one is a success', async () => {
    const calls = [
      runtime.podSandboxStatus({}),
      runtime.containerStatus({}),
      runtime.startContainer({}),
      runtime.stopContainer({}),
      runtime.removeContainer({}),
      runtime.stopPodSandbox({}),
      runtime.removePodSandbox({}),
      runtime.execSync({ cmd: ['true'] }),
      runtime.reopenContainerLog({}),
      runtime.updateContainerResources({}),
    ]
    await Promise.all(calls.map((call) => expectFailure(call, 'INVALID_ARGUMENT', /empty|id/)))
  })

  test('a request that no release supports yet says so', async () => {
    await expectFailure(
      runtime.checkpointContainer({ containerId: podSandboxId }),
      'UNIMPLEMENTED',
      /CheckpointContainer/,
    )
  })
}

test('a container in a pod that is stopped', async () => {
  const stopped = podConfig(place, workloads.name('stopped'))
  const id = await workloads.runPod(stopped)
  await runtime.stopPodSandbox({ podSandboxId: id })
  const call = runtime.createContainer({ podSandboxId: id, config: idleConfig('late'), sandboxConfig: stopped })
  await expectFailure(call, codes('FAILED_PRECONDITION', 'NOT_FOUND'), id)
  await workloads.removePod(id)
})

test('the daemon is well after all of this', async () => {
  const container = await workloads.runContainer(podSandboxId, idleConfig('well'), pod)
  assert.is(await workloads.exec(container, 'echo', 'well'), 'well\n')
  await workloads.removeAllPods()
  if (!daemon.isPeer) await daemon.expectNoTraces()
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
