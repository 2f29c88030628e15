// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util'

/** The runtimes that can be measured. */
export const PEER_NAMES = ['gantry', 'containerd'] as const
export type PeerName = (typeof PEER_NAMES)[number]

export interface BenchOptions {
  readonly peers: readonly PeerName[]
  /** Rounds of the life of one pod. */
  readonly rounds: number
  /** Pods brought up at once, by CALLERS callers. */
  readonly pods: number
  /** Where the figures go as JSON; undefined: nowhere. */
  readonly json: string | undefined
  /** A directory with another containerd, its shim and runc; undefined: those in PATH. */
  readonly containerdDirectory: string | undefined
}

/** Concurrent callers wherever something is done in parallel. */
export const CALLERS = 8

export const USAGE = `Usage: npm run bench -- [--only gantry|containerd] [--rounds N] [--pods N] [--json FILE] [--containerd-dir DIR]

Measures gantryd and containerd + runc on this machine in one run: same images, same network plugins, same client,
their rounds interleaved. Needs root, and Debian's containerd, runc, containernetworking-plugins.

  --only NAME           one of the two alone
  --rounds N            rounds of the life of one pod (default 20)
  --pods N              pods brought up by ${CALLERS} callers (default 40); lists are measured at N and 10 N containers
  --json FILE           writes the figures there as well
  --containerd-dir DIR  takes containerd, containerd-shim-runc-v2 and runc from DIR
`

/** @throws TypeError on an unknown option or a value out of range */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '20' },
      pods: { type: 'string', default: '40' },
      json: { type: 'string' },
      'containerd-dir': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  return {
    peers: parsePeers(values.only),
    rounds: parseCount('--rounds', values.rounds, 10_000),
    pods: parseCount('--pods', values.pods, 1_000),
    json: values.json,
    containerdDirectory: values['containerd-dir'],
  }
}

function parsePeers(only: string | undefined): readonly PeerName[] {
  if (only === undefined) return PEER_NAMES
  const found = PEER_NAMES.filter((name) => name === only)
  if (found.length === 0) throw new TypeError(`option "--only": ${JSON.stringify(only)} is not gantry or containerd`)
  return found
}

function parseCount(option: string, text: string, max: number): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > max) {
    throw new TypeError(`option "${option}": ${JSON.stringify(text)} is not a number from 1 to ${max}`)
  }
  return count
}
