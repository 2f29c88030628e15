// SPDX-License-Identifier: Apache-2.0
import type { OciMount } from '../../runtime-core/spec/types.ts'
import type { PodNamespaces } from './namespaces.ts'

/** Group tty on every distribution. */
const TTY_GID = 5

/**
 * What every container has mounted unless the request puts something else there: containerd's list.
 *
 * @param privileged /sys and /sys/fs/cgroup are then writable.
 */
export function defaultMounts(pod: Pick<PodNamespaces, 'network' | 'user'>, privileged: boolean): OciMount[] {
  const mode = privileged ? 'rw' : 'ro'
  const safe = ['nosuid', 'noexec', 'nodev']
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: safe },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: devptsOptions(pod) },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
    sysfs(pod, mode),
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...safe, 'relatime', mode] },
  ]
}

function devptsOptions({ user }: Pick<PodNamespaces, 'user'>): string[] {
  const options = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']
  // devpts refuses a group that the user namespace does not map.
  const mapped = user === undefined || user.gids.some(({ containerID, size }) => containerID + size > TTY_GID)
  return mapped ? [...options, `gid=${TTY_GID}`] : options
}

function sysfs({ network, user }: Pick<PodNamespaces, 'network' | 'user'>, mode: string): OciMount {
  if (network === 'host' && user !== undefined) {
    // sysfs belongs to the network namespace: mounting it needs a capability over that, which this pod does not have.
    return {
      destination: '/sys',
      type: 'bind',
      source: '/sys',
      options: ['rbind', 'rro', 'nosuid', 'noexec', 'nodev'],
    }
  }
  return { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', mode] }
}
