// SPDX-License-Identifier: Apache-2.0
import { type ContainerEventResponse, ContainerEventType, type CriClient } from '../../cri-proto/index.ts'
import { waitFor } from '../harness/wait.ts'

const NAMES = new Map(Object.entries(ContainerEventType).map(([name, value]) => [value, name.split('_')[1] ?? name]))

/** A subscriber of GetContainerEvents that notes everything. */
export class EventLog {
  readonly events: ContainerEventResponse[] = []
  /** Resolves when the stream has ended, with its error if it had one. */
  readonly ended: Promise<Error | undefined>
  readonly #abort = new AbortController()

  /** Calls made on this client after it are noted. */
  constructor(client: CriClient) {
    this.ended = this.#read(client).then(
      () => undefined,
      (error: Error) => error,
    )
  }

  async #read(client: CriClient): Promise<void> {
    for await (const event of client.runtime.getContainerEvents({}, { signal: this.#abort.signal })) {
      this.events.push(event)
    }
  }

  /** What happened to a pod or container, in order: `CREATED STARTED`. */
  of(id: string): string {
    return this.events
      .filter(({ containerId }) => containerId === id)
      .map(({ containerEventType }) => NAMES.get(containerEventType) ?? '?')
      .join(' ')
  }

  /** The last event of an object once it has come. */
  async last(id: string, type: ContainerEventType): Promise<ContainerEventResponse> {
    const found = () => this.events.findLast((event) => event.containerId === id && event.containerEventType === type)
    return waitFor(`event ${NAMES.get(type)} of ${id}`, found)
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.ended
  }
}
