// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { errnoOf } from '../errors.ts'

/** The last lines are the outermost, the first what went wrong. */
const MAX_LINES = 6
const MAX_LOG_BYTES = 16 * 1024 * 1024

/** `(00.012345)      1: Error (criu/files-reg.c:1831): what went wrong` */
const LINE = /^\(\d+\.\d+\)\s*(?:-?\d+: )?(Error|Warn) +\([^)]*\): (.*)$/

/** What CRIU calls errors and gets over, or says of its helpers after the fact. */
const NOISE = [
  /^rlimit: Can't setup RLIMIT_NOFILE for self/,
  /^cg: cgroupd: recv req error/,
  /^Restoring FAILED\.$/,
  /^Dumping FAILED\.$/,
]

/**
 * What CRIU says of its failure: the errors of its log and, where it has none, its warnings.
 *
 * @returns undefined where there is no log, or nothing of the kind in it.
 */
export function criuErrors(path: string): string | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8').slice(-MAX_LOG_BYTES)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  const lines = (level: string): string[] =>
    text.split('\n').flatMap((line) => {
      const [, found, message] = LINE.exec(line) ?? []
      const says = found === level && message !== undefined && !NOISE.some((noise) => noise.test(message))
      return says ? [message.trim()] : []
    })
  const errors = lines('Error')
  const said = errors.length > 0 ? errors : lines('Warn')
  return said.length === 0 ? undefined : [...new Set(said)].slice(0, MAX_LINES).join('; ')
}
