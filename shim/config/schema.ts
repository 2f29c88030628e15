// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import { RLIMITS_FORM } from '../translate/rlimits.ts'

/** The daemon's configuration, checked and complete. */
export interface GantryConfig {
  readonly listen: string
  readonly root: string
  readonly state: string
  readonly cniConfDir: string
  readonly cniBinDir: string
  readonly registryConfigDir: string
  readonly cdiSpecDirs: string
  /** References, separated by commas; `*` stands for any text. */
  readonly pinnedImages: string
  /** Over the standard ones: translate/rlimits.ts. */
  readonly defaultRlimits: string
  readonly ignoreBlockioNotEnabledErrors: boolean
  readonly ignoreRdtNotEnabledErrors: boolean
  readonly streamingListen: string
  /** Both "" for plain HTTP. */
  readonly streamingTlsCert: string
  readonly streamingTlsKey: string
  readonly streamingIdleTimeoutMs: number
  readonly metricsListen: string
  readonly cgroupDriver: 'cgroupfs' | 'systemd'
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  readonly maxLogLineBytes: number
  readonly cniTimeoutMs: number
  readonly imagePullProgressTimeoutMs: number
  readonly launchDeadlineMs: number
  /** "" where this daemon is the node's only runtime. */
  readonly upstreamEndpoint: string
  /** Values of `runtime_handler` that are run here, beside the upstream. */
  readonly upstreamHandlers: readonly string[]
}

type Key = keyof GantryConfig

interface Option<K extends Key = Key> {
  /** Key of the TOML file, and with `--` the flag where `flag` is true. */
  readonly name: string
  readonly flag: boolean
  readonly standard: GantryConfig[K]
  readonly parse: (value: unknown) => GantryConfig[K]
  /** For --help and docs. */
  readonly about: string
}

/** Every option there is: flags, file keys, defaults and their documentation. */
export const OPTIONS: { readonly [K in Key]: Option<K> } = {
  listen: text('listen', 'unix:///run/gantry/gantry.sock', /^unix:\/\/\/./, 'unix:///path', 'the CRI endpoint'),
  root: path('root', '/var/lib/gantry', 'images, layers and records: survives a reboot'),
  state: path('state', '/run/gantry', 'runtime state of pods: a tmpfs'),
  cniConfDir: path('cni-conf-dir', '/etc/cni/net.d', 'where network configurations are'),
  cniBinDir: text('cni-bin-dir', '/opt/cni/bin', /^\//, 'absolute paths, separated by ":"', 'where CNI plugins are'),
  registryConfigDir: text(
    'registry-config-dir',
    '/etc/gantry/certs.d',
    /^\//,
    'an absolute path',
    'hosts.toml files of registries',
  ),
  cdiSpecDirs: text(
    'cdi-spec-dirs',
    '/etc/cdi:/var/run/cdi',
    /^\/[^:]*(:\/[^:]*)*$/,
    'absolute paths, separated by ":"',
    'CDI devices; a later directory wins',
  ),
  pinnedImages: text(
    'pinned-images',
    '',
    /^$|^[^\s,]+(,[^\s,]+)*$/,
    'references separated by ","',
    'images that the kubelet shall not collect; "*" stands for any text',
  ),
  defaultRlimits: text(
    'default-rlimits',
    '',
    RLIMITS_FORM,
    'NAME=SOFT:HARD or NAME=BOTH, such as NOFILE=1024:524288, separated by ","',
    'resource limits of containers, over the standard ones; never those of the daemon',
  ),
  ignoreBlockioNotEnabledErrors: yesOrNo(
    'ignore-blockio-not-enabled-errors',
    'run containers that ask for a blockio class without it, rather than refuse them',
  ),
  ignoreRdtNotEnabledErrors: yesOrNo(
    'ignore-rdt-not-enabled-errors',
    'run containers that ask for an RDT class without it, rather than refuse them',
  ),
  streamingListen: text(
    'streaming-listen',
    '127.0.0.1:0',
    /:\d+$/,
    'address:port',
    'exec, attach and port-forward; port 0: any',
  ),
  streamingTlsCert: text(
    'streaming-tls-cert',
    '',
    /^$|^\//,
    'an absolute path or ""',
    'PEM certificate for streaming; "" is plain HTTP',
  ),
  streamingTlsKey: text('streaming-tls-key', '', /^$|^\//, 'an absolute path or ""', 'PEM key of that certificate'),
  streamingIdleTimeoutMs: whole(
    'streaming-idle-timeout-ms',
    14_400_000,
    1000,
    2_000_000_000,
    'how long a stream may be silent in both directions',
  ),
  metricsListen: text(
    'metrics-listen',
    '127.0.0.1:9580',
    /^$|:\d+$|^unix:\//,
    'address:port, unix:/path or ""',
    'Prometheus metrics; "" turns them off',
  ),
  cgroupDriver: oneOf(
    'cgroup-driver',
    'cgroupfs',
    ['cgroupfs', 'systemd'],
    'who makes cgroups; the kubelet must agree',
  ),
  logLevel: oneOf('log-level', 'info', ['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'what is logged'),
  maxLogLineBytes: whole(
    'max-log-line-bytes',
    16384,
    256,
    65536,
    'longer log lines are written in pieces of this size',
  ),
  cniTimeoutMs: whole('cni-timeout-ms', 60_000, 100, 600_000, 'how long attaching a pod to its network may take'),
  imagePullProgressTimeoutMs: whole(
    'image-pull-progress-timeout-ms',
    60_000,
    100,
    3_600_000,
    'how long a registry may send nothing before another try, and in the end the pull, is given up',
  ),
  launchDeadlineMs: whole('launch-deadline-ms', 60_000, 100, 600_000, 'how long the start of a process may take'),
  upstreamEndpoint: text(
    'upstream-endpoint',
    '',
    /^$|^unix:\/\/\/./,
    'unix:///path or ""',
    'the node’s own runtime, for all pods that are not ours; "": there is none',
  ),
  upstreamHandlers: list(
    'upstream-handlers',
    ['gantry'],
    /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$/,
    'handlers of RuntimeClasses; "" is that of pods without one',
    'the handlers that are run here; without upstream-endpoint pods without a class are too',
  ),
}

const OPTION_ENTRIES = Object.entries(OPTIONS) as readonly [Key, Option][]

/**
 * Puts a configuration together: flags over file over defaults.
 *
 * @param file The parsed TOML file. @param flags Values by flag name without the dashes.
 * @throws GantryError `invalid_argument` naming key, value and what was expected; also for an unknown key.
 */
export function buildConfig(
  file: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, string | undefined>>,
): GantryConfig {
  const known = new Set(OPTION_ENTRIES.map(([, { name }]) => name))
  const given = flatten(file)
  for (const key of Object.keys(given)) {
    if (!known.has(key)) {
      throw new GantryError('invalid_argument', { action: 'read configuration', subject: key, reason: 'unknown key' })
    }
  }
  const values = OPTION_ENTRIES.map(([key, { name, standard, parse }]) => {
    const value = flags[name] ?? given[name]
    return [key, value === undefined ? standard : parse(value)]
  })
  return coherent(Object.fromEntries(values) as GantryConfig)
}

/** A table is the beginning of its keys: `endpoint` in `[upstream]` is `upstream-endpoint`. */
function flatten(table: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(table).flatMap(([key, value]): [string, unknown][] => {
    if (!isTable(value)) return [[key, value]]
    return Object.entries(flatten(value)).map(([inner, leaf]) => [`${key}-${inner}`, leaf])
  })
  return Object.fromEntries(entries)
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

/** What no single value can tell. */
function coherent(config: GantryConfig): GantryConfig {
  if ((config.streamingTlsCert === '') !== (config.streamingTlsKey === '')) {
    throw new GantryError('invalid_argument', {
      action: 'read configuration',
      subject: config.streamingTlsCert === '' ? 'streaming-tls-cert' : 'streaming-tls-key',
      reason: 'it is missing: certificate and key go together',
    })
  }
  if (config.upstreamEndpoint !== '' && config.upstreamEndpoint === config.listen) {
    throw refuse('upstream-endpoint', config.upstreamEndpoint, 'another socket than the one this daemon listens on')
  }
  return config
}

function refuse(name: string, value: unknown, expected: string): GantryError {
  return new GantryError('invalid_argument', {
    action: 'read configuration',
    subject: name,
    reason: `${JSON.stringify(value)}: expected ${expected}`,
  })
}

function text(name: string, standard: string, form: RegExp, expected: string, about: string) {
  const parse = (value: unknown): string => {
    if (typeof value !== 'string' || !form.test(value) || value.includes('\0')) throw refuse(name, value, expected)
    return value
  }
  return { name, flag: true, standard, parse, about }
}

function path(name: string, standard: string, about: string) {
  return text(name, standard, /^\/./, 'an absolute path', about)
}

function list(name: string, standard: readonly string[], form: RegExp, expected: string, about: string) {
  const parse = (value: unknown): readonly string[] => {
    const items: unknown = typeof value === 'string' ? value.split(',') : value
    const isList = Array.isArray(items) && items.every((item) => typeof item === 'string' && form.test(item))
    if (!isList) throw refuse(name, value, expected)
    return items
  }
  return { name, flag: true, standard, parse, about }
}

function oneOf<const T extends string>(name: string, standard: NoInfer<T>, allowed: readonly T[], about: string) {
  const parse = (value: unknown): T => {
    const found = allowed.find((candidate) => candidate === value)
    if (found === undefined) throw refuse(name, value, allowed.join(', '))
    return found
  }
  return { name, flag: true, standard, parse, about }
}

/** Off unless it is asked for. */
function yesOrNo(name: string, about: string) {
  const parse = (value: unknown): boolean => {
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    throw refuse(name, value, 'true or false')
  }
  return { name, flag: true, standard: false, parse, about }
}

function whole(name: string, standard: number, min: number, max: number, about: string) {
  const parse = (value: unknown): number => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) {
      throw refuse(name, value, `a whole number from ${min} to ${max}`)
    }
    return number
  }
  return { name, flag: true, standard, parse, about }
}
