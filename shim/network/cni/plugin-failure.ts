// SPDX-License-Identifier: Apache-2.0
import { jsonOf } from '../../../runtime-core/json-text.ts'
import type { ChildOutcome } from './child.ts'
import { asObject, type JsonObject, textOf } from './json.ts'

/** What a plugin itself said about its failure. Always the cause of a GantryError. */
export class PluginFailure extends Error {
  /** The number of the plugin's error object (CNI spec, section 5); undefined when it wrote none. */
  readonly pluginCode: number | undefined

  constructor(message: string, pluginCode: number | undefined) {
    super(message)
    this.name = 'PluginFailure'
    this.pluginCode = pluginCode
  }
}

const textLimit = 2048

/**
 * Makes the failure of a plugin that ended with a non-zero status or by a signal: its error object on standard
 * output; without one, the text of standard error; without any, the status alone.
 */
export function readFailure(outcome: ChildOutcome): PluginFailure {
  const object = errorObject(outcome.stdout)
  if (object !== undefined) {
    const code = Number.isSafeInteger(object['code']) ? (object['code'] as number) : undefined
    const parts = [textOf(object, 'msg'), textOf(object, 'details')].filter((part) => part !== undefined)
    const said = printable(parts.join(': ')) || 'no message'
    return new PluginFailure(`plugin error ${code ?? 'without a code'}: ${said}`, code)
  }
  const ended = outcome.exitSignal === null ? `exit status ${outcome.exitCode}` : `ended by ${outcome.exitSignal}`
  const said = printable(outcome.stderr) || printable(outcome.stdout)
  return new PluginFailure(said === '' ? `${ended}, no message` : `${ended}: ${said}`, undefined)
}

/** One bounded line without control characters: what a plugin writes ends up in logs and on terminals. */
export function printable(text: string): string {
  const line = text
    .slice(0, 4 * textLimit)
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
  return line.length > textLimit ? `${line.slice(0, textLimit)}…` : line
}

function errorObject(stdout: string): JsonObject | undefined {
  const object = asObject(jsonOf(stdout))
  return object !== undefined && ('code' in object || 'msg' in object) ? object : undefined
}
