// SPDX-License-Identifier: Apache-2.0
import { readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { UpdateRuntimeConfigRequest } from '../../cri-proto/index.ts'
import { errnoOf } from '../../runtime-core/errors.ts'
import { invalidField } from '../translate/invalid-field.ts'
import type { RuntimeNode } from './node.ts'

const FIELD = 'runtime_config.network_config.pod_cidr'
/** One of each family. */
const MOST_CIDRS = 2

/**
 * UpdateRuntimeConfig (CRI v1): the node's pod subnets, for plugins that declare `ipRanges`; none is no change. They are
 * on disk too: a kubelet tells them once, and not again to a daemon that was restarted.
 */
export async function updateRuntimeConfig(node: RuntimeNode, request: UpdateRuntimeConfigRequest): Promise<void> {
  const text = request.runtimeConfig?.networkConfig?.podCidr ?? ''
  if (text === '') return
  const cidrs = parsePodCidrs(text)
  await node.locks.run('pod-cidrs', async () => {
    await save(node.config.root, cidrs)
    node.network.setPodCidrs(cidrs)
  })
}

/** Gives the network the subnets of the last run. A file that cannot be read is told, and costs no more than that. */
export async function restorePodCidrs({ config, network, onLeftover }: RuntimeNode): Promise<void> {
  const path = pathOf(config.root)
  try {
    network.setPodCidrs(parsePodCidrs((await readFile(path, 'utf8')).trim()))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') onLeftover('pod subnets', path, error)
  }
}

/**
 * Subnets out of `10.1.0.0/24,fd00::/64`: one, or one of each family.
 *
 * @throws GantryError `invalid_argument`.
 */
export function parsePodCidrs(text: string): string[] {
  const cidrs = text.split(',').map((part) => part.trim())
  const families = cidrs.map(familyOf)
  const wrong = cidrs.length > MOST_CIDRS || families.includes(0) || new Set(families).size < families.length
  if (wrong) throw invalidField(FIELD, text, 'a subnet such as 10.1.0.0/24, or one of each family separated by ","')
  return cidrs
}

/** 4 or 6; 0 for what is no subnet. */
function familyOf(cidr: string): 0 | 4 | 6 {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(cidr) ?? []
  const family = isIP(address)
  if ((family !== 4 && family !== 6) || Number(prefix) > (family === 4 ? 32 : 128) || address.includes('%')) return 0
  return family
}

async function save(root: string, cidrs: readonly string[]): Promise<void> {
  const path = pathOf(root)
  await writeFile(`${path}.new`, `${cidrs.join(',')}\n`, { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

function pathOf(root: string): string {
  return join(root, 'pod-cidrs')
}
