// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs'
import { release as kernelRelease } from 'node:os'
import { errnoOf } from '../errors.ts'
import { loadLibseccomp } from '../kernel/libseccomp.ts'
import { allCapabilities, capabilityNames } from '../plan/compile/capabilities.ts'
import { mountOptionNames } from '../plan/compile/mount-options.ts'
import {
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  NAMESPACE_TYPES,
  SECCOMP_ACTIONS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from '../spec/names.ts'
import { defineCommand } from './command.ts'
import { readCgroups } from './host.ts'
import { print } from './print.ts'
import { release, SPEC_VERSION } from './version.ts'

const HOOKS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const
const ARCHITECTURES =
  'X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X RISCV64'
    .split(' ')
    .map((name) => `SCMP_ARCH_${name}`)

export const command = defineCommand({
  usage: '',
  about: 'print what this runtime can do on this machine, as JSON',
  options: {},
  args: { min: 0, max: 0 },
  run() {
    print(`${JSON.stringify(describeFeatures(), null, 2)}\n`)
    return 0
  },
})

/** features.md, features-linux.md: what is served, on the kernel that runs. */
export function describeFeatures(): Record<string, unknown> {
  const { version } = loadLibseccomp()
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: SPEC_VERSION,
    hooks: HOOKS,
    mountOptions: mountOptionNames(),
    linux: {
      namespaces: NAMESPACE_TYPES.filter((type) => existsSync(`/proc/self/ns/${PROC_NAMES[type] ?? type}`)),
      capabilities: capabilityNames(allCapabilities(Number(read('/proc/sys/kernel/cap_last_cap')))),
      cgroup: describeCgroups(),
      seccomp: describeSeccomp(),
      apparmor: { enabled: read('/sys/module/apparmor/parameters/enabled').startsWith('Y') },
      selinux: { enabled: existsSync('/sys/fs/selinux/enforce') },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: [...MEMORY_POLICY_MODES.keys()], flags: [...MEMORY_POLICY_FLAGS.keys()] },
      // mount_setattr(2) with MOUNT_ATTR_IDMAP.
      mountExtensions: { idmap: { enabled: isKernelFrom(5, 12) } },
      netDevices: { enabled: true },
    },
    annotations: { 'org.gantry.version': release(), 'io.github.seccomp.libseccomp.version': version },
    potentiallyUnsafeConfigAnnotations: ['org.systemd.property.', 'org.criu.config'],
  }
}

const PROC_NAMES: Readonly<Record<string, string>> = { network: 'net', mount: 'mnt' }

function describeCgroups(): Record<string, boolean> {
  const { mode, controllers } = readCgroups()
  return {
    v1: mode !== 'v2',
    v2: mode !== 'v1',
    // Whether this is a machine of systemd's shows when it is asked for.
    systemd: true,
    systemdUser: false,
    rdma: controllers.includes('rdma'),
  }
}

/** Of the actions those that the kernel has, and that a filter can be loaded with. */
function describeSeccomp(): Record<string, unknown> {
  const available = read('/proc/sys/kernel/seccomp/actions_avail').trim().split(' ')
  if (available[0] === '') return { enabled: false }
  const inKernel = (action: string): boolean => available.includes(KERNEL_ACTIONS[action] ?? '')
  return {
    enabled: true,
    actions: SECCOMP_ACTIONS.filter(inKernel),
    operators: SECCOMP_OPERATORS,
    archs: ARCHITECTURES,
    knownFlags: SECCOMP_FLAGS,
    supportedFlags: SECCOMP_FLAGS.filter((flag) => !flag.endsWith('RECV') || isKernelFrom(5, 19)),
  }
}

const KERNEL_ACTIONS: Readonly<Record<string, string>> = {
  SCMP_ACT_KILL: 'kill_thread',
  SCMP_ACT_KILL_PROCESS: 'kill_process',
  SCMP_ACT_KILL_THREAD: 'kill_thread',
  SCMP_ACT_TRAP: 'trap',
  SCMP_ACT_ERRNO: 'errno',
  SCMP_ACT_TRACE: 'trace',
  SCMP_ACT_ALLOW: 'allow',
  SCMP_ACT_LOG: 'log',
  SCMP_ACT_NOTIFY: 'user_notif',
}

function isKernelFrom(major: number, minor: number): boolean {
  const [ours = 0, ourMinor = 0] = kernelRelease().split('.').map(Number)
  return ours > major || (ours === major && ourMinor >= minor)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return ''
    throw cause
  }
}
