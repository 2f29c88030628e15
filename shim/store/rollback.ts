// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/**
 * Steps with their undo: each forward step registers its reverse on the next line. When the steps fail, the reverses run
 * in opposite order, all of them; what fails in that is carried with the first error.
 */
export class Rollback {
  readonly #undo: (() => Promise<void> | void)[] = []

  /** Registers the reverse of the step just done. */
  onFailure(undo: () => Promise<void> | void): void {
    this.#undo.push(undo)
  }

  /** Undoes everything and returns `error`, with what failed in undoing. */
  async run(error: unknown): Promise<unknown> {
    const failures: unknown[] = []
    for (const undo of this.#undo.reverse()) {
      try {
        await undo()
      } catch (failure) {
        failures.push(failure)
      }
    }
    if (failures.length === 0) return error
    const first = error instanceof GantryError ? error : undefined
    return new GantryError(first?.code ?? 'internal', {
      action: first?.action ?? 'undo a failed operation',
      ...(first?.subject === undefined ? {} : { subject: first.subject }),
      cause: error,
      cleanup: failures,
    })
  }
}

/** Runs steps with a rollback: its undo happens only when they fail. */
export async function withRollback<T>(steps: (rollback: Rollback) => Promise<T>): Promise<T> {
  const rollback = new Rollback()
  try {
    return await steps(rollback)
  } catch (error) {
    throw await rollback.run(error)
  }
}
