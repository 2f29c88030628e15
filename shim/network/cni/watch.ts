// SPDX-License-Identifier: Apache-2.0
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../../../runtime-core/errors.ts'

export interface DirectoryWatcherOptions {
  /** Called, never twice at a time, some moments after something changed. Must not throw. */
  readonly onChange: () => Promise<void>
  /** How long changes are gathered, in ms: files are written in several steps. */
  readonly gatherMs: number
}

/**
 * Watches a directory that may not exist yet, may vanish and may come back, and directories inside it. It does so by
 * watching the nearest parent that exists as well. inotify by node:fs; where the kernel refuses (its limit of
 * watches), `error` says so and the owner has to look for himself.
 */
export class DirectoryWatcher {
  readonly #dir: string
  readonly #options: DirectoryWatcherOptions
  readonly #watchers = new Map<string, FSWatcher>()
  #inner: readonly string[] = []
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #dirty = false
  #stale = false
  #closed = false
  #error: unknown

  constructor(dir: string, options: DirectoryWatcherOptions) {
    this.#dir = dir
    this.#options = options
  }

  /** Why changes may go unnoticed, undefined while all is well. */
  get error(): unknown {
    return this.#error
  }

  /**
   * Places the watches: on the directory, on `inner` directories of it, on the nearest existing parent. Watches that
   * are in place stay, with the events they hold.
   */
  async arm(inner: readonly string[]): Promise<void> {
    this.#inner = inner
    this.#error = undefined
    const wanted = new Map<string, string | undefined>()
    const parent = await nearestParent(this.#dir)
    wanted.set(parent.path, parent.child)
    for (const path of [this.#dir, ...inner.map((name) => join(this.#dir, name))]) {
      if (await isDirectory(path)) wanted.set(path, undefined)
    }
    if (this.#closed) return
    // a directory that was replaced has its old watch on something that is no longer there
    const keep = this.#stale ? new Set<string>() : new Set(wanted.keys())
    this.#stale = false
    this.#dropAllBut(keep)
    for (const [path, child] of wanted) if (!this.#watchers.has(path)) this.#watch(path, child)
  }

  /** Stops watching and waits for a running `onChange`. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#dropAllBut(new Set())
    await this.#running
  }

  #watch(path: string, child: string | undefined): void {
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        if (child !== undefined && name !== null && name !== child) return
        this.#stale ||= child !== undefined || name === basename(path)
        this.#changed()
      })
      watcher.on('error', (error) => {
        this.#error = error
        this.#changed()
      })
      this.#watchers.set(path, watcher)
    } catch (error) {
      // it vanished between the look and the watch: the parent's watch reports its return
      if (errnoOf(error) !== 'ENOENT') this.#error = error
    }
  }

  #dropAllBut(keep: ReadonlySet<string>): void {
    for (const [path, watcher] of this.#watchers) {
      if (keep.has(path)) continue
      watcher.close()
      this.#watchers.delete(path)
    }
  }

  #changed(): void {
    if (this.#closed) return
    this.#dirty = true
    if (this.#timer !== undefined || this.#running !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#running = this.#report()
    }, this.#options.gatherMs)
    this.#timer.unref()
  }

  async #report(): Promise<void> {
    this.#dirty = false
    try {
      // first the watches, then the look: what changes in between is seen by one of them
      await this.arm(this.#inner)
      await this.#options.onChange()
    } catch (error) {
      this.#error = error
    }
    this.#running = undefined
    if (this.#dirty) this.#changed()
  }
}

/** The nearest existing strict parent of `path`, and the name below it that leads to `path`. */
async function nearestParent(path: string): Promise<{ path: string; child: string }> {
  const parent = dirname(path)
  if (parent === dirname(parent) || (await isDirectory(parent))) return { path: parent, child: basename(path) }
  return await nearestParent(parent)
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}
