// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { connectDaemon } from './daemon-client.ts'

const PACKAGE = new URL('../../package.json', import.meta.url)

export interface Versions {
  readonly gantry: string
  readonly node: string
  readonly kernel: string
  /** What answers at the endpoint; undefined where nobody does, which is no error here. */
  readonly daemon: string | undefined
}

/** `gantry version`: of this program, of what it runs on, and of the daemon where one answers. */
export async function version(endpoint: string): Promise<{ versions: Versions; text: string }> {
  const { version: gantry } = JSON.parse(await readFile(PACKAGE, 'utf8')) as { version: string }
  const versions = { gantry, node: process.version, kernel: release(), daemon: await daemonVersion(endpoint) }
  return { versions, text: describe(versions, endpoint) }
}

async function daemonVersion(endpoint: string): Promise<string | undefined> {
  const client = await connectDaemon(endpoint).catch(() => undefined)
  if (client === undefined) return undefined
  try {
    const { runtimeName, runtimeVersion, runtimeApiVersion } = await client.runtime.version({ version: '' })
    return `${runtimeName} ${runtimeVersion} (CRI ${runtimeApiVersion})`
  } finally {
    client.close()
  }
}

function describe({ gantry, node, kernel, daemon }: Versions, endpoint: string): string {
  const answer = daemon ?? 'nobody answers'
  return `gantry ${gantry}\nnode   ${node}\nkernel ${kernel}\ndaemon ${answer} at ${endpoint}\n`
}
