// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { errnoOf, GantryError } from '../../../runtime-core/errors.ts'
import { apiHost, DEFAULT_TLS, type Endpoint, readRequired, type TlsSettings } from './endpoint.ts'
import { parseHostsFile } from './hosts-file.ts'

/** The endpoints for a registry, and what decided them. */
export interface HostList {
  readonly endpoints: readonly Endpoint[]
  /** The hosts.toml or directory that was used; undefined: built-in rules. */
  readonly source: string | undefined
}

/**
 * The hosts to ask for images of `domain`, mirrors first (containerd's hosts.toml, docs/hosts.md). Read anew for every
 * pull, so an edit takes effect at once. A file that cannot be read or understood is an error: to pull silently from
 * somewhere else would be worse.
 *
 * @param configDirs roots such as `/etc/gantry/certs.d`
 * @throws GantryError failed_precondition naming the file
 */
export async function loadHosts(domain: string, configDirs: readonly string[]): Promise<HostList> {
  const directory = await findDirectory(domain, configDirs)
  if (directory === undefined) return { endpoints: defaultEndpoints(domain, DEFAULT_TLS), source: undefined }
  const file = path.join(directory, 'hosts.toml')
  const text = await readIfThere(file)
  if (text !== undefined && text.trim() !== '') {
    return { endpoints: await parseHostsFile(text, { domain, file, directory }), source: file }
  }
  const tls = await dockerStyleTls(directory)
  return { endpoints: defaultEndpoints(domain, tls), source: directory }
}

function defaultEndpoints(domain: string, tls: TlsSettings): readonly Endpoint[] {
  const host = apiHost(domain)
  const endpoint = (scheme: string, settings: TlsSettings): Endpoint => ({
    base: `${scheme}://${host}/v2`,
    label: host,
    canResolve: true,
    canPull: true,
    tls: settings,
    headers: {},
    dialTimeoutMs: undefined,
    namespace: undefined,
  })
  const { hostname, port } = new URL(`https://${host}`)
  const isLocal = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  // WHATWG URLs drop the default port, so 443 reads as none.
  if (!isLocal || port === '') return [endpoint('https', tls)]
  if (port === '80') return [endpoint('http', tls)]
  // A registry on loopback seldom has a certificate, or TLS at all.
  return [endpoint('https', { ...tls, verify: tls.ca.length > 0 }), endpoint('http', tls)]
}

async function findDirectory(domain: string, configDirs: readonly string[]): Promise<string | undefined> {
  const [, host = domain, port] = /^(.*?)(?::(\d+))?$/.exec(domain) ?? []
  const names = port === undefined ? [domain, '_default'] : [`${host}_${port}_`, domain, '_default']
  for (const root of configDirs) {
    const present = new Set(await listIfThere(root))
    for (const name of names) if (present.has(name)) return path.join(root, name)
  }
  return undefined
}

/** Docker's form: every *.crt is an authority, every *.cert with its *.key a client certificate. */
async function dockerStyleTls(directory: string): Promise<TlsSettings> {
  const names = (await listIfThere(directory)).sort()
  const read = (name: string) => readRequired(path.join(directory, name))
  const ca = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read))
  const clients = await Promise.all(
    names
      .filter((name) => name.endsWith('.cert'))
      .map(async (name) => ({ cert: await read(name), key: await read(`${name.slice(0, -'.cert'.length)}.key`) })),
  )
  return { ca, clients, verify: true }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw new GantryError('failed_precondition', { action: 'read registry configuration', subject: file, cause })
  }
}

async function listIfThere(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return []
    throw new GantryError('failed_precondition', { action: 'read registry configuration', subject: directory, cause })
  }
}
