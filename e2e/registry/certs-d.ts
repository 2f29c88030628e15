// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where the images of some registries are to be pulled from instead. */
export interface MirrorOptions {
  /** Hosts as they stand in image names: `registry.k8s.io`, `127.0.0.1:5000`. */
  readonly registries: readonly string[]
  /** The server that stands in for all of them: `http://127.0.0.1:41234`. */
  readonly endpoint: string
  /** PEM file with the authority that signed the endpoint's certificate. */
  readonly caFile?: string
}

/**
 * Writes containerd's `certs.d` tree: `<directory>/<registry>/hosts.toml`, one per registry. The mirror also stands as
 * the registry's own server, so that nothing is ever asked of the network outside.
 */
export async function writeCertsD(directory: string, options: MirrorOptions): Promise<void> {
  for (const registry of options.registries) {
    await mkdir(join(directory, registry), { recursive: true })
    await writeFile(join(directory, registry, 'hosts.toml'), hostsToml(options))
  }
}

function hostsToml({ endpoint, caFile }: MirrorOptions): string {
  const lines = [
    `server = ${JSON.stringify(endpoint)}`,
    '',
    `[host.${JSON.stringify(endpoint)}]`,
    '  capabilities = ["pull", "resolve"]',
  ]
  if (caFile !== undefined) lines.push(`  ca = ${JSON.stringify(caFile)}`)
  return `${lines.join('\n')}\n`
}
