// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../images/command.ts'

/**
 * A mount whose file system never answers, as one of a dead file server: FUSE without anybody who serves it. Every call on
 * a path below it hangs until the mount is disposed of.
 */
export class HungMount implements AsyncDisposable {
  readonly path: string
  readonly #fd: number

  private constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  static async make(): Promise<HungMount> {
    const path = await mkdtemp(join(tmpdir(), 'ge-hung-'))
    const fd = openSync('/dev/fuse', 'r+')
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0'
    const mount = spawn('mount', ['-i', '-t', 'fuse', '-o', options, 'hung', path], {
      stdio: ['ignore', 'inherit', 'inherit', fd],
    })
    const [code] = await once(mount, 'close')
    if (code !== 0) throw new Error(`mount -t fuse ${path}: exit code ${code}`)
    // Mounts below it and next to it pass on, so that it serves where a shared one is asked for.
    await runCommand('mount', ['--make-shared', path])
    return new HungMount(path, fd)
  }

  /** Ends the connection, and with it every call that hangs. */
  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#fd)
    await runCommand('umount', ['-l', this.path])
    await rmdir(this.path)
  }
}
