// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ContainerConfig,
  NamespaceMode as Mode,
  PodSandboxConfig,
  SecurityProfile_ProfileType as Profile,
  MountPropagation as Propagation,
} from '../../cri-proto/index.ts'
import { type ContainerSpecInput, containerSpec } from './container-spec.ts'
import { refused } from './refused.ts'

type ConfigFields = Parameters<typeof ContainerConfig.fromPartial>[0]
type PodFields = Parameters<typeof PodSandboxConfig.fromPartial>[0]

function input(
  config: ConfigFields = {},
  pod: PodFields = {},
  over: Partial<ContainerSpecInput> = {},
): ContainerSpecInput {
  return {
    containerId: 'c1',
    sandboxId: 's1',
    sandbox: PodSandboxConfig.fromPartial({
      metadata: { name: 'pod', namespace: 'ns', uid: 'u1', attempt: 0 },
      hostname: 'web',
      ...pod,
    }),
    container: ContainerConfig.fromPartial({ metadata: { name: 'app', attempt: 0 }, command: ['/bin/app'], ...config }),
    image: { Env: ['LANG=C'], WorkingDir: '/srv' },
    imageName: 'example/app:1',
    rootPath: 'rootfs',
    hostname: 'web',
    user: { uid: 1000, gid: 1000, additionalGids: [1000, 5], home: '/home/app' },
    podPaths: { hostnameFile: '/p/hostname', hostsFile: '/p/hosts', resolvConfFile: '/p/resolv.conf', shm: '/p/shm' },
    nsPaths: { network: '/ns/net', ipc: '/ns/ipc', uts: '/ns/uts', pid: '/ns/pid', user: '/ns/user' },
    mountSources: [],
    imageVolumes: [],
    devices: [],
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
    cgroupDriver: 'cgroupfs',
    host: {
      cgroupVersion: 2,
      lastCap: 40,
      devices: [{ path: '/dev/sda', type: 'b', major: 8, minor: 0 }],
      hugetlb: true,
      swapController: true,
      kernelRelease: '6.1.0',
      arch: 'x64',
      recursiveReadOnly: true,
      userNamespaces: true,
      lsm: {},
    },
    ...over,
  }
}

const security = (
  securityContext: NonNullable<NonNullable<ConfigFields['linux']>['securityContext']>,
): ConfigFields => ({
  linux: { securityContext },
})
const PRIVILEGED_POD: PodFields = { linux: { securityContext: { privileged: true } } }

test('an ordinary container becomes an ordinary specification', () => {
  const { mounts, process, linux, ...rest } = containerSpec(input({ linux: { resources: { cpuShares: 100n } } }))
  assert.equal(rest, {
    ociVersion: '1.3.0',
    root: { path: 'rootfs', readonly: false },
    annotations: {
      'io.kubernetes.cri.container-type': 'container',
      'io.kubernetes.cri.sandbox-id': 's1',
      'io.kubernetes.cri.sandbox-name': 'pod',
      'io.kubernetes.cri.sandbox-namespace': 'ns',
      'io.kubernetes.cri.sandbox-uid': 'u1',
      'io.kubernetes.cri.container-name': 'app',
      'io.kubernetes.cri.image-name': 'example/app:1',
    },
  })
  assert.is(mounts?.length, 10)
  const { capabilities, env, ...plain } = process ?? { cwd: '' }
  assert.equal(plain, {
    terminal: false,
    cwd: '/srv',
    args: ['/bin/app'],
    user: { uid: 1000, gid: 1000, additionalGids: [1000, 5] },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
    noNewPrivileges: false,
    oomScoreAdj: 0,
  })
  assert.is(capabilities?.bounding?.length, 14)
  assert.equal(env?.slice(1), ['HOSTNAME=web', 'LANG=C', 'HOME=/home/app'])
  const { resources, namespaces, ...others } = linux ?? {}
  assert.equal(others, { devices: [], cgroupsPath: '/gantry/c1', maskedPaths: [], readonlyPaths: [] })
  assert.equal(resources?.cpu, { shares: 100 })
  assert.is(resources?.devices?.length, 10)
  assert.equal(
    namespaces?.map(({ type }) => type),
    ['mount', 'network', 'uts', 'ipc', 'pid', 'cgroup'],
  )
})

test('the specification survives JSON', () => {
  const spec = containerSpec(input(security({ seccomp: { profileType: Profile.RuntimeDefault } })))
  assert.equal(JSON.parse(JSON.stringify(spec)), spec)
})

test('the settings of the security context arrive', () => {
  const { root, process, linux } = containerSpec(
    input({
      tty: true,
      ...security({
        readonlyRootfs: true,
        noNewPrivs: true,
        maskedPaths: ['/proc/kcore'],
        readonlyPaths: ['/proc/sys'],
        capabilities: { dropCapabilities: ['ALL'] },
        namespaceOptions: { pid: Mode.CONTAINER },
      }),
    }),
  )
  assert.is(root?.readonly, true)
  assert.is(process?.terminal, true)
  assert.ok(process?.env?.includes('TERM=xterm'))
  assert.is(process?.noNewPrivileges, true)
  assert.equal(process?.capabilities?.bounding, [])
  assert.equal(linux?.maskedPaths, ['/proc/kcore'])
  assert.equal(linux?.readonlyPaths, ['/proc/sys'])
  assert.ok(linux?.namespaces?.some(({ type, path }) => type === 'pid' && path === undefined))
})

test('a privileged container is not confined', () => {
  const config = security({
    privileged: true,
    maskedPaths: ['/proc/kcore'],
    seccomp: { profileType: Profile.RuntimeDefault },
  })
  const { process, linux } = containerSpec(input(config, PRIVILEGED_POD))
  assert.is(process?.capabilities?.bounding?.length, 41)
  assert.is(linux?.seccomp, undefined)
  assert.equal(linux?.maskedPaths, [])
  assert.equal(linux?.devices, [{ path: '/dev/sda', type: 'b', major: 8, minor: 0 }])
  assert.equal(linux?.resources?.devices, [{ allow: true, access: 'rwm' }])
  assert.not.ok(linux?.namespaces?.some(({ type }) => type === 'cgroup'))
  refused(() => containerSpec(input(config)), 'invalid_argument', 'security_context.privileged')
})

test('the default seccomp profile follows the capabilities', () => {
  const rules = (addCapabilities: string[]) =>
    containerSpec(
      input(security({ seccomp: { profileType: Profile.RuntimeDefault }, capabilities: { addCapabilities } })),
    ).linux?.seccomp?.syscalls?.flatMap(({ names }) => names)
  assert.not.ok(rules([])?.includes('mount'))
  assert.ok(rules(['SYS_ADMIN'])?.includes('mount'))
  assert.is(containerSpec(input()).linux?.seccomp, undefined)
})

test('a profile of the node is parsed from the text handed in', () => {
  const config = security({ seccomp: { profileType: Profile.Localhost, localhostRef: '/p/x.json' } })
  const text = '{"defaultAction":"SCMP_ACT_LOG"}'
  assert.is(containerSpec(input(config, {}, { seccompText: text })).linux?.seccomp?.defaultAction, 'SCMP_ACT_LOG')
  refused(() => containerSpec(input(config, {}, { seccompText: '{}' })), 'invalid_argument', '/p/x.json')
  refused(() => containerSpec(input(config)), 'internal', '/p/x.json')
})

test('a container in a user namespace joins it and carries its mappings', () => {
  const ids = [{ containerId: 0, hostId: 100000, length: 65536 }]
  const options = { namespaceOptions: { usernsOptions: { mode: Mode.POD, uids: ids, gids: ids } } }
  const { linux } = containerSpec(input(security(options), { linux: { securityContext: options } }))
  assert.equal(linux?.uidMappings, [{ containerID: 0, hostID: 100000, size: 65536 }])
  assert.equal(linux?.namespaces?.[1], { type: 'user', path: '/ns/user' })
})

test("mounts, devices and the pod's cgroup arrive", () => {
  const device = { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 } as const
  const { mounts, linux } = containerSpec(
    input(
      { mounts: [{ containerPath: '/d', hostPath: '/h', propagation: Propagation.PROPAGATION_BIDIRECTIONAL }] },
      { linux: { cgroupParent: '/kubepods.slice/kubepods-pod1.slice' } },
      {
        mountSources: [{ hostPath: '/real', propagation: { mountPoint: '/', shared: true, slave: false } }],
        devices: [{ ...device, permissions: 'r' }],
        cgroupDriver: 'systemd',
      },
    ),
  )
  assert.is(mounts?.find(({ destination }) => destination === '/d')?.source, '/real')
  assert.is(linux?.rootfsPropagation, 'rshared')
  assert.equal(linux?.devices, [device])
  assert.is(linux?.resources?.devices?.at(-1)?.access, 'r')
  assert.is(linux?.cgroupsPath, 'kubepods-pod1.slice:gantry:c1')
})

test('what the node cannot do and what makes no sense is refused by name', () => {
  const apparmor = { apparmor: { profileType: Profile.RuntimeDefault } }
  refused(() => containerSpec(input(security(apparmor))), 'failed_precondition', 'AppArmor')
  refused(() => containerSpec(input(security({ selinuxOptions: { level: 's0,c1' } }))), 'invalid_argument', 'level')
  refused(() => containerSpec(input({ command: [] })), 'invalid_argument', 'config.command')
  refused(() => containerSpec(input({ workingDir: 'x' })), 'invalid_argument', 'config.working_dir')
  const image = { mounts: [{ containerPath: '/i', readonly: true, image: { image: 'sha256:1' } }] }
  refused(() => containerSpec(input(image)), 'unimplemented', 'sha256:1')
})

test('a container without any Linux part can be translated', () => {
  const { process, linux } = containerSpec(input({}, { linux: undefined }))
  assert.is(process?.oomScoreAdj, 0)
  assert.is(linux?.cgroupsPath, '/gantry/c1')
})

test.run()
