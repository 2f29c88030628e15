// SPDX-License-Identifier: Apache-2.0
import { access, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'

/** Where distributions put the CNI plugins: the upstream place, Debian's, Fedora's. */
const PLUGIN_DIRECTORIES = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']

/** A bridge network for one suite. Names and addresses are the caller's, so that suites can run side by side. */
export interface BridgeNetwork {
  /** The bridge's name on the host, at most 15 characters. */
  readonly bridge: string
  /** `10.88.77.0/24`. */
  readonly subnet: string
  /** Where addresses in use are recorded. */
  readonly ipamDirectory: string
}

/** Writes a configuration list of bridge, host-local and portmap into `directory`. */
export async function writeBridgeConfig(directory: string, network: BridgeNetwork): Promise<void> {
  const bridge = {
    type: 'bridge',
    bridge: network.bridge,
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      dataDir: network.ipamDirectory,
      ranges: [[{ subnet: network.subnet }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  }
  const plugins = [bridge, { type: 'portmap', capabilities: { portMappings: true } }]
  const list = { cniVersion: '1.0.0', name: network.bridge, plugins }
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, '10-bridge.conflist'), JSON.stringify(list, undefined, 2))
}

/** The first directory that holds the `bridge` plugin; `failed_precondition` where none does. */
export async function findCniPlugins(): Promise<string> {
  for (const directory of PLUGIN_DIRECTORIES) {
    const found = await access(join(directory, 'bridge')).then(
      () => true,
      () => false,
    )
    if (found) return directory
  }
  throw new GantryError('failed_precondition', {
    action: 'find cni plugins',
    reason: `none of ${PLUGIN_DIRECTORIES.join(', ')} has them`,
    hint: 'Debian: apt-get install containernetworking-plugins',
  })
}
