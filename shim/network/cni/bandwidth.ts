// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'

/** The `bandwidth` capability: rates in bit/s, bursts in bits. */
export interface Bandwidth {
  readonly ingressRate?: number
  readonly ingressBurst?: number
  readonly egressRate?: number
  readonly egressBurst?: number
}

const ingressAnnotation = 'kubernetes.io/ingress-bandwidth'
const egressAnnotation = 'kubernetes.io/egress-bandwidth'
/** The largest burst the plugin takes: the rate alone limits, as both peers have it. */
const burstBits = 4_294_967_295
const leastBits = 1_000n
const mostBits = 1_000_000_000_000_000n

/**
 * Reads the pod's bandwidth annotations, Kubernetes quantities from 1k to 1P. Undefined when there is none.
 * Throws invalid_argument naming the annotation.
 */
export function parseBandwidth(annotations: Readonly<Record<string, string>>): Bandwidth | undefined {
  const ingress = rateOf(annotations, ingressAnnotation)
  const egress = rateOf(annotations, egressAnnotation)
  if (ingress === undefined && egress === undefined) return undefined
  return {
    ...(ingress === undefined ? {} : { ingressRate: ingress, ingressBurst: burstBits }),
    ...(egress === undefined ? {} : { egressRate: egress, egressBurst: burstBits }),
  }
}

function rateOf(annotations: Readonly<Record<string, string>>, key: string): number | undefined {
  const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined
  if (text === undefined) return undefined
  const bits = parseQuantity(text)
  if (bits === undefined) throw invalid(key, `${JSON.stringify(text)} is not a quantity`)
  if (bits < leastBits || bits > mostBits) throw invalid(key, `${JSON.stringify(text)} is not from 1k to 1P`)
  return Number(bits)
}

const suffixes: Readonly<Record<string, readonly [bigint, bigint]>> = {
  n: [1n, 1_000_000_000n],
  u: [1n, 1_000_000n],
  m: [1n, 1_000n],
  '': [1n, 1n],
  k: [10n ** 3n, 1n],
  M: [10n ** 6n, 1n],
  G: [10n ** 9n, 1n],
  T: [10n ** 12n, 1n],
  P: [10n ** 15n, 1n],
  E: [10n ** 18n, 1n],
  Ki: [2n ** 10n, 1n],
  Mi: [2n ** 20n, 1n],
  Gi: [2n ** 30n, 1n],
  Ti: [2n ** 40n, 1n],
  Pi: [2n ** 50n, 1n],
  Ei: [2n ** 60n, 1n],
}

/** The value of a Kubernetes quantity, rounded up to a whole; undefined when the text is none. */
export function parseQuantity(text: string): bigint | undefined {
  const match = /^([+-]?)(?=\.?\d)(\d{0,20})(?:\.(\d{0,20}))?(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(
    text,
  )
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match
  const [times, over] = exponent === undefined ? (suffixes[suffix] ?? [1n, 1n]) : powerOfTen(Number(exponent))
  const numerator = BigInt(whole + fraction) * times
  const denominator = over * 10n ** BigInt(fraction.length)
  if (sign === '-') return -(numerator / denominator)
  return (numerator + denominator - 1n) / denominator
}

function powerOfTen(exponent: number): readonly [bigint, bigint] {
  return exponent >= 0 ? [10n ** BigInt(exponent), 1n] : [1n, 10n ** BigInt(-exponent)]
}

function invalid(annotation: string, reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read annotation', subject: annotation, reason })
}
