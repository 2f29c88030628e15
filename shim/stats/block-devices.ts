// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'

/** Names of block devices: `/dev/sda` of 8:0. */
export class BlockDevices {
  #names = new Map<string, string>()
  #misses = new Set<string>()

  /** The name, or `major:minor` of a device that /proc/partitions does not have. */
  nameOf(major: number, minor: number): string {
    const key = `${major}:${minor}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    // A device that has no name is looked for once; the set is bounded by the devices that cgroups did I/O on.
    if (this.#misses.has(key)) return key
    this.#names = parsePartitions(readFileSync('/proc/partitions', 'latin1'))
    const found = this.#names.get(key)
    if (found === undefined) this.#misses.add(key)
    return found ?? key
  }
}

/** Lines of `major minor blocks name` below a heading. */
export function parsePartitions(text: string): Map<string, string> {
  const names = new Map<string, string>()
  for (const [, major, minor, name] of text.matchAll(/^\s*(\d+)\s+(\d+)\s+\d+\s+(\S+)$/gm)) {
    names.set(`${major}:${minor}`, `/dev/${name}`)
  }
  return names
}
