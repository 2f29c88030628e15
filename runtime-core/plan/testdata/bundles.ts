// SPDX-License-Identifier: Apache-2.0

import type { CgroupHost } from '../../cgroup/detect.ts'
import type { CgroupPlan } from '../../cgroup/manager.ts'
import type { OciLinux, OciMount, OciProcess, OciSpec } from '../../spec/types.ts'
import { allCapabilities } from '../compile/capabilities.ts'
import type { ContainerInput, HostFacts } from '../compile/input.ts'
import { SLOTS } from '../ops.ts'

/** Hosts, cgroups and bundles of the golden plans: fixed values, nothing of the machine the test runs on. */

const LAST_CAP = 40

function host(cgroup: CgroupHost): HostFacts {
  const all = allCapabilities(LAST_CAP)
  return { cgroup, overlayLowerdirPlus: true, capabilities: { lastCap: LAST_CAP, bounding: all, permitted: all } }
}

export const V2_HOST = host({
  mode: 'v2',
  unifiedMount: '/sys/fs/cgroup',
  v1: new Map(),
  controllers: ['cpu', 'memory', 'pids'],
  self: new Map([['', '/']]),
})

export const V1_HOST = host({
  mode: 'v1',
  v1: new Map(['memory', 'cpuset', 'pids'].map((name) => [name, `/sys/fs/cgroup/${name}`])),
  controllers: ['memory', 'cpuset', 'pids'],
  self: new Map(),
})

export const OLD_KERNEL_HOST: HostFacts = { ...V2_HOST, overlayLowerdirPlus: false }

export const NO_CGROUP: CgroupPlan = {
  directories: [],
  leaves: [],
  writes: [],
  joinFiles: [],
  procsFile: '',
  warnings: [],
}

export const V2_CGROUP: CgroupPlan = {
  directories: ['/sys/fs/cgroup/kubepods', '/sys/fs/cgroup/kubepods/c1'],
  leaves: ['/sys/fs/cgroup/kubepods/c1'],
  writes: [
    { path: '/sys/fs/cgroup/kubepods/cgroup.subtree_control', value: '+memory' },
    { path: '/sys/fs/cgroup/kubepods/c1/memory.max', value: '67108864' },
    { path: '/sys/fs/cgroup/kubepods/c1/memory.oom.group', value: '1', ignore: ['ENOENT'] },
  ],
  joinFiles: [],
  unifiedDirectory: '/sys/fs/cgroup/kubepods/c1',
  deviceProgram: new Uint8Array(64),
  oomFile: '/sys/fs/cgroup/kubepods/c1/memory.events',
  killFile: '/sys/fs/cgroup/kubepods/c1/cgroup.kill',
  procsFile: '/sys/fs/cgroup/kubepods/c1/cgroup.procs',
  warnings: [],
}

const V1_DIRECTORIES = ['memory', 'cpuset', 'pids'].map((name) => `/sys/fs/cgroup/${name}/kubepods/c1`)

export const V1_CGROUP: CgroupPlan = {
  directories: V1_DIRECTORIES,
  leaves: V1_DIRECTORIES,
  writes: [
    {
      path: '/sys/fs/cgroup/cpuset/kubepods/c1/cpuset.cpus',
      value: '',
      copyFrom: '/sys/fs/cgroup/cpuset/kubepods/cpuset.cpus',
    },
    { path: '/sys/fs/cgroup/memory/kubepods/c1/memory.limit_in_bytes', value: '67108864' },
  ],
  joinFiles: V1_DIRECTORIES.map((directory) => `${directory}/tasks`),
  oomFile: '/sys/fs/cgroup/memory/kubepods/c1/memory.oom_control',
  procsFile: '/sys/fs/cgroup/pids/kubepods/c1/cgroup.procs',
  warnings: [],
}

export const POD_NAMESPACES = new Map([
  ['/proc/7/fd/10', SLOTS.podNet],
  ['/proc/7/fd/11', SLOTS.podIpc],
  ['/proc/7/fd/12', SLOTS.podUts],
  ['/proc/7/fd/13', SLOTS.podPid],
])

const DEFAULT_CAPABILITIES = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID']

export const PROCESS: OciProcess = {
  cwd: '/app',
  args: ['nginx', '-g', 'daemon off;'],
  env: ['PATH=/usr/sbin:/bin', 'HOME=/root'],
  user: { uid: 101, gid: 101, additionalGids: [20, 1000] },
  capabilities: {
    bounding: DEFAULT_CAPABILITIES,
    permitted: DEFAULT_CAPABILITIES,
    effective: DEFAULT_CAPABILITIES,
    inheritable: [],
  },
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 }],
  noNewPrivileges: true,
  oomScoreAdj: 985,
}

export const MOUNTS: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=64k'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/data', type: 'bind', source: '/host/data', options: ['rbind', 'rprivate', 'rro'] },
]

export const LINUX: OciLinux = {
  namespaces: [
    { type: 'pid' },
    { type: 'mount' },
    { type: 'network', path: '/proc/7/fd/10' },
    { type: 'ipc', path: '/proc/7/fd/11' },
    { type: 'uts', path: '/proc/7/fd/12' },
  ],
}

/** A container as the shim starts one; each golden plan differs from it in what its name says. */
export function bundle(change: Partial<OciSpec> = {}, input: Partial<ContainerInput> = {}): ContainerInput {
  return {
    spec: {
      ociVersion: '1.3.0',
      root: { path: 'rootfs' },
      process: PROCESS,
      mounts: MOUNTS,
      linux: LINUX,
      ...change,
    },
    rootfs: { kind: 'overlay', lowerdirs: ['/l/2', '/l/1'], upperdir: '/c/up', workdir: '/c/work' },
    mountPoint: '/run/c/rootfs',
    cgroup: NO_CGROUP,
    host: V2_HOST,
    podNamespaces: POD_NAMESPACES,
    podShm: '/run/pod/shm',
    seccomp: { filter: new Uint8Array(80), flags: 0 },
    makeBindSources: false,
    copyUpSources: new Set(),
    stdio: { stdin: false, stdout: true, stderr: true },
    ...input,
  }
}
