// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { GantryError } from '../../runtime-core/errors.ts'

/** Raised when the tables change; older databases are migrated step by step. */
const SCHEMA_VERSION = 1

/** SQLite's own. */
const PAGE_BYTES = 4096
const RESERVE_BYTES = 1024 * 1024

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE sandboxes (
     id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, config BLOB NOT NULL,
     spec TEXT NOT NULL, fields TEXT NOT NULL
   ) STRICT;
   CREATE TABLE containers (
     id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, config BLOB NOT NULL,
     spec TEXT NOT NULL, fields TEXT NOT NULL
   ) STRICT;`,
]

/**
 * Opens the node's database below `root`. WAL with synchronous=NORMAL: a write costs tens of microseconds, survives the
 * death of the daemon, and a power loss (which ends all containers anyway) can lose only the last of them.
 *
 * @throws GantryError `failed_precondition` for a database of a newer release.
 */
export function openDatabase(root: string): DatabaseSync {
  mkdirSync(root, { recursive: true, mode: 0o711 })
  const path = join(root, 'gantry.db')
  let database: DatabaseSync
  try {
    database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5000 })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304;')
  } catch (cause) {
    throw new GantryError('unavailable', { action: 'open database', subject: path, cause })
  }
  migrate(database, path)
  reserveRoom(database)
  return database
}

/**
 * Grows the database and its WAL while the disk has room: on a full one pods still have to end, be stopped and be removed,
 * which is what makes room. Records then go into free pages, by a WAL that is written over and never needs to grow.
 */
function reserveRoom(database: DatabaseSync): void {
  database.exec(`PRAGMA wal_autocheckpoint = ${RESERVE_BYTES / PAGE_BYTES / 4}`)
  const free = Number(database.prepare('PRAGMA freelist_count').get()?.['freelist_count'] ?? 0) * PAGE_BYTES
  // Free pages are used first: then only the WAL grows.
  const size = free > RESERVE_BYTES ? RESERVE_BYTES / 2 : RESERVE_BYTES
  try {
    database.exec(`DROP TABLE IF EXISTS room; CREATE TABLE room (x BLOB); INSERT INTO room VALUES (zeroblob(${size}))`)
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    database.exec('DROP TABLE room; PRAGMA wal_checkpoint(PASSIVE)')
  } catch (error) {
    // Full already: what an earlier start set aside has to do.
    if (!isDiskFull(error)) throw error
  }
}

/** SQLITE_FULL. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 13
}

function migrate(database: DatabaseSync, path: string): void {
  const row = database.prepare('PRAGMA user_version').get()
  const version = Number(row?.['user_version'] ?? 0)
  if (version > SCHEMA_VERSION) {
    throw new GantryError('failed_precondition', {
      action: 'open database',
      subject: path,
      reason: `it has schema ${version}, this release knows ${SCHEMA_VERSION}`,
      hint: 'start the newer release again, or remove its pods with it first',
    })
  }
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < version) continue
    database.exec(`BEGIN; ${step} PRAGMA user_version = ${index + 1}; COMMIT;`)
  }
}
