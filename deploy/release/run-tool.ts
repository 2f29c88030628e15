// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { GantryError } from '../../runtime-core/errors.ts'

const TIMEOUT_MS = 10 * 60 * 1000

/** Runs a program of the build machine to its end. @returns its standard output. @throws GantryError with its last line. */
export function runTool(
  program: string,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024, cwd, env: { ...process.env, ...env } }
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const missing = 'code' in error && error.code === 'ENOENT'
      const reason = missing ? 'not installed' : stderr.trim().split('\n').at(-1)
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
