// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CniConfigurations } from './discover.ts'
import type { JsonObject } from './json.ts'
import { PodNetwork, type PodNetworkOptions } from './network.ts'

/** What a fake plugin saw of one call. */
export interface SeenCall {
  readonly plugin: string
  readonly command: string
  readonly containerId: string
  readonly netns: string
  readonly ifName: string
  readonly args: string
  readonly path: string
  readonly stdin: JsonObject
}

/** A node in a temporary directory: plugins that are shell scripts, a configuration directory, a cache. */
export class FakeNode {
  readonly root: string
  readonly binDir: string
  readonly confDir: string
  readonly cacheDir: string

  private constructor(root: string) {
    this.root = root
    this.binDir = join(root, 'bin')
    this.confDir = join(root, 'net.d')
    this.cacheDir = join(root, 'cni')
  }

  static async create(): Promise<FakeNode> {
    const node = new FakeNode(await mkdtemp(join(tmpdir(), 'gantry-cni-')))
    await mkdir(node.binDir)
    await mkdir(node.confDir)
    return node
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }

  /** Installs a plugin: `body` runs after the call was noted; `$in` holds standard input, `$ROOT` the root. */
  async plugin(name: string, body: string): Promise<string> {
    const path = join(this.binDir, name)
    const note = `printf '%s\\t' ${name} "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_NETNS" "$CNI_IFNAME" "$CNI_ARGS" "$CNI_PATH"`
    const head = `#!/bin/sh\nROOT='${this.root}'\nin=$(cat)\nline=$(${note})\nprintf '%s%s\\n' "$line" "$in" >> "$ROOT/calls"\n`
    await writeFile(path, `${head}${body}\n`, { mode: 0o755 })
    return path
  }

  /** A plugin that answers ADD with `result` and everything else with success. */
  async answering(name: string, result: unknown): Promise<string> {
    return await this.plugin(name, `[ "$CNI_COMMAND" = ADD ] && echo '${JSON.stringify(result)}'\nexit 0`)
  }

  async conf(file: string, content: unknown): Promise<void> {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    await writeFile(join(this.confDir, file), text)
  }

  /** All calls so far, in order. */
  async calls(): Promise<readonly SeenCall[]> {
    const text = await readFile(join(this.root, 'calls'), 'utf8').catch(() => '')
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [plugin = '', command = '', containerId = '', netns = '', ifName = '', args = '', path = '', stdin = ''] =
          line.split('\t')
        return { plugin, command, containerId, netns, ifName, args, path, stdin: JSON.parse(stdin || '{}') }
      })
  }

  /** `PLUGIN COMMAND` of all calls so far. */
  async order(): Promise<readonly string[]> {
    return (await this.calls()).map(({ plugin, command }) => `${plugin} ${command}`)
  }
}

/** Polls until `seen` is true; for what no event tells. Throws after five seconds. */
export async function until(what: string, seen: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000
  while (!(await seen())) {
    if (performance.now() > deadline) throw new Error(`not within 5 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Resolves to what the promise rejects with; throws when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof Error) return outcome
  throw new Error('it did not fail')
}

// The pod and the plugin's answer that most tests are about.
export const netnsPath = '/proc/self/ns/net'
export const patience = { deadlineMs: 10_000 }
export const pod = { sandboxId: 'abc', netnsPath, name: 'web', namespace: 'default', uid: 'u1' }
export const answer = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', sandbox: '/ns' }],
  ips: [{ interface: 0, address: '10.9.0.2/24' }],
}
export const list = (version: string, ...plugins: object[]) => ({ cniVersion: version, name: 'podnet', plugins })

/** The pod network of a node, with its configuration read. */
export async function networkOf(node: FakeNode, more: Partial<PodNetworkOptions> = {}): Promise<PodNetwork> {
  const configurations = new CniConfigurations({ dir: node.confDir })
  await configurations.refresh()
  return new PodNetwork({
    configurations,
    pluginDirs: [node.binDir],
    cacheDir: node.cacheDir,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    now: () => performance.now(),
    ipPreference: 'ipv4',
    parallel: 16,
    cleanupTimeoutMs: 10_000,
    statusTimeoutMs: 10_000,
    statusMaxAgeMs: 5000,
    ...more,
  })
}

/** Names of the attachments on record. */
export const records = (node: FakeNode) => readdir(join(node.cacheDir, 'results'))
