// SPDX-License-Identifier: Apache-2.0
import type { KeeperClient, LaunchResult, OutputSink, WriteCallback } from './keeper/client.ts'
import { IO } from './keeper/protocol.ts'
import type { OciProcess, OciSpec } from './spec/types.ts'

/** A further process of a running container. */
export interface ExecRequest {
  readonly containerId: string
  /** Unique in the pod. */
  readonly execId: string
  /** The container's spec, for its namespaces, cgroup and filter. */
  readonly spec: OciSpec
  readonly process: OciProcess
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** How long a background child may hold the output open, milliseconds. */
  readonly drainMs: number
}

/** What starts processes on a stream's own connection; the pod knows how. */
export interface StreamLauncher {
  exec(client: KeeperClient, request: ExecRequest, sink: OutputSink): Promise<LaunchResult>
  forward(client: KeeperClient, execId: string, port: number, sink: OutputSink): Promise<LaunchResult>
}

/** Which streams of a container an attachment joins. */
export interface AttachRequest {
  readonly containerId: string
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/**
 * A connection of its own to a pod's keeper, for one process: whoever reads it slowly holds up nobody else. A process that
 * was started on it ends with it.
 */
export class PodStream {
  readonly #client: KeeperClient
  readonly #launcher: StreamLauncher
  #call: number | undefined

  constructor(client: KeeperClient, launcher: StreamLauncher) {
    this.#client = client
    this.#launcher = launcher
  }

  /** Starts a further process in a container. @throws GantryError that names the operation which failed. */
  async exec(request: ExecRequest, sink: OutputSink): Promise<void> {
    this.#call = (await this.#launcher.exec(this.#client, request, sink)).call
  }

  /**
   * Connects to a TCP port of the pod's loopback: what is written goes there, what comes from there is output.
   *
   * @throws GantryError with the errno of the connection.
   */
  async forward(execId: string, port: number, sink: OutputSink): Promise<void> {
    this.#call = (await this.#launcher.forward(this.#client, execId, port, sink)).call
  }

  /** Joins what a container's process writes from here on, and its stdin. @throws GantryError `not_found` when it ended. */
  async attach({ containerId, stdin, stdout, stderr }: AttachRequest, sink: OutputSink): Promise<void> {
    const io = (stdin ? IO.stdin : 0) | (stdout ? IO.stdout : 0) | (stderr ? IO.stderr : 0)
    this.#call = await this.#client.attach(containerId, io, sink)
  }

  /** Sends input; `written` is called when it has left this process, or with an error. Before a start there is nobody to send to. */
  write(bytes: Uint8Array, written: WriteCallback): void {
    if (this.#call === undefined) written()
    else this.#client.write(this.#call, bytes, false, written)
  }

  /** Ends the input; of a container only where its stdin is meant to be closed once. */
  endInput(): void {
    if (this.#call !== undefined) this.#client.write(this.#call, new Uint8Array(), true)
  }

  /** Takes no output until {@link resume}: in the end the process waits. */
  pause(): void {
    this.#client.pause()
  }

  resume(): void {
    this.#client.resume()
  }

  /** Lets go: kills what was started on it, detaches from a container. Idempotent. */
  close(): void {
    this.#client.close()
  }
}
