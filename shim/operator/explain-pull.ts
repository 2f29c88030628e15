// SPDX-License-Identifier: Apache-2.0
import { parseReference, type Reference } from '../image/reference.ts'
import type { Endpoint } from '../image/registry/endpoint.ts'
import { type HostList, loadHosts } from '../image/registry/hosts.ts'
import { type Column, formatTable } from './table.ts'

/** One address that a pull asks, in its turn. */
export interface PullStep {
  readonly url: string
  /** What it is asked for: names to digests, content, or both. */
  readonly for: readonly ('resolve' | 'pull')[]
  /** What is unusual about it. */
  readonly notes: readonly string[]
}

export interface PullExplanation {
  readonly reference: string
  /** The file or directory that decided; undefined: the rules that are built in. */
  readonly decidedBy: string | undefined
  readonly steps: readonly PullStep[]
}

/**
 * `gantry explain-pull IMAGE`: which addresses a pull of the image asks, in which order, and what decided that. Reads what
 * the daemon would read, and asks no registry.
 *
 * @param configDirs As the daemon has them: `registry-config-dir`.
 * @throws GantryError invalid_argument for what is no reference; failed_precondition naming a file that cannot be used.
 */
export async function explainPull(
  text: string,
  configDirs: readonly string[],
): Promise<{ explanation: PullExplanation; text: string }> {
  const reference = parseReference(text)
  const hosts = await loadHosts(reference.domain, configDirs)
  const explanation = explain(reference, hosts)
  return { explanation, text: format(explanation, reference, configDirs) }
}

function explain(reference: Reference, { endpoints, source }: HostList): PullExplanation {
  return {
    reference: reference.text,
    decidedBy: source,
    steps: endpoints.map((endpoint) => ({
      url: manifestUrl(endpoint, reference),
      for: [...(endpoint.canResolve ? (['resolve'] as const) : []), ...(endpoint.canPull ? (['pull'] as const) : [])],
      notes: notesOn(endpoint),
    })),
  }
}

/** Distribution specification, "Pulling manifests"; `ns` tells a mirror which registry it stands for. */
function manifestUrl({ base, namespace }: Endpoint, { path, tag, digest }: Reference): string {
  const url = new URL(`${base}/${path}/manifests/${digest ?? tag ?? 'latest'}`)
  if (namespace !== undefined) url.searchParams.set('ns', namespace)
  return url.href
}

/** Headers by name only: their values may be secrets. */
function notesOn({ base, tls, headers, dialTimeoutMs }: Endpoint): string[] {
  const names = Object.keys(headers)
  return [
    ...(base.startsWith('https:') && !tls.verify ? ['certificate not verified'] : []),
    ...(tls.ca.length > 0 ? ['own authority'] : []),
    ...(tls.clients.length > 0 ? ['client certificate'] : []),
    ...(names.length > 0 ? [`headers ${names.join(', ')}`] : []),
    ...(dialTimeoutMs === undefined ? [] : [`gives up connecting after ${dialTimeoutMs} ms`]),
  ]
}

function format({ decidedBy, steps }: PullExplanation, { text, domain }: Reference, configDirs: readonly string[]) {
  const origin =
    decidedBy === undefined
      ? `decided by built-in rules: no directory for ${domain} and no _default in ${configDirs.join(' or ')}`
      : `decided by ${decidedBy}`
  const rows = steps.map((step, index) => ({ ...step, turn: String(index + 1) }))
  const columns: readonly Column<(typeof rows)[number]>[] = [
    { title: 'TURN', show: ({ turn }) => turn },
    { title: 'URL', show: ({ url }) => url },
    { title: 'FOR', show: (step) => step.for.join(', ') },
    { title: 'NOTES', show: ({ notes }) => notes.join('; ') },
  ]
  return `${text}\n${origin}\n\n${formatTable(columns, rows)}`
}
