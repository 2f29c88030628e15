// SPDX-License-Identifier: Apache-2.0
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import type { OutputSink, WriteCallback } from '../../runtime-core/keeper/client.ts'
import type { ProcessExit } from '../../runtime-core/keeper/protocol.ts'
import type { PodStream } from '../../runtime-core/pod-stream.ts'
import type { TerminalSize } from './resize.ts'
import type { RemoteResult } from './status.ts'

/** Which streams the client of an exec or attach has asked for. */
export interface RemoteStreams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** A process to be joined with a client: what differs between exec and attach. */
export interface RemoteCommand {
  readonly streams: RemoteStreams
  /** The end of the client's input is the end of the process's. */
  readonly endsInput: boolean
  /** Its exit code is the client's to know. */
  readonly tellsExit: boolean
  /** The connection that the process will be on. */
  open(): Promise<PodStream>
  start(stream: PodStream, sink: OutputSink): Promise<void>
  resize(size: TerminalSize): Promise<void>
}

/** What comes from a client, however it is connected. */
export interface RemoteHandlers {
  /** `consumed` is called when the bytes are on their way to the process, or with an error when they never will be. */
  stdin(bytes: Buffer, consumed: WriteCallback): void
  stdinEnd(): void
  resize(size: TerminalSize): void
  /** There may be more again after `write` returned false. */
  drained(): void
  /** The client is gone. */
  closed(): void
}

/** A client with its streams, however it is connected. */
export interface RemoteClient {
  /** Sends output of stdout (1) or stderr (2); `done` is called when it is held no more. False: wait for `drained`. */
  write(stream: 1 | 2, bytes: Buffer, done: () => void): boolean
  /** Tells how it ended, after all output, and closes. */
  finish(result: RemoteResult): void
}

/**
 * Joins a client with a process until the process ends or the client goes.
 *
 * @param connect Waits for the client's streams; what comes from them goes to the handlers from then on.
 * @throws GantryError when the client does not open its streams; any later failure is told to the client.
 */
export async function serveRemoteCommand(
  command: RemoteCommand,
  connect: (handlers: RemoteHandlers) => Promise<RemoteClient>,
): Promise<void> {
  const joint = new Joint(command)
  const client = await connect(joint)
  client.finish(await joint.run(client))
}

/** Between a client and a process: what one side sends the other may not take yet. */
class Joint implements RemoteHandlers, OutputSink {
  readonly #command: RemoteCommand
  readonly #end = Promise.withResolvers<RemoteResult>()
  #client: RemoteClient | undefined
  #stream: PodStream | undefined
  #started = false
  #gone = false
  #input: { readonly bytes: Buffer; readonly consumed: WriteCallback }[] = []
  #inputEnded = false
  #size: TerminalSize | undefined
  #resizing = false

  constructor(command: RemoteCommand) {
    this.#command = command
  }

  async run(client: RemoteClient): Promise<RemoteResult> {
    this.#client = client
    try {
      this.#stream = await this.#command.open()
      if (this.#gone) throw new GantryError('cancelled', { action: 'stream', reason: 'the client went away' })
      await this.#command.start(this.#stream, this)
      this.#begin()
      return await this.#end.promise
    } catch (error) {
      return { kind: 'failure', message: messageOf(error) }
    } finally {
      this.#stream?.close()
    }
  }

  stdin(bytes: Buffer, consumed: WriteCallback): void {
    if (this.#started) this.#stream?.write(bytes, consumed)
    else this.#input.push({ bytes, consumed })
  }

  stdinEnd(): void {
    this.#inputEnded = true
    if (this.#started && this.#command.endsInput) this.#stream?.endInput()
  }

  resize(size: TerminalSize): void {
    this.#size = size
    if (this.#started) this.#applySize()
  }

  drained(): void {
    this.#stream?.resume()
  }

  closed(): void {
    this.#gone = true
    this.#end.resolve({ kind: 'failure', message: 'the client went away' })
    // With its connection the keeper ends a process too that is just being started.
    this.#stream?.close()
  }

  output(stream: 1 | 2, bytes: Buffer, done: () => void): void {
    if (bytes.length === 0) done()
    else if (this.#client?.write(stream, bytes, done) === false) this.#stream?.pause()
  }

  exit({ exitCode }: ProcessExit): void {
    this.#end.resolve(
      this.#command.tellsExit && exitCode !== 0 ? { kind: 'exit', code: exitCode } : { kind: 'success' },
    )
  }

  lost(error: GantryError): void {
    this.#end.resolve({ kind: 'failure', message: messageOf(error) })
  }

  #begin(): void {
    this.#started = true
    this.#applySize()
    for (const { bytes, consumed } of this.#input) this.#stream?.write(bytes, consumed)
    this.#input = []
    if (this.#inputEnded) this.stdinEnd()
  }

  /** One at a time, and always to the latest: a window that is dragged gives hundreds. */
  #applySize(): void {
    const size = this.#size
    if (size === undefined || this.#resizing) return
    this.#size = undefined
    this.#resizing = true
    this.#command
      .resize(size)
      .catch((error: unknown) => ignoreEnded(error))
      .finally(() => {
        this.#resizing = false
        this.#applySize()
      })
      .catch((error: unknown) => this.lost(new GantryError('internal', { action: 'resize terminal', cause: error })))
  }
}

/** A process that has just ended, or has no terminal, cannot be resized: nobody needs to hear of it. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof GantryError)) throw error
}
