// SPDX-License-Identifier: Apache-2.0
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type ErrorCode, GantryError } from '../../runtime-core/errors.ts'
import { isDiskFull } from './database.ts'

/** How one kind of record is stored: the CRI config as protobuf, the rest as JSON (bigints as decimal text). */
export interface RecordCodec<R> {
  readonly table: 'sandboxes' | 'containers'
  readonly encodeConfig: (record: R) => Uint8Array
  /** What was made of the config and is as large: null where there is none. */
  readonly spec: (record: R) => object | null
  /** The values that `encodeConfig` and `spec` write, to tell by identity whether they changed. */
  readonly large: (record: R) => readonly unknown[]
  /** Everything else. */
  readonly fields: (record: R) => object
  readonly decode: (config: Uint8Array, spec: unknown, fields: unknown) => R
}

/** What every record has. `name` is unique: the database itself refuses a second object of the same name. */
export interface StoredRecord {
  readonly id: string
  readonly uniqueName: string
  readonly state: string
}

/** For errors. */
const NOUNS = { sandboxes: 'sandbox', containers: 'container' } as const

/** One table of records. Reads happen at start only; afterwards the daemon answers from memory. */
export class RecordTable<R extends StoredRecord> {
  readonly #codec: RecordCodec<R>
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #updateFields: StatementSync
  readonly #remove: StatementSync
  readonly #all: StatementSync

  constructor(database: DatabaseSync, codec: RecordCodec<R>) {
    this.#codec = codec
    const { table } = codec
    this.#insert = database.prepare(
      `INSERT INTO ${table} (id, name, state, config, spec, fields) VALUES (?, ?, ?, ?, ?, ?)`,
    )
    this.#update = database.prepare(`UPDATE ${table} SET state = ?, config = ?, spec = ?, fields = ? WHERE id = ?`)
    this.#updateFields = database.prepare(`UPDATE ${table} SET state = ?, fields = ? WHERE id = ?`)
    this.#remove = database.prepare(`DELETE FROM ${table} WHERE id = ?`)
    this.#all = database.prepare(`SELECT config, spec, fields FROM ${table}`)
  }

  /** @throws GantryError `already_exists` where id or name is taken. */
  insert(record: R): void {
    try {
      const { encodeConfig, fields, spec } = this.#codec
      const { id, uniqueName, state } = record
      this.#insert.run(id, uniqueName, state, encodeConfig(record), json(spec(record)), json(fields(record)))
    } catch (cause) {
      throw new GantryError(isConstraint(cause) ? 'already_exists' : codeOf(cause), {
        action: `record ${NOUNS[this.#codec.table]}`,
        subject: record.uniqueName,
        cause,
      })
    }
  }

  /** What changes rarely (config, spec) is written only when it is another value than in `before`. */
  update(record: R, before: R): void {
    const { encodeConfig, fields, large } = this.#codec
    try {
      if (large(record).every((value, index) => value === large(before)[index])) {
        this.#updateFields.run(record.state, json(fields(record)), record.id)
      } else {
        this.#update.run(
          record.state,
          encodeConfig(record),
          json(this.#codec.spec(record)),
          json(fields(record)),
          record.id,
        )
      }
    } catch (cause) {
      throw new GantryError(codeOf(cause), {
        action: `update ${NOUNS[this.#codec.table]}`,
        subject: record.id,
        cause,
      })
    }
  }

  remove(id: string): void {
    this.#remove.run(id)
  }

  all(): R[] {
    return this.#all.all().map((row) => {
      const { config, spec, fields } = row
      if (!(config instanceof Uint8Array) || typeof fields !== 'string' || typeof spec !== 'string') {
        throw new GantryError('internal', {
          action: 'read records',
          subject: this.#codec.table,
          reason: 'malformed row',
        })
      }
      return this.#codec.decode(config, JSON.parse(spec, reviveBigint), JSON.parse(fields, reviveBigint))
    })
  }
}

function json(value: object | null): string {
  return JSON.stringify(value, replaceBigint)
}

// Strings that look like a bigint, such as an argument of a container, get a backslash, and lose it again.
function replaceBigint(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'string' && /^\\*-?\d+n$/.test(value) ? `\\${value}` : value
}

function reviveBigint(_: string, value: unknown): unknown {
  if (typeof value !== 'string' || !/^\\*-?\d+n$/.test(value)) return value
  return value.startsWith('\\') ? value.slice(1) : BigInt(value.slice(0, -1))
}

function codeOf(error: unknown): ErrorCode {
  return isDiskFull(error) ? 'resource_exhausted' : 'internal'
}

function isConstraint(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 19
}
