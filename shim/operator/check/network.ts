// SPDX-License-Identifier: Apache-2.0
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { configurationStatus, loadConfigurations } from '../../network/cni/discover.ts'
import { type Finding, failure, ok, warning } from './finding.ts'

/**
 * Whether pods get a network of their own.
 *
 * @param binDirectories Separated by ":", as the daemon takes them.
 */
export async function checkNetwork(confDirectory: string, binDirectories: string): Promise<Finding[]> {
  const snapshot = await loadConfigurations(confDirectory)
  const status = configurationStatus(snapshot)
  const [network] = snapshot.networks
  if (network === undefined) {
    return [
      warning(
        'network',
        status.message,
        'only pods on the host network will run; install a CNI network, or see --cni-conf-dir',
      ),
    ]
  }
  const types = [...new Set(network.plugins.map(({ type }) => type))]
  const found = await Promise.all(types.map((type) => isInstalled(type, binDirectories.split(':'))))
  const missing = types.filter((_, index) => found[index] !== true)
  if (missing.length > 0) {
    const hint = 'Debian: apt-get install containernetworking-plugins and --cni-bin-dir /usr/lib/cni'
    return [
      failure(
        'network',
        `network "${network.name}" needs plugins that are not in ${binDirectories}: ${missing.join(', ')}`,
        hint,
      ),
    ]
  }
  return [ok('network', `${status.message}, plugins ${types.join(', ')}`)]
}

async function isInstalled(type: string, directories: readonly string[]): Promise<boolean> {
  const tried = await Promise.allSettled(directories.map((directory) => access(join(directory, type), constants.X_OK)))
  return tried.some(({ status }) => status === 'fulfilled')
}
