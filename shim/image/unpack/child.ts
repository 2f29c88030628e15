// SPDX-License-Identifier: Apache-2.0
import { createHash, type Hash } from 'node:crypto'
import { mkdirSync, rmSync, writeSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'
import type { DuplexOptions } from 'node:stream'
import { errnoOf, GantryError, messageOf } from '../../../runtime-core/errors.ts'
import { confine } from './confine.ts'
import { Inflater } from './inflate.ts'
import { type Kernel, openKernel } from './kernel.ts'
import { FRAME, FrameReader, type Job, type Reply } from './protocol.ts'
import { TarReader } from './tar.ts'
import { LayerWriter } from './write.ts'

/**
 * The unpacking process (DESIGN §5). Arguments: the directory to be shut into. Reads frames on standard input, writes
 * layers below the directory, answers on file descriptor 3. It ends when its input does.
 */

const REPLY_FD = 3
const READ_AHEAD_BYTES = 512 * 1024

/** One layer on its way from compressed bytes to files. */
class Layer {
  readonly #name: string
  readonly #algorithm: string
  readonly #hash: Hash
  readonly #writer: LayerWriter
  readonly #tar: TarReader
  readonly #inflater: Inflater

  constructor(kernel: Kernel, job: Job) {
    this.#name = job.name
    this.#algorithm = job.algorithm
    this.#hash = createHash(job.algorithm)
    mkdirSync(`/${job.name}`, 0o755)
    process.chdir(`/${job.name}`)
    this.#writer = new LayerWriter(kernel, { bytes: job.limitBytes, entries: job.limitEntries })
    this.#tar = new TarReader(this.#writer)
    this.#inflater = new Inflater((bytes) => {
      this.#hash.update(bytes)
      this.#tar.feed(bytes)
    })
  }

  write(bytes: Buffer): Promise<void> {
    return this.#inflater.write(bytes)
  }

  async finish(): Promise<Reply> {
    await this.#inflater.end()
    this.#tar.finish()
    const contents = this.#writer.finish()
    process.chdir('/')
    return { kind: 'unpacked', diffId: `${this.#algorithm}:${this.#hash.digest('hex')}`, ...contents }
  }

  /** Remove all that was written. */
  discard(): void {
    this.#inflater.destroy()
    this.#writer.abandon()
    process.chdir('/')
    rmSync(`/${this.#name}`, { recursive: true, force: true })
  }
}

class Unpacker {
  readonly #kernel: Kernel
  #layer: Layer | undefined

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** Obey one frame. What goes wrong with a layer is told once; its remaining data is ignored. */
  async obey(type: number, payload: Buffer): Promise<void> {
    try {
      await this.#obey(type, payload)
    } catch (error) {
      this.#discard()
      const code = error instanceof GantryError ? error.code : codeOf(errnoOf(error))
      reply({ kind: 'failed', code, message: messageOf(error), errno: errnoOf(error) })
    }
  }

  async #obey(type: number, payload: Buffer): Promise<void> {
    switch (type) {
      case FRAME.job:
        this.#layer = new Layer(this.#kernel, JSON.parse(payload.toString()))
        return
      case FRAME.data:
        await this.#layer?.write(payload)
        return
      case FRAME.end: {
        const result = await this.#layer?.finish()
        this.#layer = undefined
        if (result !== undefined) reply(result)
        return
      }
      default:
        throw new GantryError('internal', { action: 'obey', reason: `frame type ${type} is unknown` })
    }
  }

  #discard(): void {
    this.#layer?.discard()
    this.#layer = undefined
  }
}

async function main(directory: string): Promise<void> {
  process.umask(0)
  const kernel = openKernel(process.arch)
  confine(kernel, directory, process.arch)
  reply({ kind: 'ready' })
  const unpacker = new Unpacker(kernel)
  const frames = new FrameReader()
  // One at a time: reading stops while a frame is being obeyed, which is the backpressure towards the registry.
  for await (const chunk of openInput()) {
    for (const { type, payload } of frames.push(chunk)) await unpacker.obey(type, payload)
  }
}

function openInput(): Socket {
  const options: SocketConstructorOpts & DuplexOptions = {
    fd: 0,
    readable: true,
    writable: false,
    readableHighWaterMark: READ_AHEAD_BYTES,
  }
  return new Socket(options)
}

function codeOf(errno: string | undefined): string {
  return errno === 'ENOSPC' || errno === 'EDQUOT' ? 'resource_exhausted' : 'internal'
}

function reply(message: Reply): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let at = 0; at < line.length; ) at += writeSync(REPLY_FD, line, at)
}

try {
  await main(process.argv[2] ?? '')
} catch (error) {
  reply({ kind: 'failed', code: 'internal', message: messageOf(error), errno: errnoOf(error) })
  process.exitCode = 1
}
