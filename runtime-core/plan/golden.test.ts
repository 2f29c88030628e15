// SPDX-License-Identifier: Apache-2.0

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assemble } from './assemble.ts'
import { compileContainer } from './compile/container.ts'
import { compileExec, type ExecInput } from './compile/exec.ts'
import { compilePortForward } from './compile/port-forward.ts'
import { compilePodInit, compileSandbox } from './compile/sandbox.ts'
import { disassemble } from './disassemble.ts'
import { explain } from './explain.ts'
import { type Plan, SLOTS } from './ops.ts'
import {
  bundle,
  LINUX,
  MOUNTS,
  NO_CGROUP,
  OLD_KERNEL_HOST,
  PROCESS,
  V1_CGROUP,
  V1_HOST,
  V2_CGROUP,
  V2_HOST,
} from './testdata/bundles.ts'

/**
 * Plans are golden text: a change of the launch order shows as a readable diff of testdata/*.plan.txt.
 * UPDATE_GOLDEN=1 writes the files anew.
 */
const DIRECTORY = new URL('testdata/', import.meta.url)
const ENDING = '.plan.txt'

const ROOT = { ...PROCESS, user: { uid: 0, gid: 0 }, noNewPrivileges: false, cwd: '/' }
const CAPABLE = ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE']
const PRIVILEGED_SETS = {
  bounding: CAPABLE,
  permitted: CAPABLE,
  effective: CAPABLE,
  inheritable: CAPABLE,
  ambient: CAPABLE,
}

function execInput(change: Partial<ExecInput> = {}): ExecInput {
  return {
    process: { ...PROCESS, args: ['/bin/ls', '-l'] },
    seccomp: { filter: new Uint8Array(80), flags: 0 },
    cgroup: V2_CGROUP,
    host: V2_HOST,
    stdio: { stdin: true, stdout: true, stderr: true },
    user: undefined,
    pidNamespace: true,
    ...change,
  }
}

const MAPPED = [{ containerID: 0, hostID: 100000, size: 65536 }]

const CGROUP_MOUNT = [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'ro'] }]

const PLANS: Readonly<Record<string, () => Plan>> = {
  'simple container': () => compileContainer(bundle()),
  'privileged container': () =>
    compileContainer(
      bundle(
        {
          process: { ...ROOT, capabilities: PRIVILEGED_SETS },
          linux: {
            ...LINUX,
            devices: [
              { type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o666 },
              { type: 'b', path: '/dev/mapper/root', major: 253, minor: 0, fileMode: 0o660, uid: 0, gid: 6 },
            ],
          },
        },
        { seccomp: undefined },
      ),
    ),
  'terminal and stdin': () =>
    compileContainer(
      bundle(
        { process: { ...PROCESS, terminal: true, consoleSize: { height: 24, width: 80 } } },
        { stdio: { stdin: true, stdout: true, stderr: false } },
      ),
    ),
  'filter with new privileges allowed': () =>
    compileContainer(bundle({ process: { ...PROCESS, noNewPrivileges: false } })),
  'read-only root with masks': () =>
    compileContainer(
      bundle({
        root: { path: 'rootfs', readonly: true },
        linux: {
          ...LINUX,
          maskedPaths: ['/proc/kcore', '/sys/firmware'],
          readonlyPaths: ['/proc/sys', '/proc/bus'],
          sysctl: { 'net.ipv4.ip_forward': '1', 'net/ipv4/conf/eth0.1/forwarding': '1' },
        },
      }),
    ),
  'shared and slave mounts': () =>
    compileContainer(
      bundle({
        mounts: [
          ...MOUNTS,
          { destination: '/csi', type: 'bind', source: '/var/lib/kubelet', options: ['rbind', 'rshared'] },
          { destination: '/mnt', type: 'bind', source: '/mnt', options: ['rbind', 'rslave', 'ro'] },
          { destination: '/dev/shm', type: 'bind', source: '/run/pod/shm', options: ['rbind', 'rw'] },
        ],
        linux: { ...LINUX, rootfsPropagation: 'rshared' },
      }),
    ),
  'volumes made and filled': () =>
    compileContainer(
      bundle(
        {
          mounts: [
            { destination: '/made', type: 'bind', source: '/host/missing', options: ['rbind'] },
            { destination: '/var/lib/data', type: 'bind', source: '/c/volumes/1', options: ['rbind', 'nodev'] },
          ],
        },
        { makeBindSources: true, copyUpSources: new Set(['/c/volumes/1']) },
      ),
    ),
  'host namespaces': () =>
    compileContainer(
      bundle({
        hostname: 'never set',
        linux: { namespaces: [{ type: 'mount' }, { type: 'ipc', path: '/proc/7/fd/11' }] },
      }),
    ),
  'AppArmor profile': () => compileContainer(bundle({ process: { ...PROCESS, apparmorProfile: 'gantry-default' } })),
  'own namespaces and shared pid': () =>
    compileContainer(
      bundle({
        hostname: 'c1',
        domainname: 'example.org',
        linux: {
          namespaces: [
            { type: 'mount' },
            { type: 'uts' },
            { type: 'cgroup' },
            { type: 'pid', path: '/proc/7/fd/13' },
            { type: 'network', path: '/var/run/netns/a' },
          ],
        },
      }),
    ),
  'cgroup v2': () =>
    compileContainer(
      bundle(
        { mounts: CGROUP_MOUNT, linux: { ...LINUX, namespaces: [{ type: 'mount' }, { type: 'cgroup' }] } },
        { cgroup: V2_CGROUP },
      ),
    ),
  'cgroup v2 of the host': () => compileContainer(bundle({ mounts: CGROUP_MOUNT }, { cgroup: V2_CGROUP })),
  'cgroup v1': () => compileContainer(bundle({ mounts: CGROUP_MOUNT }, { cgroup: V1_CGROUP, host: V1_HOST })),
  'overlay on an old kernel': () =>
    compileContainer(
      bundle(
        {},
        {
          host: OLD_KERNEL_HOST,
          rootfs: { kind: 'overlay', lowerdirs: ['/l/a:b/fs', '/l/c,d/fs'], upperdir: '/c/up', workdir: '/c/work' },
        },
      ),
    ),
  'root without layers': () => compileContainer(bundle({}, { rootfs: { kind: 'bind', source: '/bundle/rootfs' } })),
  'pod sandbox': () =>
    compileSandbox({
      network: true,
      ipc: true,
      uts: true,
      user: undefined,
      hostname: 'pod-1',
      sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
      shm: { directory: '/run/pod/shm', sizeBytes: 67108864 },
    }),
  'pod sandbox of the host': () =>
    compileSandbox({
      network: false,
      ipc: false,
      uts: false,
      user: undefined,
      hostname: 'ignored',
      sysctls: {},
      shm: undefined,
    }),
  'pod sandbox with a user namespace': () =>
    compileSandbox({
      network: true,
      ipc: true,
      uts: true,
      user: { uids: MAPPED, gids: MAPPED },
      hostname: 'pod-1',
      sysctls: {},
      shm: { directory: '/run/pod/shm', sizeBytes: 67108864 },
    }),
  'container in a user namespace': () =>
    compileContainer(
      bundle(
        {
          mounts: [
            { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
            { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'gid=5'] },
            {
              destination: '/data',
              type: 'bind',
              source: '/host/data',
              options: ['rbind', 'rw'],
              uidMappings: MAPPED,
              gidMappings: MAPPED,
            },
          ],
          linux: {
            namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'user', path: '/proc/7/fd/8' }],
            uidMappings: MAPPED,
            gidMappings: MAPPED,
          },
        },
        { podNamespaces: new Map([['/proc/7/fd/8', SLOTS.podUser]]) },
      ),
    ),
  'mounts with mappings copies and remounts': () =>
    compileContainer(
      bundle({
        mounts: [
          { destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'ro', 'mode=711'] },
          {
            destination: '/data',
            type: 'bind',
            source: '/host/data',
            options: ['rbind', 'ridmap'],
            uidMappings: MAPPED,
            gidMappings: MAPPED,
          },
          { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind'] },
          { destination: '/proc/uptime', type: 'bind', source: '/lxcfs/uptime', options: ['bind'] },
          { destination: '/etc', options: ['remount', 'nosuid', 'size=1m', 'private'] },
          { destination: '/disk', type: 'ext4', source: '/dev/vda', options: ['ro', 'iversion', 'sync'] },
        ],
      }),
    ),
  'joined namespaces with offsets and sysctls': () =>
    compileContainer(
      bundle({
        hostname: 'c1',
        mounts: [],
        linux: {
          namespaces: [
            { type: 'mount', path: '/run/ns/mnt' },
            { type: 'uts', path: '/run/ns/uts' },
            { type: 'network', path: '/run/ns/net' },
            { type: 'ipc' },
            { type: 'cgroup' },
            { type: 'time' },
            { type: 'pid', path: '/run/ns/pid' },
            { type: 'user', path: '/run/ns/user' },
          ],
          uidMappings: MAPPED,
          gidMappings: MAPPED,
          timeOffsets: { monotonic: { secs: 5 }, boottime: { secs: -7, nanosecs: 9 } },
          sysctl: { 'net.ipv4.ip_forward': '1', 'user.max_user_namespaces': '5', 'kernel.shmmni': '7' },
        },
      }),
    ),
  'filter with a listener': () =>
    compileContainer(
      bundle(
        {
          mounts: [],
          annotations: { key: 'value' },
          linux: {
            namespaces: [{ type: 'mount' }],
            seccomp: { defaultAction: 'SCMP_ACT_NOTIFY', listenerPath: '/run/agent.sock', listenerMetadata: 'meta' },
          },
        },
        { seccomp: { filter: new Uint8Array(80), flags: 0x2a }, identity: { id: 'c1', bundle: '/bundles/c1' } },
      ),
    ),
  'network devices and classes of service': () =>
    compileContainer(
      bundle(
        {
          mounts: [],
          linux: {
            namespaces: [{ type: 'mount' }, { type: 'network' }],
            netDevices: { eth1: {}, eth2: { name: 'lan%d' } },
            intelRdt: { l3CacheSchema: 'L3:0=f', schemata: ['MB:0=50'], enableMonitoring: true },
          },
        },
        { identity: { id: 'c1', bundle: '/bundles/c1' } },
      ),
    ),
  'port forward': () => compilePortForward(8080, true),
  'pod init': () => compilePodInit(true),
  exec: () => compileExec(execInput()),
  'exec with scheduling': () =>
    compileExec(
      execInput({
        process: {
          ...PROCESS,
          args: ['/bin/ls'],
          execCPUAffinity: { initial: '0', final: '0-1' },
          scheduler: { policy: 'SCHED_OTHER', nice: 5 },
          ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 3 },
        },
        cgroup: { ...V1_CGROUP, ...V2_CGROUP, joinFiles: V1_CGROUP.joinFiles },
        spec: {
          ...bundle().spec,
          linux: {
            namespaces: [{ type: 'time' }],
            personality: { domain: 'LINUX32' },
            memoryPolicy: { mode: 'MPOL_PREFERRED', nodes: '0' },
          },
        },
      }),
    ),
  'labelled process with scheduling': () =>
    compileContainer(
      bundle({
        process: {
          ...PROCESS,
          selinuxLabel: 'system_u:system_r:container_t:s0:c1,c2',
          scheduler: { policy: 'SCHED_FIFO', priority: 10 },
          ioPriority: { class: 'IOPRIO_CLASS_RT', priority: 0 },
        },
        mounts: [{ destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] }],
        linux: {
          ...LINUX,
          mountLabel: 'system_u:object_r:container_file_t:s0:c1,c2',
          personality: { domain: 'LINUX32' },
          memoryPolicy: { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] },
        },
      }),
    ),
  'exec with terminal': () =>
    compileExec(
      execInput({
        process: { ...ROOT, args: ['sh'], terminal: true },
        cgroup: V1_CGROUP,
        host: V1_HOST,
        user: { isNew: false, slot: SLOTS.podUser, open: [], uids: MAPPED, gids: MAPPED },
      }),
    ),
  'exec in the host’s pid namespace': () =>
    compileExec(execInput({ cgroup: NO_CGROUP, pidNamespace: false, seccomp: undefined })),
}

function fileOf(name: string): string {
  return name.replaceAll('’', '').replaceAll(' ', '-') + ENDING
}

for (const [name, compile] of Object.entries(PLANS)) {
  test(`the plan of ${name} is the one in testdata`, () => {
    const plan = compile()
    const text = explain(plan)
    const file = new URL(fileOf(name), DIRECTORY)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text)
    assert.ok(existsSync(file), `${fileOf(name)} is missing: run with UPDATE_GOLDEN=1`)
    assert.fixture(text, readFileSync(file, 'utf8'))
    assert.fixture(explain(disassemble(assemble(plan))), text, 'the wire form says something else')
  })
}

test('testdata has no plan that nobody compiles', () => {
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith(ENDING))
  assert.equal(files.sort(), Object.keys(PLANS).map(fileOf).sort())
})

test('the same bundle gives the same bytes', () => {
  for (const compile of Object.values(PLANS)) assert.equal(assemble(compile()), assemble(compile()))
})

test.run()
