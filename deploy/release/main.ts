// SPDX-License-Identifier: Apache-2.0
import { readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { isVersion, sha256Of } from '../node/manifest.ts'
import { ARCHITECTURES, architectureOf } from './architecture.ts'
import { LEVEL } from './archive.ts'
import { buildRelease } from './build.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const USAGE = `usage: npm run release -- [--arch amd64,arm64] [--version VERSION] [--out DIRECTORY]

Writes for each architecture gantry-VERSION-linux-ARCH.tar.gz and its bill of materials, .spdx.json, and SHA256SUMS over
all of them. The version is that of package.json, the architectures are all, the directory is dist, where not given.
SOURCE_DATE_EPOCH is the time that files bear; 0 where it is not set.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string' },
      version: { type: 'string' },
      out: { type: 'string', default: join(ROOT, 'dist') },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return void process.stdout.write(USAGE)
  const version = values.version ?? JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).version
  if (!isVersion(version)) {
    throw new GantryError('invalid_argument', { action: 'build release', subject: version, reason: 'not a version' })
  }
  const architectures = values.arch === undefined ? ARCHITECTURES : values.arch.split(',').map(architectureOf)
  const out = resolve(values.out)
  const form = { created: Number(process.env['SOURCE_DATE_EPOCH'] ?? 0), level: LEVEL }
  const sums: string[] = []
  for (const arch of architectures) {
    const input = { root: ROOT, arch, version, cache: join(ROOT, 'node_modules/.cache/gantry-release') }
    const { archive, sbom } = await buildRelease(input, out, form)
    for (const path of [archive, sbom]) sums.push(`${await sha256Of(path)}  ${basename(path)}\n`)
  }
  await writeFile(join(out, 'SHA256SUMS'), sums.join(''))
  process.stdout.write(sums.join(''))
}

main().catch((error: unknown) => {
  process.stderr.write(`release: ${messageOf(error)}\n`)
  process.exitCode = 1
})
