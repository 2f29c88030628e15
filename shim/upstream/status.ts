// SPDX-License-Identifier: Apache-2.0
import { RuntimeCondition, RuntimeHandler, RuntimeStatus, StatusResponse } from '../../cri-proto/index.ts'
import { messageOf } from '../../runtime-core/errors.ts'
import { listItem } from '../server/fragments.ts'
import { type CallEnd, statusHeaders } from './call.ts'
import { askBoth, type SharedCall } from './merge.ts'
import { fields, messageAt, textAt } from './wire.ts'

/** StatusResponse */
const STATUS = 1
const INFO = 2
const HANDLERS = 3

export interface StatusOptions {
  readonly handlers: ReadonlySet<string>
  /** Why new pods of ours are refused; undefined where they are not. */
  readonly refusal: () => string | undefined
}

/**
 * Status of both: what the node's own runtime says, with our handlers, and with our own state as conditions of our own.
 * While it is away RuntimeReady is false and says which socket does not answer; its handlers stay as they were.
 */
export class StatusMerge {
  readonly #options: StatusOptions
  /** Handlers and features of the last answer. */
  #lasting: Buffer = Buffer.alloc(0)

  constructor(options: StatusOptions) {
    this.#options = options
  }

  async answer(call: SharedCall): Promise<CallEnd> {
    const [theirs, encoded] = await askBoth(call)
    const ours = StatusResponse.decode(encoded)
    if (call.upstream.failure !== undefined) {
      const conditions = this.#conditionsWithout(ours, messageOf(call.upstream.failure))
      const answer = { status: RuntimeStatus.fromPartial({ conditions }), info: {} }
      const told = StatusResponse.encode(StatusResponse.fromPartial(answer)).finish()
      const rest = [this.#lasting, this.#handlers(ours), this.#info(ours)]
      return call.reply.message(Buffer.concat([told, ...rest]), { headers: undefined, trailers: statusHeaders(0, '') })
    }
    if (theirs.code !== 0) return call.reply.status(theirs)
    const kept = this.#withoutOurHandlers(theirs.message)
    this.#lasting = Buffer.concat(
      [...fields(kept)].filter(({ number }) => number !== STATUS && number !== INFO).map(({ raw }) => raw),
    )
    const parts = [this.#withConditions(kept, ours), this.#handlers(ours), this.#info(ours)]
    return call.reply.message(Buffer.concat(parts), theirs)
  }

  /** A handler that is run here is described by us alone. */
  #withoutOurHandlers(message: Buffer): Buffer {
    const isOurs = (handler: Buffer | undefined): boolean =>
      handler !== undefined && this.#options.handlers.has(textAt(handler, 1))
    const kept = [...fields(message)].filter(({ number, content }) => number !== HANDLERS || !isOurs(content))
    return Buffer.concat(kept.map(({ raw }) => raw))
  }

  /** Each handler of ours can what our default one can. */
  #handlers({ runtimeHandlers }: StatusResponse): Uint8Array {
    const features = runtimeHandlers.find(({ name }) => name === '')?.features
    const named = [...this.#options.handlers].map((name) => RuntimeHandler.create({ name, features }))
    return StatusResponse.encode(StatusResponse.fromPartial({ runtimeHandlers: named })).finish()
  }

  /** Ours behind those of theirs, which stay as they came. */
  #withConditions(message: Buffer, ours: StatusResponse): Buffer {
    const own = RuntimeStatus.encode(RuntimeStatus.fromPartial({ conditions: this.#ownConditions(ours) })).finish()
    const rest = [...fields(message)].filter(({ number }) => number !== STATUS).map(({ raw }) => raw)
    return Buffer.concat([listItem(Buffer.concat([messageAt(message, STATUS), own])), ...rest])
  }

  #ownConditions(ours: StatusResponse): RuntimeCondition[] {
    const refusal = this.#options.refusal()
    const network = ours.status?.conditions.find(({ type }) => type === 'NetworkReady')
    const ready = RuntimeCondition.create({
      type: 'GantryReady',
      status: refusal === undefined,
      reason: refusal === undefined ? '' : 'CgroupDriverMismatch',
      message: refusal ?? '',
    })
    return [ready, ...(network === undefined ? [] : [{ ...network, type: 'GantryNetworkReady' }])]
  }

  #conditionsWithout(ours: StatusResponse, message: string): RuntimeCondition[] {
    const reason = 'UpstreamUnavailable'
    const away = ['RuntimeReady', 'NetworkReady'].map((type) => ({ type, status: false, reason, message }))
    return [...away, ...this.#ownConditions(ours)]
  }

  /** What `crictl info` shows, under a key of its own. */
  #info({ info }: StatusResponse): Uint8Array {
    if (Object.keys(info).length === 0) return new Uint8Array()
    return StatusResponse.encode(StatusResponse.fromPartial({ info: { gantry: JSON.stringify(info) } })).finish()
  }
}
