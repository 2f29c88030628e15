// SPDX-License-Identifier: Apache-2.0
import { FACT_NAMES, type FactName, type Facts, subscribe } from './channels.ts'

/** What printFacts needs of a logger: pino's own levels and argument order. */
export interface FactLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

type Level = keyof FactLogger
type Line = readonly [level: Level, message: string]

/** The level and the words of each fact; its fields are printed beside them as they are. */
const LINES: { readonly [Name in FactName]: (fact: Facts[Name]) => Line } = {
  DaemonReady: () => ['info', 'ready'],
  RpcStarted: () => ['debug', 'rpc started'],
  RpcFinished: ({ method, code }) => [rpcLevel(method, code), 'rpc finished'],
  SandboxStateChanged: ({ to }) => ['info', `sandbox ${to}`],
  ContainerStateChanged: ({ to }) => [to === 'unknown' ? 'warn' : 'info', `container ${to}`],
  StageFinished: ({ outcome }) => [outcome === 'ok' ? 'debug' : 'warn', 'stage finished'],
  ImagePullStarted: () => ['info', 'image pull started'],
  ImagePullFinished: ({ outcome }) => [outcome === 'ok' ? 'info' : 'warn', 'image pull finished'],
  LayerUnpacked: () => ['debug', 'layer unpacked'],
  ImageRemoved: () => ['info', 'image removed'],
  OomKilled: () => ['warn', 'container out of memory'],
  KeeperStarted: () => ['debug', 'keeper started'],
  KeeperLost: () => ['error', 'keeper lost'],
  LeakFound: ({ removed }) => [removed ? 'warn' : 'error', removed ? 'leak removed' : 'leak found'],
  IntentRolledBack: ({ outcome }) => [outcome === 'ok' ? 'info' : 'error', 'unfinished operation rolled back'],
  ConditionChanged: ({ ready }) => [ready ? 'info' : 'warn', 'condition changed'],
}

/** Reading calls come every second from every kubelet: they are worth a line only when they fail. */
const READING =
  /^(Version|Status|RuntimeConfig|ImageFsInfo|ImageStatus|List|Stream|PodSandboxStat|ContainerStat|GetContainerEvents)/
/** Failures that are our fault rather than the caller's. */
const OURS = new Set(['UNKNOWN', 'INTERNAL', 'DATA_LOSS'])

/**
 * Prints every fact through the logger, one line each, with the fact's name in `fact`. Returns the function that ends it.
 */
export function printFacts(logger: FactLogger): () => void {
  const endings = FACT_NAMES.map((name) => printOne(name, logger))
  return () => {
    for (const end of endings) end()
  }
}

function printOne<Name extends FactName>(name: Name, logger: FactLogger): () => void {
  return subscribe(name, (fact) => {
    const [level, message] = LINES[name](fact)
    logger[level]({ fact: name, ...fact }, message)
  })
}

function rpcLevel(method: string, code: string): Level {
  if (code === 'OK') return READING.test(method) ? 'debug' : 'info'
  if (OURS.has(code)) return 'error'
  // The kubelet asks for things it has just removed all day long.
  return code === 'NOT_FOUND' || code === 'CANCELLED' || code === 'UNIMPLEMENTED' ? 'info' : 'warn'
}
