// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runCommand } from '../images/command.ts'

/**
 * Unpacks one package of the distribution as `directory`, without installing it; what is there is kept.
 *
 * @param members of its archive, each beginning with `./`; all of them by default
 */
export async function ensurePackage(name: string, directory: string, members: readonly string[] = []): Promise<void> {
  if ((await stat(directory).catch(() => undefined)) !== undefined) return
  await mkdir(dirname(directory), { recursive: true })
  const work = await mkdtemp(join(dirname(directory), 'unpack-'))
  try {
    // apt's own sandbox user may not write to a private directory; without the option it says so on each run.
    await runCommand('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', name], work)
    const [archive = ''] = (await readdir(work)).filter((file) => file.endsWith('.deb'))
    await mkdir(join(work, 'root'))
    await runCommand('sh', ['-c', 'exec dpkg-deb --fsys-tarfile "$1" > tar', 'sh', archive], work)
    await runCommand('tar', ['-xf', 'tar', '-C', 'root', ...members], work)
    await rename(join(work, 'root'), directory)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
