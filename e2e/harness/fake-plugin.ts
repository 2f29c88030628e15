// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where a suite's plugin and the configuration that names it go. */
export interface PluginPlace {
  readonly pluginDirectory: string
  readonly cniConfDirectory: string
}

/**
 * Installs a CNI plugin of a few lines of shell, and makes its network the first of the node. DEL succeeds unless the
 * script says otherwise: `$CNI_COMMAND` tells what is asked for.
 */
export async function installPlugin({ pluginDirectory, cniConfDirectory }: PluginPlace, script: string): Promise<void> {
  const type = 'suite-plugin'
  await mkdir(pluginDirectory, { recursive: true })
  const path = join(pluginDirectory, type)
  const version =
    '[ "$CNI_COMMAND" = VERSION ] && echo \'{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}\' && exit 0'
  await writeFile(path, `#!/bin/sh\n${version}\n${script}\n`)
  await chmod(path, 0o755)
  const list = { cniVersion: '1.0.0', name: 'suite', plugins: [{ type }] }
  await writeFile(join(cniConfDirectory, '00-suite.conflist'), JSON.stringify(list))
}
