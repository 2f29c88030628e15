// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { Images, type ImagesOptions } from '../index.ts'
import { hostPlatform } from '../platform.ts'
import { TestRegistry } from './registry.ts'

/** A private root with a registry and an Images over it. */
export class Workbench {
  readonly root: string
  readonly registry = new TestRegistry()
  readonly errors: unknown[] = []
  images: Images
  db: DatabaseSync
  readonly #overrides: Partial<ImagesOptions>
  /** What daemons before a restart still have under way: a real one's processes would have died with it. */
  readonly #former: Images[] = []

  constructor(overrides: Partial<ImagesOptions> = {}) {
    this.root = overrides.root ?? mkdtempSync(path.join(tmpdir(), 'gantry-images-'))
    this.#overrides = overrides
    this.db = new DatabaseSync(path.join(this.root, 'gantry.db'))
    this.images = this.#open({})
  }

  async start(): Promise<this> {
    await this.registry.listen()
    await this.images.recover()
    return this
  }

  /** As a new daemon would find it. */
  async restart(overrides: Partial<ImagesOptions> = {}): Promise<string[]> {
    this.images.close()
    this.#former.push(this.images)
    this.db.close()
    this.db = new DatabaseSync(path.join(this.root, 'gantry.db'))
    this.images = this.#open(overrides)
    return this.images.recover()
  }

  /** `host/repository:tag` on this bench's registry. */
  reference(name: string): string {
    return `${this.registry.host}/${name}`
  }

  async close(): Promise<void> {
    this.images.close()
    for (const images of [...this.#former, this.images]) await images.settled()
    this.db.close()
    await this.registry.close()
    if (this.#overrides.root === undefined) rmSync(this.root, { recursive: true, force: true })
  }

  #open(overrides: Partial<ImagesOptions>): Images {
    return new Images({
      root: this.root,
      db: this.db,
      bootId: 'boot-1',
      platform: hostPlatform(process.arch, ''),
      registryConfigDirs: [path.join(this.root, 'certs.d')],
      pinned: [],
      nowMs: Date.now,
      sleep: (_ms, signal) => delay(1, undefined, { signal }),
      proxyEnv: {},
      onError: (error) => this.errors.push(error),
      nodePath: process.execPath,
      ...this.#overrides,
      ...overrides,
    })
  }
}

/** A signal that nothing aborts. */
export function never(): AbortSignal {
  return new AbortController().signal
}
