// SPDX-License-Identifier: Apache-2.0
import { type Finding, failure, ok, warning } from './finding.ts'

/** What the core calls, with the release that brought it; without these no container starts. */
const NEEDED = [
  ['clone3', '5.3'],
  ['pidfd_open', '5.3'],
  ['openat2', '5.6'],
  ['close_range', '5.9'],
  ['mount_setattr', '5.12'],
] as const

/** What makes it better, and what is lost without. */
const WELCOME = [
  ['cgroup.kill', '5.14', 'leftovers of a container are killed one by one'],
  ['overlay lowerdir+', '6.5', 'images with very many layers do not fit into one mount'],
] as const

const NAMESPACES = ['mnt', 'net', 'ipc', 'uts', 'pid', 'cgroup'] as const

/** Whether the kernel is recent enough. `release` is what `uname -r` prints. */
export function judgeKernel(release: string): Finding[] {
  const version = parseRelease(release)
  if (version === undefined)
    return [warning('kernel', `release "${release}" has no known form`, 'expected 5.12 or later')]
  const missing = NEEDED.filter(([, since]) => isOlder(version, since))
  if (missing.length > 0) {
    const calls = missing.map(([call, since]) => `${call} needs ${since}`).join(', ')
    return [
      failure(
        'kernel',
        `${release} is too old: ${calls}`,
        'Linux 5.12 is the oldest that works, 5.14 or later is better',
      ),
    ]
  }
  const lost = WELCOME.filter(([, since]) => isOlder(version, since))
  if (lost.length === 0) return [ok('kernel', `${release} has ${NEEDED.map(([call]) => call).join(', ')}`)]
  return lost.map(([feature, since, effect]) =>
    warning('kernel', `${release} has no ${feature}: ${effect}`, `Linux ${since} or later`),
  )
}

/** Whether namespaces can be made. `present` are the names in /proc/self/ns. */
export function judgeNamespaces(present: readonly string[]): Finding {
  const missing = NAMESPACES.filter((name) => !present.includes(name))
  if (missing.length > 0) {
    return failure('namespaces', `the kernel has no ${missing.join(', ')}`, 'it was built without them')
  }
  return ok('namespaces', NAMESPACES.join(', '))
}

/** Whether the kernel filters system calls. `status` is /proc/self/status. */
export function judgeSeccomp(status: string, library: string | Error): Finding {
  if (!/^Seccomp:\t/m.test(status))
    return failure('seccomp', 'the kernel has none', 'it was built without CONFIG_SECCOMP_FILTER')
  if (library instanceof Error) return failure('seccomp', library.message, 'Debian: apt-get install libseccomp2')
  return ok('seccomp', `libseccomp ${library}`)
}

function parseRelease(release: string): readonly [number, number] | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? []
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)]
}

function isOlder([major, minor]: readonly [number, number], since: string): boolean {
  const [wantedMajor = 0, wantedMinor = 0] = since.split('.').map(Number)
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor)
}
