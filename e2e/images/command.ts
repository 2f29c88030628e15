// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { GantryError } from '../../runtime-core/errors.ts'

const TIMEOUT_MS = 10 * 60 * 1000

/** Runs a program to its end and returns its standard output; its failure carries the last line it said. */
export function runCommand(program: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024, ...(cwd === undefined ? {} : { cwd }) }
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const missing = 'code' in error && error.code === 'ENOENT'
      const said = stderr.trim().split('\n').at(-1)
      const reason = missing ? 'not installed' : said
      reject(
        new GantryError(missing ? 'failed_precondition' : 'internal', {
          action: 'run',
          subject: [program, ...args].join(' '),
          ...(reason === undefined || reason === '' ? { cause: error } : { reason }),
        }),
      )
    })
  })
}
