// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import type { Container } from '../container/container.ts'
import type { Sandbox } from '../pod/sandbox.ts'

/** Every sandbox and container of the node, in memory. Requests may name one by an unambiguous beginning of its id. */
export class Objects {
  readonly sandboxes = new Map<string, Sandbox>()
  readonly containers = new Map<string, Container>()

  /** @throws GantryError `not_found`; `invalid_argument` for an empty or ambiguous id. */
  sandbox(id: string): Sandbox {
    return required(this.sandboxes, id, 'sandbox')
  }

  /** @throws GantryError `not_found`; `invalid_argument` for an empty or ambiguous id. */
  container(id: string): Container {
    return required(this.containers, id, 'container')
  }

  /** Undefined where there is none. @throws GantryError `invalid_argument` for an empty or ambiguous id. */
  findSandbox(id: string): Sandbox | undefined {
    return find(this.sandboxes, id, 'sandbox')
  }

  /** Undefined where there is none. @throws GantryError `invalid_argument` for an empty or ambiguous id. */
  findContainer(id: string): Container | undefined {
    return find(this.containers, id, 'container')
  }

  sandboxByName(uniqueName: string): Sandbox | undefined {
    return this.sandboxes.values().find(({ record }) => record.uniqueName === uniqueName)
  }

  containerByName(uniqueName: string): Container | undefined {
    return this.containers.values().find(({ record }) => record.uniqueName === uniqueName)
  }

  containersOf(sandboxId: string): Container[] {
    return [...this.containers.values()].filter(({ record }) => record.sandboxId === sandboxId)
  }
}

function required<T>(all: ReadonlyMap<string, T>, id: string, kind: string): T {
  const found = find(all, id, kind)
  if (found === undefined) throw new GantryError('not_found', { action: `find ${kind}`, subject: id })
  return found
}

function find<T>(all: ReadonlyMap<string, T>, id: string, kind: string): T | undefined {
  const exact = all.get(id)
  if (exact !== undefined) return exact
  if (id === '') {
    throw new GantryError('invalid_argument', { action: `find ${kind}`, reason: `the ${kind} id is empty` })
  }
  const matches = [...all.keys()].filter((key) => key.startsWith(id))
  if (matches.length > 1) {
    throw new GantryError('invalid_argument', {
      action: `find ${kind}`,
      subject: id,
      reason: `it is the beginning of ${matches.length} ids`,
    })
  }
  return matches[0] === undefined ? undefined : all.get(matches[0])
}
