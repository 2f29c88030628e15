// SPDX-License-Identifier: Apache-2.0

/** True where every selected label is there with the same value (CRI: equality, AND). */
export function matchesLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
}

/** JSON for verbose info: bigints as numbers where exact, else as text; bytes as text. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === 'bigint') return Number.isSafeInteger(Number(item)) ? Number(item) : item.toString()
    return item
  })
}
