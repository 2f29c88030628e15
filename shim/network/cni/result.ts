// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net'
import { GantryError } from '../../../runtime-core/errors.ts'
import { asList, asObject, type JsonObject, textOf } from './json.ts'
import { type CniVersion, isAtLeast, isKnownVersion, newestVersion } from './version.ts'

/** An interface a plugin made or moved; `sandbox` is the network namespace's path, empty on the host. */
export interface CniInterface {
  readonly name: string
  readonly mac: string
  readonly sandbox: string
}

/** An address; `interfaceIndex` points into the result's interfaces, absent when the plugin named none. */
export interface CniAddress {
  readonly ip: string
  readonly prefixLength: number
  readonly gateway: string | undefined
  readonly interfaceIndex: number | undefined
}

export interface CniRoute {
  readonly destination: string
  readonly gateway: string | undefined
}

/** A result in the newest shape, whatever version the plugin spoke. */
export interface CniResult {
  readonly cniVersion: CniVersion
  readonly interfaces: readonly CniInterface[]
  readonly addresses: readonly CniAddress[]
  readonly routes: readonly CniRoute[]
  /** The object as the plugin wrote it, `cniVersion` always set: what prevResult and the cache carry. */
  readonly raw: JsonObject
}

/** Which family becomes the pod's primary address; `cni` keeps the plugin's order. */
export type IpPreference = 'ipv4' | 'ipv6' | 'cni'

/** More entries than any node has interfaces: a result beyond it is broken. */
const maxEntries = 1024

/**
 * Parses the result of ADD, CHECK's prevResult or a cached one (CNI spec 1.1.0, section 5); shapes before 0.3.0 are
 * converted up. A result without a version has the one that was asked for. Throws internal with the offending key.
 */
export function parseResult(text: string, requested: CniVersion): CniResult {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new GantryError('internal', { action: 'parse cni result', reason: 'not JSON', cause })
  }
  return readResult(value, requested)
}

/** As parseResult, from an already decoded JSON value. */
export function readResult(value: unknown, requested: CniVersion): CniResult {
  const raw = asObject(value)
  if (raw === undefined) throw bad('not an object')
  const version = textOf(raw, 'cniVersion') ?? requested
  if (!isKnownVersion(version)) throw bad(`unsupported cniVersion "${version}", newest known is ${newestVersion}`)
  const shape = isAtLeast(version, '0.3.0') ? readCurrent(raw) : readLegacy(raw)
  return { cniVersion: version, ...shape, raw: { ...raw, cniVersion: version } }
}

/** The pod's addresses on `ifName`: the primary one and the others, in the plugin's order, without repetitions. */
export interface PodAddresses {
  readonly ip: string
  readonly additionalIps: readonly string[]
}

/**
 * Picks the addresses that belong to the pod's interface: those whose interface is named `ifName` inside the sandbox,
 * and those for which the plugin named no interface. Undefined when there is none.
 */
export function pickAddresses(result: CniResult, ifName: string, preference: IpPreference): PodAddresses | undefined {
  const ips = new Set<string>()
  for (const address of result.addresses) {
    if (belongsTo(result, address, ifName)) ips.add(address.ip)
  }
  const ordered = [...ips]
  const family = preference === 'ipv6' ? 6 : 4
  const primary = preference === 'cni' ? ordered[0] : (ordered.find((ip) => isIP(ip) === family) ?? ordered[0])
  if (primary === undefined) return undefined
  return { ip: primary, additionalIps: ordered.filter((ip) => ip !== primary) }
}

function belongsTo(result: CniResult, address: CniAddress, ifName: string): boolean {
  if (address.interfaceIndex === undefined) return true
  const owner = result.interfaces[address.interfaceIndex]
  return owner !== undefined && owner.name === ifName && owner.sandbox !== ''
}

type Shape = Pick<CniResult, 'interfaces' | 'addresses' | 'routes'>

function readCurrent(raw: JsonObject): Shape {
  const interfaces = entries(raw, 'interfaces').map((entry) => {
    const name = textOf(entry, 'name')
    if (name === undefined) throw bad('an interface has no name')
    return { name, mac: textOf(entry, 'mac') ?? '', sandbox: textOf(entry, 'sandbox') ?? '' }
  })
  const addresses = entries(raw, 'ips').map((entry) => {
    const index = entry['interface'] ?? undefined
    if (index !== undefined && !isIndexInto(index, interfaces)) throw bad(`ips: no interface ${JSON.stringify(index)}`)
    return { ...readCidr(textOf(entry, 'address'), 'ips'), gateway: readIp(entry, 'gateway'), interfaceIndex: index }
  })
  return { interfaces, addresses, routes: entries(raw, 'routes').map(readRoute) }
}

/** Results of 0.1.0 and 0.2.0 hold at most one address of each family and no interfaces. */
function readLegacy(raw: JsonObject): Shape {
  const families = ['ip4', 'ip6'].flatMap((key) => {
    const entry = raw[key] ?? undefined
    if (entry === undefined) return []
    const object = asObject(entry)
    if (object === undefined) throw bad(`${key}: not an object`)
    return [{ key, object }]
  })
  const addresses = families.map(({ key, object }) => ({
    ...readCidr(textOf(object, 'ip'), key),
    gateway: readIp(object, 'gateway'),
    interfaceIndex: undefined,
  }))
  return {
    interfaces: [],
    addresses,
    routes: families.flatMap(({ object }) => entries(object, 'routes').map(readRoute)),
  }
}

function entries(object: JsonObject, key: string): readonly JsonObject[] {
  const list = asList(object[key])
  if (list === undefined) throw bad(`"${key}" is not a list`)
  if (list.length > maxEntries) throw bad(`"${key}" has ${list.length} entries, the limit is ${maxEntries}`)
  return list.map((entry) => {
    const read = asObject(entry)
    if (read === undefined) throw bad(`"${key}" holds something that is not an object`)
    return read
  })
}

function isIndexInto(value: unknown, list: readonly unknown[]): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < list.length
}

function readCidr(text: string | undefined, key: string): { ip: string; prefixLength: number } {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text ?? '')
  const ip = match?.[1] ?? ''
  const prefixLength = Number(match?.[2])
  const family = isIP(ip)
  if (family === 0 || !(prefixLength <= (family === 4 ? 32 : 128))) {
    throw bad(`${key}: ${JSON.stringify(text ?? '')} is not an address with a prefix length`)
  }
  return { ip, prefixLength }
}

function readIp(entry: JsonObject, key: string): string | undefined {
  const text = textOf(entry, key)
  if (text !== undefined && isIP(text) === 0) throw bad(`${key}: ${JSON.stringify(text)} is not an address`)
  return text
}

function readRoute(entry: JsonObject): CniRoute {
  const destination = textOf(entry, 'dst')
  if (destination === undefined) throw bad('a route has no dst')
  readCidr(destination, 'routes')
  return { destination, gateway: readIp(entry, 'gw') }
}

function bad(reason: string): GantryError {
  return new GantryError('internal', { action: 'parse cni result', reason })
}
