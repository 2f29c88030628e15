// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, readlink, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../runtime-core/errors.ts'

/** What a kubelet sets on its host and never puts back (pkg/kubelet/cm, setupKernelTunables). */
const TUNABLES = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
]
/** Where a kubelet links the logs of all containers, whatever its root directory is. */
const LINKS = '/var/log/containers'

/** What of the host a kubelet changes outside of its own directories, as it was before. */
export class HostSettings {
  readonly #values: ReadonlyMap<string, string>
  readonly #hadLinks: boolean

  private constructor(values: ReadonlyMap<string, string>, hadLinks: boolean) {
    this.#values = values
    this.#hadLinks = hadLinks
  }

  /** Takes note of how the host is. */
  static async read(): Promise<HostSettings> {
    const values = new Map<string, string>()
    for (const name of TUNABLES) values.set(name, await readFile(join('/proc/sys', name), 'utf8'))
    return new HostSettings(values, (await linkNames()) !== undefined)
  }

  /** Puts everything back; of the links to logs those go that lead below `directory`. */
  async restore(directory: string): Promise<void> {
    for (const [name, value] of this.#values) {
      const path = join('/proc/sys', name)
      if ((await readFile(path, 'utf8')) !== value) await writeFile(path, value)
    }
    for (const name of (await linkNames()) ?? []) {
      const link = join(LINKS, name)
      if ((await readlink(link)).startsWith(`${directory}/`)) await rm(link)
    }
    if (!this.#hadLinks && (await linkNames())?.length === 0) await rmdir(LINKS)
  }
}

async function linkNames(): Promise<string[] | undefined> {
  return readdir(LINKS).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
}
