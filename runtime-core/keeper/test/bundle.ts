// SPDX-License-Identifier: Apache-2.0

import type { Pod, StartRequest } from '../../pod.ts'
import type { OciLinux, OciMount, OciProcess, OciSpec } from '../../spec/types.ts'

/** The usual container of a test, and how it differs. */

const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'MKNOD', 'NET_RAW', 'SETGID', 'SETPCAP', 'SETUID'].map(
  (name) => `CAP_${name}`,
)
/** What a test changes of the usual container. */
export interface ContainerChange {
  readonly process?: Partial<OciProcess>
  readonly mounts?: readonly OciMount[]
  readonly linux?: Partial<OciLinux>
  readonly root?: OciSpec['root']
  /** Further fields of the top. */
  readonly spec?: Partial<OciSpec>
  readonly request?: Partial<StartRequest>
  /** Directory with the image, in place of the busybox one. */
  readonly image?: string
}

export function makeSpec(pod: Pod, args: readonly string[], change: ContainerChange): OciSpec {
  const { network, ipc, uts, pid } = pod.namespacePaths
  const shm: OciMount[] =
    pod.shmPath === undefined
      ? []
      : [{ destination: '/dev/shm', type: 'bind', source: pod.shmPath, options: ['rbind', 'rw'] }]
  return {
    ociVersion: '1.3.0',
    root: { path: 'rootfs', ...change.root },
    process: {
      cwd: '/',
      args,
      env: ['PATH=/bin'],
      user: { uid: 0, gid: 0 },
      noNewPrivileges: true,
      capabilities: { bounding: CAPABILITIES, permitted: CAPABILITIES, effective: CAPABILITIES },
      ...change.process,
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666', 'gid=5'] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      ...shm,
      ...(change.mounts ?? []),
    ],
    linux: {
      cgroupsPath: '/none',
      namespaces: [
        pid === undefined ? { type: 'pid' } : { type: 'pid', path: pid },
        { type: 'mount' },
        ...(network === undefined ? [] : [{ type: 'network', path: network } as const]),
        ...(ipc === undefined ? [] : [{ type: 'ipc', path: ipc } as const]),
        ...(uts === undefined ? [] : [{ type: 'uts', path: uts } as const]),
      ],
      ...change.linux,
    },
    ...change.spec,
  }
}
