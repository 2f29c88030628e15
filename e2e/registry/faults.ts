// SPDX-License-Identifier: Apache-2.0

/** The kinds of request a registry's client makes. */
export type RequestKind = 'ping' | 'manifest' | 'blob' | 'tags' | 'token'

/** What a rule or a listener sees of a request. */
export interface RegistryRequest {
  readonly kind: RequestKind
  readonly method: string
  /** Empty for `ping` and `token`. */
  readonly repository: string
  /** Tag or digest; empty for `ping`, `tags` and `token`. */
  readonly reference: string
  /** The registry a mirror was asked to stand in for (`?ns=`). */
  readonly namespace: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** One way to misbehave. Bytes count from the start of the body. */
export type Fault =
  /** Answers with this status and an error document of the distribution API. */
  | { readonly type: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Answers correctly, but late. */
  | { readonly type: 'delay'; readonly delayMs: number }
  /** Announces the whole length, sends this much, then closes the connection. */
  | { readonly type: 'truncate'; readonly afterBytes: number }
  /** Sends this much, then nothing, and keeps the connection open. */
  | { readonly type: 'stall'; readonly afterBytes: number }
  /** Closes the connection without any answer. */
  | { readonly type: 'disconnect' }
  /** Sends a body in which one byte differs; the length is right, the digest is not. */
  | { readonly type: 'corrupt'; readonly atByte: number }
  /** Sends the right body under a `Docker-Content-Digest` that is not its own. */
  | { readonly type: 'wrong-digest-header' }
  /** Ignores `Range` and sends everything with status 200. */
  | { readonly type: 'ignore-range' }
  /** Sends the client elsewhere. */
  | { readonly type: 'redirect'; readonly location: string }

/** When to misbehave, and how. The first rule that matches a request and is not used up is taken. */
export interface FaultRule {
  readonly fault: Fault
  readonly kind?: RequestKind
  readonly method?: string
  readonly repository?: string
  readonly reference?: string
  /** How many requests it hits; all where not given. */
  readonly times?: number
}

/** Picks faults for requests by a list of rules and counts them down. */
export class FaultPlan {
  readonly #rules: { readonly rule: FaultRule; left: number }[]

  constructor(rules: readonly FaultRule[]) {
    this.#rules = rules.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }))
  }

  /** Adds a rule while the registry runs; it is asked after those already there. */
  add(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY })
  }

  /** Forgets all rules: from now on every request is answered correctly. */
  clear(): void {
    this.#rules.length = 0
  }

  /** The fault for this request, or undefined to answer it correctly. */
  take(request: RegistryRequest): Fault | undefined {
    const found = this.#rules.find(({ rule, left }) => left > 0 && matches(rule, request))
    if (found === undefined) return undefined
    found.left -= 1
    return found.rule.fault
  }
}

function matches(rule: FaultRule, request: RegistryRequest): boolean {
  const wanted = [rule.kind, rule.method, rule.repository, rule.reference]
  const actual = [request.kind, request.method, request.repository, request.reference]
  return wanted.every((value, index) => value === undefined || value === actual[index])
}
