// SPDX-License-Identifier: Apache-2.0
import { closedSet, firstValues } from './bounded-label.ts'
import { countFacts, type Fact } from './facts.ts'
import type { MetricsRegistry } from './registry.ts'

/** The statuses of gRPC by name. */
const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** CRI v1 has 46 methods; a runtime behind us may answer newer ones. */
const METHOD_LIMIT = 80

/** Counts, times and those under way of every RPC. Returns the function that ends it. */
export function collectRpc(registry: MetricsRegistry): () => void {
  const requests = registry.counter('gantry_cri_requests_total')
  const durations = registry.histogram('gantry_cri_request_duration_seconds')
  const inFlight = registry.gauge('gantry_cri_requests_in_flight')
  const service = closedSet(['RuntimeService', 'ImageService'])
  const method = firstValues(METHOD_LIMIT, /^[A-Z][A-Za-z]{1,63}$/)
  const code = closedSet(CODES)
  const target = (fact: Fact) => ({ service: service(fact.text('service')), method: method(fact.text('method')) })

  return countFacts(registry, 'rpc', {
    RpcStarted: (fact) => inFlight.inc(target(fact)),
    RpcFinished: (fact) => {
      const labels = target(fact)
      const answered = { ...labels, code: code(fact.text('code')) }
      // First what cannot fail: a payload without a duration must not leave a request in flight for ever.
      inFlight.dec(labels)
      requests.inc(answered)
      durations.observe(answered, fact.amount('durationMs') / 1000)
    },
  })
}
