// SPDX-License-Identifier: Apache-2.0
import type { Architecture } from './architecture.ts'
import { runTool } from './run-tool.ts'
import type { LinkedPackage } from './sbom.ts'

/** The C library that the keeper is linked with, as the package manager of the build machine knows it. */
export async function linkedPackages(root: string, { node }: Architecture): Promise<LinkedPackage[]> {
  const name = node === process.arch ? 'libc6-dev' : `libc6-dev-${node}-cross`
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the field's name as dpkg-query takes it
  const format = '${Version}'
  const version = await runTool('dpkg-query', ['-W', '-f', format, name], { cwd: root }).catch(() => 'NOASSERTION')
  const purl = version === 'NOASSERTION' ? 'pkg:generic/glibc' : `pkg:deb/debian/${name}@${encodeURIComponent(version)}`
  return [
    { name: 'glibc', version, license: 'LGPL-2.1-or-later', purl, within: 'runtime-core/keeper/build/gantry-keeper' },
  ]
}
