// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, writeSync } from 'node:fs'

export type LogLevel = 'error' | 'warning' | 'info' | 'debug'

export interface LogOptions {
  readonly debug: boolean
  /** Undefined: standard error. */
  readonly log: string | undefined
  readonly logFormat: 'text' | 'json'
}

const SYNCED_APPEND = 'as'

/**
 * The record of the runtime's doings that callers read: containerd's shim and conmon take the last record of `--log`
 * for the reason of a failure.
 */
export class Log {
  readonly #options: LogOptions

  constructor(options: LogOptions) {
    this.#options = options
    // Made at once, so that a caller that reads it always finds it.
    if (options.log !== undefined) closeSync(openSync(options.log, SYNCED_APPEND, 0o644))
  }

  write(level: LogLevel, message: string): void {
    if (level === 'debug' && !this.#options.debug) return
    const record = formatRecord(this.#options.logFormat, level, message, new Date())
    if (this.#options.log === undefined) {
      writeSync(2, record)
      return
    }
    const file = openSync(this.#options.log, SYNCED_APPEND, 0o644)
    try {
      writeSync(file, record)
    } finally {
      closeSync(file)
    }
  }

  /** The end of a command that failed: its last record, and plainly on standard error where that is not the log. */
  fail(message: string): void {
    this.write('error', message)
    if (this.#options.log !== undefined) writeSync(2, `${message}\n`)
  }
}

/** One line in the formats of logrus, which callers parse. */
export function formatRecord(format: 'text' | 'json', level: LogLevel, message: string, time: Date): string {
  const at = time.toISOString().replace(/\.\d+Z$/, 'Z')
  return format === 'json'
    ? `${JSON.stringify({ level, msg: message, time: at })}\n`
    : `time="${at}" level=${level} msg=${JSON.stringify(message)}\n`
}
