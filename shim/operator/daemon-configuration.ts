// SPDX-License-Identifier: Apache-2.0
import { readCommandLine } from '../config/load.ts'
import type { GantryConfig } from '../config/schema.ts'

/**
 * The configuration that gantryd would have with these flags.
 *
 * @param flags gantryd's flags by name, `config` among them.
 * @throws GantryError `invalid_argument` for a configuration that gantryd would not take either.
 */
export function daemonConfiguration(flags: Readonly<Record<string, string | undefined>>): GantryConfig {
  const args = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))
  const line = readCommandLine(args)
  if (line.kind !== 'run') throw new TypeError(`${args.join(' ')}: no configuration`)
  return line.config
}
