// SPDX-License-Identifier: Apache-2.0

/** Traffic of one interface since it was made. */
export interface InterfaceTraffic {
  readonly name: string
  readonly rxBytes: bigint
  readonly rxPackets: bigint
  readonly rxErrors: bigint
  readonly rxDropped: bigint
  readonly txBytes: bigint
  readonly txPackets: bigint
  readonly txErrors: bigint
  readonly txDropped: bigint
}

/** Interfaces of a pod beyond this many are not told: names are the pod's to choose, and it can make thousands. */
const MOST_INTERFACES = 64

/**
 * The interfaces of /proc/<pid>/net/dev without the loopback, in the kernel's order.
 * A line is `name: 8 figures of receiving, 8 of sending` (net/core/net-procfs.c).
 */
export function parseNetDev(text: string): InterfaceTraffic[] {
  const found: InterfaceTraffic[] = []
  for (const line of text.split('\n')) {
    const colon = line.lastIndexOf(':')
    const figures = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
    if (colon < 0 || figures.length < 16 || !figures.every((figure) => /^\d+$/.test(figure))) continue
    const name = line.slice(0, colon).trim()
    if (name === 'lo' || found.length === MOST_INTERFACES) continue
    const at = (index: number) => BigInt(figures[index] ?? 0)
    found.push({
      name,
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    })
  }
  return found
}
