// SPDX-License-Identifier: Apache-2.0
import path from 'node:path'
import { parse } from 'smol-toml'
import { GantryError } from '../../../runtime-core/errors.ts'
import { apiHost, type Endpoint, namespaceFor, readRequired, type TlsSettings } from './endpoint.ts'

/** Where a hosts.toml stands and for which registry it speaks. */
export interface HostsFile {
  readonly domain: string
  readonly file: string
  readonly directory: string
}

const CAPABILITIES: ReadonlySet<unknown> = new Set(['pull', 'resolve', 'push', 'referrers'])
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * The endpoints a hosts.toml lists: its `[host."…"]` tables in file order, then the upstream server.
 *
 * @throws GantryError failed_precondition naming the file and the key
 */
export async function parseHostsFile(text: string, where: HostsFile): Promise<Endpoint[]> {
  const document = parseToml(text, where)
  const hosts = table(document['host'] ?? {}, 'host', where)
  const endpoints: Endpoint[] = []
  for (const [url, settings] of Object.entries(hosts)) {
    endpoints.push(await endpoint(url, table(settings, `host.${JSON.stringify(url)}`, where), where))
  }
  const server = document['server'] ?? `https://${apiHost(where.domain)}`
  if (typeof server !== 'string') throw bad('server is not a string', where)
  endpoints.push(await endpoint(server, document, where))
  return endpoints
}

async function endpoint(url: string, settings: Record<string, unknown>, where: HostsFile): Promise<Endpoint> {
  const parsed = parseUrl(url, where)
  const overridesPath = flag(settings, 'override_path', where)
  const own = parsed.pathname.replace(/\/+$/, '')
  const prefix = overridesPath || own.endsWith('/v2') ? own : `${own}/v2`
  const capabilities = list(settings['capabilities'] ?? ['pull', 'resolve'], 'capabilities', where)
  for (const capability of capabilities) {
    if (!CAPABILITIES.has(capability)) throw bad(`capability ${JSON.stringify(capability)} is unknown`, where)
  }
  return {
    base: `${parsed.protocol}//${parsed.host}${prefix}`,
    label: parsed.host,
    canResolve: capabilities.includes('resolve'),
    canPull: capabilities.includes('pull'),
    tls: await tlsSettings(settings, where),
    headers: headers(settings['header'] ?? {}, where),
    dialTimeoutMs: duration(settings['dial_timeout'], where),
    namespace: namespaceFor(where.domain, parsed.host),
  }
}

function parseUrl(url: string, where: HostsFile): URL {
  const full = /^[a-z]+:\/\//.test(url) ? url : `https://${url}`
  const parsed = URL.canParse(full) ? new URL(full) : undefined
  if (parsed === undefined || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')) {
    throw bad(`host ${JSON.stringify(url)} is not an http or https URL`, where)
  }
  if (parsed.username !== '' || parsed.password !== '') throw bad('a host URL contains credentials', where)
  return parsed
}

async function tlsSettings(settings: Record<string, unknown>, where: HostsFile): Promise<TlsSettings> {
  const read = (file: string) => readRequired(path.resolve(where.directory, file))
  const ca = await Promise.all(texts(settings['ca'] ?? [], 'ca', where).map(read))
  const entries = settings['client'] === undefined ? [] : list(settings['client'], 'client', where)
  const clients = await Promise.all(
    entries.map(async (entry) => {
      const [cert, key] = texts(entry, 'client', where)
      if (cert === undefined) throw bad('client is empty', where)
      // One file may hold both the certificate and its key.
      return { cert: await read(cert), key: await read(key === undefined || key === '' ? cert : key) }
    }),
  )
  return { ca, clients, verify: !flag(settings, 'skip_verify', where) }
}

function headers(value: unknown, where: HostsFile): Record<string, readonly string[]> {
  const result: Record<string, readonly string[]> = {}
  for (const [name, values] of Object.entries(table(value, 'header', where))) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) throw bad(`header ${JSON.stringify(name)} is malformed`, where)
    result[name.toLowerCase()] = texts(values, `header ${name}`, where)
  }
  return result
}

function duration(value: unknown, where: HostsFile): number | undefined {
  if (value === undefined) return undefined
  const parts = typeof value === 'string' ? [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)] : []
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== value) {
    throw bad('dial_timeout is not a duration such as "3s"', where)
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0)
}

function parseToml(text: string, where: HostsFile): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    // The parser's message carries an excerpt of the file, which may hold a header's secret: only the place is told.
    const line = cause instanceof Error && 'line' in cause ? ` in line ${String(cause.line)}` : ''
    throw bad(`it is not TOML${line}`, where)
  }
}

function table(value: unknown, name: string, where: HostsFile): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw bad(`${name} is not a table`, where)
}

function list(value: unknown, name: string, where: HostsFile): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return [value]
  throw bad(`${name} is not a list`, where)
}

function texts(value: unknown, name: string, where: HostsFile): readonly string[] {
  return list(value, name, where).map((entry) => {
    if (typeof entry !== 'string') throw bad(`${name} holds something that is not a string`, where)
    return entry
  })
}

function flag(settings: Record<string, unknown>, name: string, where: HostsFile): boolean {
  const value = settings[name] ?? false
  if (typeof value !== 'boolean') throw bad(`${name} is not true or false`, where)
  return value
}

function bad(reason: string, where: HostsFile): GantryError {
  return new GantryError('failed_precondition', { action: 'read registry configuration', subject: where.file, reason })
}
