// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { GantryError } from '../../runtime-core/errors.ts'
import type { DaemonConfig } from '../node/service.ts'

/** What the chart tells the agents: `gantry.settings` in deploy/chart/gantry/templates/_helpers.tpl. */
export interface Settings {
  readonly mode: 'beside' | 'primary' | 'install'
  readonly daemon: DaemonConfig
  readonly kubelet: { readonly service: string; readonly revertAfterSeconds: number }
  readonly healthTimeoutSeconds: number
  readonly leaseSeconds: number
  /** Also the name of the handler. */
  readonly runtimeClass: string
}

/** @throws GantryError `invalid_argument` for a file that the chart would not write. */
export async function readSettings(path: string): Promise<Settings> {
  const value = JSON.parse(await readFile(path, 'utf8')) as Settings
  const known = ['beside', 'primary', 'install'].includes(value.mode)
  const numbers = [value.kubelet?.revertAfterSeconds, value.healthTimeoutSeconds, value.leaseSeconds]
  if (known && numbers.every((number) => Number.isInteger(number) && number > 0)) return value
  throw new GantryError('invalid_argument', {
    action: 'read settings',
    subject: path,
    reason: 'a field is missing or wrong',
  })
}
