// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../runtime-core/errors.ts'
import { architectureOf } from '../release/architecture.ts'
import { buildImage } from './build.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const USAGE = `usage: npm run image -- --name REGISTRY/gantry:VERSION [--arch amd64,arm64] [--version VERSION] [--out DIRECTORY]

Writes an OCI image layout (dist/image where not given), without a daemon; prints the digest of its index. Any tool that reads layouts
pushes it: skopeo copy --all oci:dist/image docker://REGISTRY/gantry:VERSION
`

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      name: { ...text, multiple: true, default: [] },
      arch: text,
      version: text,
      out: { ...text, default: join(ROOT, 'dist/image') },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return void process.stdout.write(USAGE)
  const version = values.version ?? JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).version
  const input = {
    root: ROOT,
    version,
    cache: join(ROOT, 'node_modules/.cache/gantry-release'),
    names: values.name,
    created: Number(process.env['SOURCE_DATE_EPOCH'] ?? 0),
    ...(values.arch === undefined ? {} : { architectures: values.arch.split(',').map(architectureOf) }),
  }
  const index = await buildImage(input, resolve(values.out))
  process.stdout.write(`${index.digest}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`image: ${messageOf(error)}\n`)
  process.exitCode = 1
})
