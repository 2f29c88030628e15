// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'

/** The keeper, found from the bundle of this command as from its sources: both are in this directory. */
export const KEEPER_PROGRAM = join(import.meta.dirname, '../keeper/build/gantry-keeper')
