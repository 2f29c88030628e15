// SPDX-License-Identifier: Apache-2.0
import type { DatabaseSync } from 'node:sqlite'

/**
 * Creates the tables of images and layers where they are missing. Safe to call at every start.
 *
 * `layers.boot_id` is the boot in which a layer was written, until it is known to be on the disk (then NULL): after a
 * power loss, a layer of an earlier boot that never got there is not believed. `ready` is 0 from the moment the number
 * is taken until the directory is in its place.
 */
export function migrate(db: DatabaseSync): void {
  db.exec(`
    CREATE TABLE IF NOT EXISTS layers (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      chain_id TEXT NOT NULL UNIQUE,
      diff_id TEXT NOT NULL,
      digest TEXT NOT NULL,
      compressed_bytes INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      inodes INTEGER NOT NULL,
      ready INTEGER NOT NULL,
      boot_id TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS images (
      id TEXT PRIMARY KEY,
      config TEXT NOT NULL,
      manifest TEXT NOT NULL,
      size INTEGER NOT NULL,
      pulled_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS image_refs (
      ref TEXT NOT NULL,
      image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
      kind TEXT NOT NULL CHECK (kind IN ('tag', 'digest')),
      PRIMARY KEY (ref, image_id)
    ) STRICT;
  `)
}
