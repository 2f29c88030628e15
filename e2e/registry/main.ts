// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../runtime-core/errors.ts'
import { writeCertsD } from './certs-d.ts'
import { RegistryServer } from './server.ts'

const USAGE = `usage: node e2e/registry/main.ts --layout DIR [--layout DIR]… [--port N] [--certs-d DIR [--registry HOST]…]

Serves OCI image layouts by the distribution API until it is interrupted. With --certs-d it also writes the hosts.toml
files that send a runtime here for each --registry (for those of the images' names where none is given).
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      layout: { type: 'string', multiple: true },
      port: { type: 'string' },
      host: { type: 'string' },
      'certs-d': { type: 'string' },
      registry: { type: 'string', multiple: true },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true || values.layout === undefined) {
    process.stdout.write(USAGE)
    process.exitCode = values.help === true ? 0 : 2
    return
  }
  const registry = await RegistryServer.start({
    layouts: values.layout.map((layout) => resolve(layout)),
    port: Number(values.port ?? 0),
    host: values.host ?? '127.0.0.1',
  })
  const names = registry.content.names()
  if (values['certs-d'] !== undefined) {
    const registries = values.registry ?? [...new Set(names.map((name) => name.slice(0, name.indexOf('/'))))]
    await writeCertsD(values['certs-d'], { registries, endpoint: registry.endpoint })
  }
  process.stdout.write(`${JSON.stringify({ endpoint: registry.endpoint, images: names.length })}\n`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await registry.close()
}

main().catch((error: unknown) => {
  process.stderr.write(`registry: ${messageOf(error)}\n`)
  process.exitCode = 1
})
