// SPDX-License-Identifier: Apache-2.0
import { type GantryError, messageOf } from '../../runtime-core/errors.ts'
import type { OutputSink, WriteCallback } from '../../runtime-core/keeper/client.ts'
import type { PodStream } from '../../runtime-core/pod-stream.ts'

/** A pod whose ports can be reached. */
export interface ForwardTarget {
  readonly podId: string
  /** The connection that one forwarding will be on. */
  open(): Promise<PodStream>
  newId(): string
}

/** The client's end of one forwarding, however it is connected. */
export interface ForwardClient {
  /** `done` is called when the bytes are held no more. False: wait for `resume`. */
  write(bytes: Buffer, done: () => void): boolean
  /** The port has said all it will. Comes once. */
  ended(): void
  /** It is over; a failure is told. Comes once, after which the client's end may be forgotten. */
  finished(failure: string | undefined): void
}

/**
 * One connection of a client to one port of a pod, each direction to its own end. A port that refuses is this
 * forwarding's failure and no other's.
 */
export class Forwarding implements OutputSink {
  readonly #target: ForwardTarget
  readonly #port: number
  readonly #client: ForwardClient
  #stream: PodStream | undefined
  #state: 'connecting' | 'connected' | 'finished' = 'connecting'
  #input: { readonly bytes: Buffer; readonly consumed: WriteCallback }[] = []
  #inputEnded = false
  #outputEnded = false

  constructor(target: ForwardTarget, port: number, client: ForwardClient) {
    this.#target = target
    this.#port = port
    this.#client = client
  }

  /** Connects. What goes wrong is told to the client. */
  async start(): Promise<void> {
    try {
      this.#stream = await this.#target.open()
      if (this.#state === 'connecting') {
        await this.#stream.forward(`forward-${this.#target.newId()}`, this.#port, this)
      }
      if (this.#state === 'connecting') this.#connected(this.#stream)
    } catch (error) {
      this.#finish(`error forwarding port ${this.#port} to pod ${this.#target.podId}, uid : ${messageOf(error)}`)
    }
    // The client may have gone while the connection to the keeper was being made.
    if (this.#state === 'finished') this.#stream?.close()
  }

  /** Bytes for the port; `consumed` is called when they are on their way. */
  input(bytes: Buffer, consumed: WriteCallback): void {
    if (this.#state === 'connected') this.#stream?.write(bytes, consumed)
    else if (this.#state === 'connecting') this.#input.push({ bytes, consumed })
    else consumed()
  }

  /** The client has said all it will: the port sees the end, and may still answer. */
  inputEnd(): void {
    this.#inputEnded = true
    if (this.#state === 'connected') this.#stream?.endInput()
  }

  /** There may be more again after `write` returned false. */
  resume(): void {
    this.#stream?.resume()
  }

  /** The client is gone. */
  close(): void {
    this.#finish(undefined)
  }

  output(stream: 1 | 2, bytes: Buffer, done: () => void): void {
    if (stream !== 1 || this.#state === 'finished' || bytes.length === 0) done()
    if (stream !== 1 || this.#state === 'finished') return
    if (bytes.length === 0) this.#endOutput()
    else if (!this.#client.write(bytes, done)) this.#stream?.pause()
  }

  exit(): void {
    this.#finish(undefined)
  }

  lost(error: GantryError): void {
    this.#finish(`lost connection to pod ${this.#target.podId}: ${messageOf(error)}`)
  }

  #connected(stream: PodStream): void {
    this.#state = 'connected'
    for (const { bytes, consumed } of this.#input) stream.write(bytes, consumed)
    this.#input = []
    if (this.#inputEnded) stream.endInput()
  }

  #endOutput(): void {
    if (this.#outputEnded) return
    this.#outputEnded = true
    this.#client.ended()
  }

  #finish(failure: string | undefined): void {
    if (this.#state === 'finished') return
    this.#state = 'finished'
    for (const { consumed } of this.#input) consumed()
    this.#input = []
    this.#stream?.close()
    if (failure === undefined) this.#endOutput()
    this.#client.finished(failure)
  }
}
