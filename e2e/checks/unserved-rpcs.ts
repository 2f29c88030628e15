// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ImageServiceService, RuntimeServiceService } from '../../cri-proto/index.ts'
import type { RuntimeNode } from '../../shim/node/node.ts'
import { imageService } from '../../shim/server/image-service.ts'
import { runtimeService } from '../../shim/server/runtime-service.ts'
import type { StreamingServer } from '../../shim/streaming/server.ts'
import type { Check } from './check.ts'

const PAGE = 'README.md'
/** Between these lines the page names RPCs in backquotes. */
const SECTION = /<!-- unserved RPCs -->(.*?)<!-- end -->/s

export const unservedRpcs: Check = {
  name: `${PAGE} names exactly the RPCs that are not served`,
  findProblems: async (root) => unservedProblems(unserved(), await readFile(join(root, PAGE), 'utf8')),
}

/** What the page names wrongly, and what it does not name. */
export function unservedProblems(unserved: readonly string[], page: string): string[] {
  const named = new Set([...(SECTION.exec(page)?.[1] ?? '').matchAll(/`([A-Z]\w+)`/g)].map(([, name = '']) => name))
  return [
    ...unserved.filter((name) => !named.has(name)).map((name) => `${PAGE} does not say that ${name} is not served`),
    ...[...named].filter((name) => !unserved.includes(name)).map((name) => `${PAGE} says that ${name} is not served`),
  ]
}

function unserved(): string[] {
  // The handlers are asked for their names only; none is called, so none needs a node.
  const node = {} as RuntimeNode
  const streaming = {} as StreamingServer
  const served = new Set([...Object.keys(runtimeService(node, streaming)), ...Object.keys(imageService(node))])
  const all = [...Object.keys(RuntimeServiceService), ...Object.keys(ImageServiceService)]
  return all.filter((name) => !served.has(name)).map((name) => name.charAt(0).toUpperCase() + name.slice(1))
}
