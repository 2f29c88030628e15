// SPDX-License-Identifier: Apache-2.0
import { errnoOf, messageOf } from '../errors.ts'

/** strerror(3), of what a program's start may fail with. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOENT: 'no such file or directory',
  ENOEXEC: 'exec format error',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
}

/**
 * The text of a failed command, as its caller looks through it: podman, Docker and their like tell by the words of the
 * errno whether to end with 127 (no such program) or 126 (it cannot be executed).
 */
export function failureText(error: unknown): string {
  const text = messageOf(error)
  const words = WORDS[errnoOf(error) ?? '']
  return words === undefined || text.includes(words) ? text : `${text}: ${words}`
}
