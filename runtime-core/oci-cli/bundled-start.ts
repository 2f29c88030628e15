// SPDX-License-Identifier: Apache-2.0

/**
 * Starts the program that build.sh has made: one script with the code that V8 has compiled of it, in one file. build.sh
 * turns this file into `build/gantry-oci.cjs`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadBundle } from './bundle-file.ts'

const program = loadBundle(readFileSync(join(__dirname, 'gantry-oci.bin')), join(__dirname, 'gantry-oci.js'))
program(require, join(__dirname, '..'))
  .main(process.argv.slice(2))
  .then(
    (status) => {
      process.exitCode = status
    },
    (error: unknown) => {
      process.nextTick(() => {
        throw error
      })
    },
  )
