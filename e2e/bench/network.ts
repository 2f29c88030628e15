// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { removeLink } from './peers/leftovers.ts'

/** Where distributions put the reference plugins. */
export const CNI_BIN_DIR = '/usr/lib/cni'

/** A bridge of its own for each peer, by the reference plugins `bridge` and `host-local`. */
export interface BridgeNetwork {
  readonly confDir: string
  remove(): Promise<void>
}

/**
 * Writes the CNI configuration of a bridge network.
 *
 * @param directory private; addresses are kept there too
 * @param bridge the link's name, at most 15 characters
 * @param subnet in CIDR notation
 */
export async function writeBridgeNetwork(directory: string, bridge: string, subnet: string): Promise<BridgeNetwork> {
  const confDir = join(directory, 'net.d')
  await mkdir(confDir, { recursive: true })
  const plugin = {
    type: 'bridge',
    bridge,
    isGateway: true,
    // No masquerading: packets stay on this machine, and iptables would be the larger part of the time.
    ipMasq: false,
    ipam: {
      type: 'host-local',
      dataDir: join(directory, 'ipam'),
      ranges: [[{ subnet }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  }
  const list = { cniVersion: '1.0.0', name: bridge, plugins: [plugin] }
  await writeFile(join(confDir, '10-bench.conflist'), JSON.stringify(list, undefined, 2))
  return { confDir, remove: () => removeLink(bridge) }
}
