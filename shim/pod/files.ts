// SPDX-License-Identifier: Apache-2.0
import { chown } from 'node:fs/promises'
import { join } from 'node:path'
import { hostId } from '../../runtime-core/plan/compile/user-namespace.ts'
import type { RuntimeNode } from '../node/node.ts'
import { buildHostname } from '../pod-files/hostname.ts'
import { buildHosts } from '../pod-files/hosts.ts'
import { buildResolvConf } from '../pod-files/resolv-conf.ts'
import { type PodFilePaths, podFilePaths, readHostFile, writePodFiles } from '../pod-files/write.ts'
import type { PodNamespaces, UserMappings } from '../translate/namespaces.ts'
import type { Sandbox } from './sandbox.ts'

/** Writes what all containers of the pod share as /etc/hostname, /etc/hosts and /etc/resolv.conf. */
export async function writeFilesOf(
  node: RuntimeNode,
  sandbox: Sandbox,
  { network, user }: PodNamespaces,
): Promise<void> {
  const { record } = sandbox
  const [hostHosts, hostResolvConf] = await Promise.all([readHostFile('/etc/hosts'), readHostFile('/etc/resolv.conf')])
  const files = await writePodFiles(filesDirectory(node, record.id), {
    hostname: buildHostname(record.hostname),
    hosts: buildHosts({ network, hostname: record.hostname, ips: record.ips, hostText: hostHosts }),
    resolvConf: buildResolvConf(record.config.dnsConfig, hostResolvConf),
  })
  if (user !== undefined) await Promise.all(Object.values(files).map((file) => giveToRootOf(user, file)))
}

/** Makes the root of a user namespace the owner. */
export async function giveToRootOf({ uids, gids }: UserMappings, path: string): Promise<void> {
  await chown(path, hostId(0, uids, 'uid'), hostId(0, gids, 'gid'))
}

/** Where they are. */
export function filesOf(node: RuntimeNode, sandboxId: string): PodFilePaths {
  return podFilePaths(filesDirectory(node, sandboxId))
}

function filesDirectory(node: RuntimeNode, sandboxId: string): string {
  return join(node.pods.paths.pod(sandboxId), 'files')
}
