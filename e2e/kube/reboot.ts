// SPDX-License-Identifier: Apache-2.0
import { readlink, rm } from 'node:fs/promises'
import { killAll, removeCgroups, removeLink, unmountBelow } from '../bench/peers/leftovers.ts'
import { listProcesses } from '../bench/processes.ts'
import { removeNatRules } from '../harness/nat-rules.ts'
import type { Marks } from '../harness/traces.ts'

/**
 * Takes away what a node loses in a reboot: the processes of all pods, mounts, cgroups, links, NAT rules, and the
 * runtime's directory, which stands on a tmpfs. Files stay, and so do the addresses that the plugins have given away.
 */
export async function loseRuntimeState(marks: Marks, stateDirectory: string): Promise<void> {
  await killAll(await keepersBelow(stateDirectory))
  await unmountBelow(stateDirectory)
  await rm(stateDirectory, { recursive: true })
  await removeCgroups(marks.cgroup)
  await removeLink(marks.bridge)
  await removeNatRules(marks.bridge)
}

/** Keepers work in the directory of their pod; the containers end with them. */
async function keepersBelow(stateDirectory: string): Promise<number[]> {
  const found = await Promise.all(
    (await listProcesses()).map(async ({ pid }) => {
      // It may be gone by now.
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
      return cwd.startsWith(`${stateDirectory}/`) ? [pid] : []
    }),
  )
  return found.flat()
}
