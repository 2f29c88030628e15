// SPDX-License-Identifier: Apache-2.0

/** What a label shows in place of a value that is not allowed or came too late. */
export const OTHER = 'other'

/** A filter for a label's values: what it lets through is a finite set. */
export type LabelFilter = (value: string) => string

/** Lets through the given values only. */
export function closedSet(values: readonly string[]): LabelFilter {
  const allowed = new Set(values)
  return (value) => (allowed.has(value) ? value : OTHER)
}

/**
 * Lets through the first `limit` different values that match `shape`. For sets that the code of another part closes
 * (methods, stages): a mistake there must not fill Prometheus.
 */
export function firstValues(limit: number, shape: RegExp): LabelFilter {
  const seen = new Set<string>()
  return (value) => {
    if (seen.has(value)) return value
    if (seen.size >= limit || !shape.test(value)) return OTHER
    seen.add(value)
    return value
  }
}
