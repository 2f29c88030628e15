// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import { runtimeConfigFor } from './capabilities.ts'
import type { NetworkList, PluginConfig } from './config.ts'
import {
  type Attachment,
  type CniCommand,
  findPlugin,
  hasPluginCode,
  type InvokeOptions,
  invokePlugin,
} from './invoke.ts'
import type { JsonObject } from './json.ts'
import { type CniResult, parseResult } from './result.ts'
import { isAtLeast } from './version.ts'

/** What one execution of a plugin came to; for logs and metrics. */
export interface InvocationFact {
  readonly command: CniCommand
  readonly plugin: string
  readonly network: string
  readonly sandboxId: string | undefined
  readonly durationMs: number
  readonly error: unknown
}

/** How plugins are run for one operation: every plugin of it shares the one deadline. */
export interface Runner {
  readonly pluginDirs: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Monotonic clock in ms. */
  readonly now: () => number
  /** On the clock of `now`. */
  readonly deadline: number
  readonly signal: AbortSignal
  /** Awaited before each start of a process. */
  readonly turn: () => Promise<void>
  readonly onInvocation: (fact: InvocationFact) => void
}

/** What ADD, DEL and CHECK of a list have in common. */
export interface ListAttachment {
  readonly attachment: Attachment
  readonly capabilityArgs: JsonObject
}

/** A plugin beside its binary. */
export interface LocatedPlugin {
  readonly plugin: PluginConfig
  readonly path: string
}

/** Finds all binaries of a list before any is run, so that a missing one leaves nothing to undo. Throws as findPlugin. */
export async function locatePlugins(
  list: NetworkList,
  pluginDirs: readonly string[],
): Promise<readonly LocatedPlugin[]> {
  return await Promise.all(
    list.plugins.map(async (plugin) => ({ plugin, path: await findPlugin(plugin.type, pluginDirs) })),
  )
}

/** How far an ADD got: what a failure has to undo. */
export interface AddProgress {
  /** The plugins that were run, the one that failed among them. */
  readonly attempted: LocatedPlugin[]
  /** The result of the last plugin that succeeded. */
  result: CniResult | undefined
}

/**
 * ADD in list order, each plugin with its predecessor's result; the last result is returned (CNI spec, section 3).
 * `progress` is kept up to date, also when it throws.
 */
export async function addList(
  list: NetworkList,
  located: readonly LocatedPlugin[],
  to: ListAttachment,
  runner: Runner,
  progress: AddProgress,
): Promise<CniResult> {
  for (const target of located) {
    progress.attempted.push(target)
    const stdin = pluginDocument(list, target.plugin, to.capabilityArgs, progress.result?.raw)
    const stdout = await execute('ADD', list, target, stdin, runner, to.attachment)
    progress.result = parsePluginResult(stdout, list, target)
  }
  if (progress.result === undefined) throw new GantryError('internal', { action: 'cni ADD', reason: 'no plugins' })
  return progress.result
}

/** DEL in reverse order, up to the first error (CNI spec, section 3). `result` is the final one of ADD, if it is known. */
export async function delList(
  list: NetworkList,
  from: ListAttachment,
  result: JsonObject | undefined,
  runner: Runner,
): Promise<void> {
  for (const plugin of list.plugins.toReversed()) {
    const target = { plugin, path: await findPlugin(plugin.type, runner.pluginDirs) }
    await delOne(list, target, from, result, runner)
  }
}

/**
 * Undoes a failed ADD: DEL of every attempted plugin, newest first, whatever the others say; they get the last result
 * there was, since some (firewall) find what they made only by it. Returns the failures.
 */
export async function undoAdd(
  list: NetworkList,
  progress: AddProgress,
  from: ListAttachment,
  runner: Runner,
): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  for (const target of progress.attempted.toReversed()) {
    await delOne(list, target, from, progress.result?.raw, runner).catch((error) => failures.push(error))
  }
  return failures
}

async function delOne(
  list: NetworkList,
  target: LocatedPlugin,
  from: ListAttachment,
  result: JsonObject | undefined,
  runner: Runner,
): Promise<void> {
  // before 0.4.0 DEL had no prevResult
  const prevResult = isAtLeast(list.cniVersion, '0.4.0') ? result : undefined
  const stdin = pluginDocument(list, target.plugin, from.capabilityArgs, prevResult)
  try {
    await execute('DEL', list, target, stdin, runner, from.attachment)
  } catch (error) {
    // 3: the plugin does not know the container, nothing is left to clean up
    if (!hasPluginCode(error, 3)) throw error
  }
}

/** CHECK in list order with ADD's result. */
export async function checkList(
  list: NetworkList,
  of: ListAttachment,
  result: JsonObject,
  runner: Runner,
): Promise<void> {
  for (const target of await locatePlugins(list, runner.pluginDirs)) {
    const stdin = pluginDocument(list, target.plugin, of.capabilityArgs, result)
    await execute('CHECK', list, target, stdin, runner, of.attachment)
  }
}

/** STATUS in list order, up to the first error. Lists before 1.1.0 have no such verb: their binaries are looked for. */
export async function statusOfList(list: NetworkList, runner: Runner): Promise<void> {
  const located = await locatePlugins(list, runner.pluginDirs)
  if (!isAtLeast(list.cniVersion, '1.1.0')) return
  for (const target of located) {
    await execute('STATUS', list, target, pluginDocument(list, target.plugin, {}, undefined), runner)
  }
}

/** GC of a list: every plugin hears which attachments are valid. Returns the failures, one a plugin at most. */
export async function gcList(
  list: NetworkList,
  valid: readonly { readonly containerID: string; readonly ifname: string }[],
  runner: Runner,
): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  for (const plugin of list.plugins) {
    const document = {
      ...documentOf(list, plugin, {}, undefined),
      'cni.dev/valid-attachments': valid,
      // the key of the drafts of 1.1.0, which libcni sends as well
      'cni.dev/attachments': valid,
    }
    await findPlugin(plugin.type, runner.pluginDirs)
      .then((path) => execute('GC', list, { plugin, path }, JSON.stringify(document), runner))
      .catch((error) => failures.push(error))
  }
  return failures
}

function pluginDocument(
  list: NetworkList,
  plugin: PluginConfig,
  capabilityArgs: JsonObject,
  prevResult: JsonObject | undefined,
): string {
  return JSON.stringify(documentOf(list, plugin, capabilityArgs, prevResult))
}

/** CNI spec 1.1.0, section 3, "Deriving request configuration from plugin configuration". */
function documentOf(
  list: NetworkList,
  plugin: PluginConfig,
  capabilityArgs: JsonObject,
  prevResult: JsonObject | undefined,
): JsonObject {
  const { capabilities: _declared, ...body } = plugin.body
  const runtimeConfig = runtimeConfigFor(plugin, capabilityArgs)
  return {
    ...body,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(runtimeConfig === undefined ? {} : { runtimeConfig }),
    ...(prevResult === undefined ? {} : { prevResult }),
  }
}

async function execute(
  command: CniCommand,
  list: NetworkList,
  { plugin, path }: LocatedPlugin,
  stdin: string,
  runner: Runner,
  attachment?: Attachment,
): Promise<string> {
  const started = runner.now()
  const told = { command, plugin: plugin.type, network: list.name, sandboxId: attachment?.containerId }
  const options: InvokeOptions = { ...runner, timeoutMs: Math.max(0, runner.deadline - started) }
  try {
    const stdout = await invokePlugin(
      { command, type: plugin.type, network: list.name, path, stdin, attachment },
      options,
    )
    runner.onInvocation({ ...told, durationMs: runner.now() - started, error: undefined })
    return stdout
  } catch (error) {
    runner.onInvocation({ ...told, durationMs: runner.now() - started, error })
    throw error
  }
}

function parsePluginResult(stdout: string, list: NetworkList, { plugin }: LocatedPlugin): CniResult {
  try {
    return parseResult(stdout, list.cniVersion)
  } catch (cause) {
    const action = `cni ADD ${JSON.stringify(plugin.type)} (network ${JSON.stringify(list.name)})`
    throw new GantryError('internal', { action, stage: 'cni_add', cause })
  }
}
