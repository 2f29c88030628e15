// SPDX-License-Identifier: Apache-2.0
import { expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import { containerOf, type Workspace } from '../workspace.ts'

/** As the Pod Security Standard `restricted` wants it. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
}

const STATUS = 'CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n'

const RESTRICTED_LOOKS: readonly (readonly [string, string])[] = [
  ['id -u; id -g; id -G', '1000\n3000\n3000 2000 4000\n'],
  ['grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status', STATUS],
  ['touch /x 2>&1 | grep -o "Read-only file system"', 'Read-only file system\n'],
  ['stat -c "%u %g" /data && echo ok >/data/file && stat -c %g /data/file', '0 2000\n2000\n'],
  ['cat /proc/sys/net/ipv4/ip_unprivileged_port_start', '80\n'],
]

export const security: Scenario = {
  name: 'security',
  about: 'users, groups, capabilities, RuntimeDefault seccomp, read-only root, sysctls; privileged is the opposite',
  run: async (workspace) => {
    await Promise.all([restricted(workspace), privileged(workspace), capabilities(workspace), rootRefused(workspace)])
    return undefined
  },
}

async function restricted(workspace: Workspace): Promise<void> {
  await workspace.pod('restricted', {
    securityContext: {
      runAsUser: 1000,
      runAsGroup: 3000,
      fsGroup: 2000,
      supplementalGroups: [4000],
      seccompProfile: { type: 'RuntimeDefault' },
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '80' }],
    },
    volumes: [{ name: 'data', emptyDir: {} }],
    containers: [
      shell('main', IDLE, { securityContext: RESTRICTED, volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
    ],
  })
  const pod = await workspace.ready('restricted')
  for (const [command, wanted] of RESTRICTED_LOOKS) {
    expectEqual(await workspace.exec('restricted', 'sh', '-c', command), wanted, `\`${command}\``)
  }
  // SupplementalGroupsPolicy: the status says which user it really is.
  const user = containerOf(pod, 'main').user?.linux
  expectEqual([user?.uid, user?.gid], [1000, 3000], "the user in the container's status")
}

/** What RuntimeDefault takes away is there for who asks for no profile. */
async function privileged(workspace: Workspace): Promise<void> {
  const container = shell('main', IDLE, { securityContext: { privileged: true } })
  await workspace.pod('privileged', { containers: [container] })
  await workspace.ready('privileged')
  const command = 'grep ^Seccomp: /proc/self/status; ls /dev/kmsg; mkdir /m && mount -t tmpfs none /m && echo mounted'
  const said = await workspace.exec('privileged', 'sh', '-c', command)
  expectEqual(said, 'Seccomp:\t0\n/dev/kmsg\nmounted\n', 'what a privileged container may')
}

async function capabilities(workspace: Workspace): Promise<void> {
  const context = { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'CHOWN'] } }
  const script =
    'chown 5:6 /tmp && stat -c "%u:%g" /tmp; grep ^CapEff: /proc/self/status; mknod /n c 1 3 || echo refused'
  await workspace.pod('caps', { containers: [shell('main', script, { securityContext: context })] })
  await workspace.ended('caps')
  const said = await workspace.logs('caps')
  expect(
    said.includes('5:6\nCapEff:\t0000000000000401\n') && said.includes('refused'),
    `two capabilities only, not ${said}`,
  )
}

/** The image's user is root. */
async function rootRefused(workspace: Workspace): Promise<void> {
  await workspace.pod('root', { containers: [shell('main', 'exit 0', { securityContext: { runAsNonRoot: true } })] })
  await workspace.waiting('root', 'CreateContainerConfigError')
}
