// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/** Which classes a container may ask for in vain. */
export interface IgnoredClasses {
  readonly blockio: boolean
  readonly rdt: boolean
}

export interface ClassRequest {
  readonly containerName: string
  readonly containerAnnotations: Readonly<Record<string, string>>
  readonly podAnnotations: Readonly<Record<string, string>>
}

/** The names that containerd and CRI-O read, so that a pod need not tell runtimes apart. */
const KINDS = {
  blockio: { own: 'io.kubernetes.cri.blockio-class', pod: 'blockio.resources.beta.kubernetes.io' },
  rdt: { own: 'io.kubernetes.cri.rdt-class', pod: 'rdt.resources.beta.kubernetes.io' },
} as const

/**
 * Checks that a container asks for no blockio or RDT class, as this node has none: a workload that was promised its share
 * of disk or cache must not run without it unknowingly. The configuration may say that it shall.
 *
 * @throws GantryError failed_precondition naming annotation and class.
 */
export function checkResourceClasses(request: ClassRequest, ignored: IgnoredClasses): void {
  for (const kind of ['blockio', 'rdt'] as const) {
    const asked = ignored[kind] ? undefined : askedFor(kind, request)
    if (asked === undefined) continue
    throw new GantryError('failed_precondition', {
      action: `give container its ${kind} class`,
      subject: asked.name,
      reason: `${asked.annotation} asks for it, and ${kind} is not enabled`,
      hint: `ignore-${kind}-not-enabled-errors lets such containers run without`,
    })
  }
}

/** The container's own annotation, else the pod's for this container, else the pod's for all. */
function askedFor(kind: keyof typeof KINDS, { containerName, containerAnnotations, podAnnotations }: ClassRequest) {
  const { own, pod } = KINDS[kind]
  const candidates = [
    [own, containerAnnotations[own]],
    [`${pod}/container.${containerName}`, podAnnotations[`${pod}/container.${containerName}`]],
    [`${pod}/pod`, podAnnotations[`${pod}/pod`]],
  ] as const
  const [annotation, name] = candidates.find(([, value]) => value !== undefined) ?? []
  return annotation === undefined || name === undefined || name === '' ? undefined : { annotation, name }
}
