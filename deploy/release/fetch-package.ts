// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'
import type { LockedPackage } from './packages.ts'
import { runTool } from './run-tool.ts'

/**
 * Where a package's files are: where npm has installed it, or, for one of another machine, which npm does not install,
 * below `cache`, fetched as it is locked.
 *
 * @throws GantryError `failed_precondition` where what was fetched is not what package-lock.json names.
 */
export async function packageDirectory(root: string, cache: string, locked: LockedPackage): Promise<string> {
  const installed = join(root, locked.path)
  if (await exists(join(installed, 'package.json'))) return installed
  const directory = join(cache, `${locked.name.replace('/', '-')}-${locked.version}`)
  if (!(await exists(directory))) await fetchPackage(locked, directory)
  return directory
}

async function fetchPackage(locked: LockedPackage, directory: string): Promise<void> {
  await mkdir(dirname(directory), { recursive: true })
  const work = await mkdtemp(`${directory}.`)
  try {
    const name = `${locked.name}@${locked.version}`
    await runTool('npm', ['pack', '--silent', '--pack-destination', work, name], { cwd: work })
    const [archive = ''] = await readdir(work)
    await verify(locked, join(work, archive))
    await runTool('tar', ['-xzf', archive], { cwd: work })
    await rename(join(work, 'package'), directory)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function verify({ name, version, integrity }: LockedPackage, archive: string): Promise<void> {
  const [algorithm = '', expected] = integrity.split('-', 2)
  const digest = createHash(algorithm)
    .update(await readFile(archive))
    .digest('base64')
  if (digest === expected) return
  throw new GantryError('failed_precondition', {
    action: 'fetch package',
    subject: `${name}@${version}`,
    reason: `its integrity is ${algorithm}-${digest}, package-lock.json has ${integrity}`,
  })
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
