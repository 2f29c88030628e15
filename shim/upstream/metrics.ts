// SPDX-License-Identifier: Apache-2.0
import { status as grpc } from '@grpc/grpc-js'
import { ListMetricDescriptorsResponse, ListPodSandboxMetricsResponse, type Metric } from '../../cri-proto/index.ts'
import { listMetricDescriptors } from '../stats/pod-metrics.ts'
import { ask, type CallEnd } from './call.ts'
import type { LocalMethod } from './local.ts'
import { askBoth, mergeList, mergeStream, type SharedCall } from './merge.ts'

const DESCRIPTORS = '/runtime.v1.RuntimeService/ListMetricDescriptors'

/** Where a label of ours stands among theirs, by the name of the metric. */
type Places = ReadonlyMap<string, readonly number[]>

/**
 * Pod metrics of both. A name that both have is described once, by the node's own runtime, and our values come in the
 * order of its labels: whoever reads them has one description for all.
 */
export class MetricMerge {
  #places: Promise<Places> | undefined

  /** The node's own runtime is back, maybe as another release. */
  forget(): void {
    this.#places = undefined
  }

  async descriptors(call: SharedCall): Promise<CallEnd> {
    const [theirs, ours] = await askBoth(call)
    if (theirs.code === grpc.UNIMPLEMENTED) return call.reply.message(ours)
    if (theirs.code !== 0) return call.reply.status(theirs)
    const known = ListMetricDescriptorsResponse.decode(theirs.message).descriptors
    this.#places = Promise.resolve(placesIn(known))
    const names = new Set(known.map(({ name }) => name))
    const added = ListMetricDescriptorsResponse.decode(ours).descriptors.filter(({ name }) => !names.has(name))
    const encoded = ListMetricDescriptorsResponse.encode({ descriptors: added }).finish()
    return call.reply.message(Buffer.concat([theirs.message, encoded]), theirs)
  }

  async list(call: SharedCall): Promise<CallEnd> {
    return mergeList({ ...call, local: this.#adapted(call) }, 'ours alone')
  }

  async stream(call: SharedCall): Promise<CallEnd> {
    return mergeStream({ ...call, local: this.#adapted(call) }, 'say so')
  }

  #adapted(call: SharedCall): Pick<LocalMethod, 'answer' | 'messages'> {
    const { local } = call
    const places = (): Promise<Places> => this.#placesFor(call)
    return {
      answer: async (request, context) => reorder(await local.answer(request, context), await places()),
      async *messages(request, context) {
        for await (const message of local.messages(request, context)) yield reorder(message, await places())
      },
    }
  }

  async #placesFor(call: SharedCall): Promise<Places> {
    this.#places ??= this.#ask(call)
    return this.#places
  }

  async #ask({ upstream, request }: SharedCall): Promise<Places> {
    const headers = request.headers.map((value, at) => (request.headers[at - 1] === ':path' ? DESCRIPTORS : value))
    const { code, message } = await ask(upstream, { ...request, headers, message: Buffer.alloc(0) })
    // What could not be asked now is asked again; the list of the moment fails or is without theirs anyway.
    if (code !== 0) this.#places = undefined
    return code === 0 ? placesIn(ListMetricDescriptorsResponse.decode(message).descriptors) : new Map()
  }
}

/** Only of names whose labels differ. */
function placesIn(theirs: ListMetricDescriptorsResponse['descriptors']): Places {
  const ours = new Map(listMetricDescriptors().descriptors.map(({ name, labelKeys }) => [name, labelKeys]))
  const places = new Map<string, readonly number[]>()
  for (const { name, labelKeys } of theirs) {
    const own = ours.get(name)
    if (own === undefined || own.join() === labelKeys.join()) continue
    places.set(
      name,
      labelKeys.map((key) => own.indexOf(key)),
    )
  }
  return places
}

/** ListPodSandboxMetricsResponse and a message of StreamPodSandboxMetrics have the same form. */
function reorder(list: Buffer, places: Places): Buffer {
  if (places.size === 0) return list
  const move = (metric: Metric): Metric => {
    const order = places.get(metric.name)
    if (order === undefined) return metric
    return { ...metric, labelValues: order.map((at) => metric.labelValues[at] ?? '') }
  }
  const { podMetrics } = ListPodSandboxMetricsResponse.decode(list)
  const moved = podMetrics.map((pod) => ({
    ...pod,
    metrics: pod.metrics.map(move),
    containerMetrics: pod.containerMetrics.map((one) => ({ ...one, metrics: one.metrics.map(move) })),
  }))
  return Buffer.from(ListPodSandboxMetricsResponse.encode({ podMetrics: moved }).finish())
}
