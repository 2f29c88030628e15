// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { availableParallelism, hostname } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, pino } from 'pino'
import { ImageServiceService, RuntimeServiceService } from '../cri-proto/index.ts'
import { startMetrics } from '../metrics/index.ts'
import { type CgroupDriver, CgroupfsDriver } from '../runtime-core/cgroup/driver.ts'
import { SystemdDriver } from '../runtime-core/cgroup/systemd.ts'
import { GantryError, messageOf } from '../runtime-core/errors.ts'
import { KeeperSpawner } from '../runtime-core/keeper/spawn.ts'
import { loadLibseccomp } from '../runtime-core/kernel/libseccomp.ts'
import { ServiceNotifier } from '../runtime-core/kernel/sd-notify.ts'
import { StatePaths } from '../runtime-core/paths.ts'
import { SeccompCache } from '../runtime-core/plan/compile/seccomp-cache.ts'
import type { PodEnvironment } from '../runtime-core/pod.ts'
import { helpText, readCommandLine } from './config/load.ts'
import type { GantryConfig } from './config/schema.ts'
import { containerCodec } from './container/container.ts'
import { makeMountPointLayer } from './container/mount-points.ts'
import { Broadcast, EVENT_LIMITS } from './events/broadcast.ts'
import { publish } from './events/channels.ts'
import { sendContainerEvents } from './events/container-events.ts'
import { isJournal, withPriorities } from './events/journal.ts'
import { printFacts } from './events/print-facts.ts'
import { Images } from './image/index.ts'
import { hostPlatform } from './image/platform.ts'
import { DEFAULT_TIMEOUTS } from './image/registry/http.ts'
import { CniConfigurations } from './network/cni/discover.ts'
import { PodNetwork } from './network/cni/network.ts'
import { type HostReading, readHost } from './node/host.ts'
import { onContainerExit, onKeeperLost } from './node/losses.ts'
import type { RuntimeNode } from './node/node.ts'
import { Objects } from './node/objects.ts'
import { restorePodCidrs } from './node/pod-cidrs.ts'
import { population } from './node/population.ts'
import { sandboxCodec } from './pod/sandbox.ts'
import { GrpcServer } from './server/grpc.ts'
import { imageService } from './server/image-service.ts'
import { runtimeService } from './server/runtime-service.ts'
import { NodeStats } from './stats/node-stats.ts'
import { openDatabase } from './store/database.ts'
import { Inflight, KeyedLock } from './store/keyed-lock.ts'
import { RecordTable } from './store/record-table.ts'
import { recover } from './store/recover.ts'
import { StreamingServer } from './streaming/server.ts'
import { REMOTE_LIMITS } from './streaming/spdy-remote.ts'
import { containerCapabilities } from './translate/capabilities.ts'
import { containerRlimits } from './translate/rlimits.ts'
import { defaultSeccomp } from './translate/seccomp-default.ts'
import { BesideServer } from './upstream/beside.ts'
import { UpstreamRuntime } from './upstream/upstream.ts'
import { VERSION } from './version.ts'

const SHUTDOWN_GRACE_MS = 2000

/** gantryd: what exists and who knows whom. */
async function run(config: GantryConfig, notifier: ServiceNotifier, log: Logger): Promise<void> {
  const started = performance.now()
  const stopPrinting = printFacts(log)
  const upstream = await openUpstream(config, log)
  await mkdir(config.state, { recursive: true, mode: 0o711 })
  const host = await readHost()
  const cgroups =
    config.cgroupDriver === 'systemd' ? await SystemdDriver.open(host.cgroup) : new CgroupfsDriver(host.cgroup)
  const database = openDatabase(config.root)
  const spawner = new KeeperSpawner()
  spawner.start()
  const node = await assembleNode(config, host, cgroups, database, spawner, log)
  const server = upstream === undefined ? new GrpcServer(() => performance.now()) : besideServer(config, node, upstream)
  const streaming = streamingServer(config, log)
  await streaming.listen()
  server.add('RuntimeService', RuntimeServiceService, runtimeService(node, streaming))
  server.add('ImageService', ImageServiceService, imageService(node))

  const metrics = await startMetrics({
    listen: config.metricsListen,
    build: { version: VERSION, revision: '' },
    population: () => population(node),
    health: () => ({ ok: true, reason: '' }),
    now: () => performance.now(),
    onReadError: (error) => log.warn({ err: error }, 'metrics could not be read'),
  })
  await node.networkConfigurations.start()
  await node.network.killStragglers(config.cniTimeoutMs)
  await restorePodCidrs(node)
  await recover(node)
  await node.network.probe()
  const stopEvents = sendContainerEvents(node)
  await server.listen(config.listen)
  publish('DaemonReady', {
    version: VERSION,
    listen: config.listen,
    durationMs: performance.now() - started,
    sandboxes: node.objects.sandboxes.size,
    containers: node.objects.containers.size,
  })
  notifier.ready(`${node.objects.sandboxes.size} pods found at ${config.listen}`)

  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  log.info('stopping; containers go on running')
  notifier.stopping()
  // Subscriptions have no end of their own; closing would wait for them.
  node.events.close()
  await server.close(SHUTDOWN_GRACE_MS)
  await streaming.close()
  stopEvents()
  node.stats.close()
  await metrics.close()
  await node.networkConfigurations.close()
  node.images.close()
  for (const { pod } of node.objects.sandboxes.values()) pod?.disconnect()
  spawner.close()
  // The database is not closed: its WAL, which was grown while the disk had room, would be removed.
  stopPrinting()
}

/** The node's own runtime; undefined where we are it. */
async function openUpstream(config: GantryConfig, log: Logger): Promise<UpstreamRuntime | undefined> {
  if (config.upstreamEndpoint === '') return undefined
  return UpstreamRuntime.open({
    endpoint: config.upstreamEndpoint,
    driver: config.cgroupDriver,
    onTrouble: (error) => log.error({ err: messageOf(error) }, 'upstream and this daemon do not go together'),
  })
}

function besideServer(config: GantryConfig, node: RuntimeNode, upstream: UpstreamRuntime): BesideServer {
  const server = new BesideServer({
    upstream: upstream.connection,
    handlers: new Set(config.upstreamHandlers),
    objects: node.objects,
    images: node.images,
    refusal: () => upstream.refusal,
    now: () => performance.now(),
  })
  upstream.onBack(() => server.upstreamIsBack())
  return server
}

function streamingServer(config: GantryConfig, log: Logger): StreamingServer {
  const { streamingTlsCert: certPath, streamingTlsKey: keyPath } = config
  return new StreamingServer({
    listen: config.streamingListen,
    tls: certPath === '' ? undefined : { certPath, keyPath },
    nowMs: () => performance.now(),
    limits: { ...REMOTE_LIMITS, idleMs: config.streamingIdleTimeoutMs },
    onError: (error) => log.info({ err: messageOf(error) }, 'a stream ended early'),
  })
}

async function assembleNode(
  config: GantryConfig,
  host: HostReading,
  cgroups: CgroupDriver,
  database: DatabaseSync,
  spawner: KeeperSpawner,
  log: Logger,
): Promise<RuntimeNode> {
  const onLeftover = (what: string, subject: string, error: unknown): void => {
    log.warn({ what, subject, err: messageOf(error) }, 'something could not be cleaned up; it is tried again later')
  }
  const networkConfigurations = new CniConfigurations({ dir: config.cniConfDir })
  const seccomp = new SeccompCache({
    libraryVersion: loadLibseccomp().version,
    directory: join(config.root, 'seccomp'),
  })
  const pods: PodEnvironment = {
    paths: new StatePaths(config.state),
    spawner,
    host: host.core,
    compileSeccomp: (profile) => seccomp.compile(profile),
    compileCgroup: (path, resources = {}) => cgroups.compile(path, resources, { tolerateMissingHugetlb: true }),
    units: cgroups,
    onExit: (podId, record) => onContainerExit(node, podId, record),
    onKeeperLost: (podId, error) => onKeeperLost(node, podId, error),
    onRecordFailure: (bundle, error) => onLeftover('launch record', bundle, error),
    launchDeadlineMs: config.launchDeadlineMs,
  }
  const objects = new Objects()
  const now = () => BigInt(Date.now()) * 1_000_000n
  const images = new Images({
    root: config.root,
    db: database,
    bootId: host.bootId,
    platform: hostPlatform(process.arch, host.cpuinfo),
    registryConfigDirs: config.registryConfigDir.split(':'),
    pinned: config.pinnedImages.split(',').filter((reference) => reference !== ''),
    nowMs: () => Date.now(),
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
    proxyEnv: process.env,
    onError: (error) => onLeftover('image store', config.root, error),
    nodePath: process.execPath,
    timeouts: { ...DEFAULT_TIMEOUTS, stallMs: config.imagePullProgressTimeoutMs },
  })
  const node: RuntimeNode = {
    config,
    objects,
    sandboxTable: new RecordTable(database, sandboxCodec),
    containerTable: new RecordTable(database, containerCodec),
    pods,
    networkConfigurations,
    network: new PodNetwork({
      configurations: networkConfigurations,
      pluginDirs: config.cniBinDir.split(':'),
      cacheDir: join(config.root, 'cni'),
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
      now: () => performance.now(),
      ipPreference: 'ipv4',
      // Each plugin started costs the event loop 1–2 ms: more at once gains nothing on few cores.
      parallel: Math.max(4, 2 * availableParallelism()),
      cleanupTimeoutMs: config.cniTimeoutMs,
      statusTimeoutMs: 10_000,
      statusMaxAgeMs: 10_000,
    }),
    images,
    host: host.cri,
    hostname: hostname(),
    rlimits: containerRlimits(config.defaultRlimits, host.rlimitCeilings),
    mountPointLayer: await makeMountPointLayer(config.root),
    cgroupHost: host.cgroup,
    cgroups,
    locks: new KeyedLock(),
    creations: new Inflight<string>(),
    newId: () => randomBytes(32).toString('hex'),
    now,
    stats: new NodeStats({
      objects,
      cgroupHost: host.cgroup,
      layersMountpoint: images.fsInfo().mountpoint,
      now,
      onError: (what, error) => log.warn({ what, err: messageOf(error) }, 'figures could not be read'),
    }),
    events: new Broadcast(EVENT_LIMITS),
    onLeftover,
  }
  warmSeccomp(node, seccomp, log)
  return node
}

/** The default profile for the default capabilities is what nearly every pod uses: the first one shall not wait for it. */
function warmSeccomp(node: RuntimeNode, seccomp: SeccompCache, log: Logger): void {
  const { arch, kernelRelease, lastCap } = node.host
  const { bounding = [] } = containerCapabilities({ request: undefined, privileged: false, lastCap })
  const profile = defaultSeccomp({ arch, kernelRelease, capabilities: bounding })
  seccomp
    .compile(profile)
    .catch((error: unknown) => log.warn({ err: messageOf(error) }, 'seccomp profile not compiled'))
}

// Asynchronous: a reader of our standard error that stalls must not stall the node.
const output = pino.destination({ fd: 2, sync: false })
const log = pino({ level: 'info', base: null }, isJournal(process.env, 2) ? withPriorities(output) : output)
try {
  const command = readCommandLine(process.argv.slice(2))
  if (command.kind === 'help') process.stdout.write(helpText())
  if (command.kind === 'version') process.stdout.write(`gantryd ${VERSION}\n`)
  if (command.kind === 'run') {
    log.level = command.config.logLevel
    const onFailure = (error: unknown) => log.warn({ err: messageOf(error) }, 'systemd could not be told')
    using notifier = ServiceNotifier.take(process.env, process.pid, onFailure)
    await run(command.config, notifier, log)
    output.flushSync()
    process.exit(0)
  }
} catch (error) {
  const hint = error instanceof GantryError ? error.hint : undefined
  log.fatal({ ...(hint === undefined ? {} : { hint }) }, messageOf(error))
  if (!(error instanceof GantryError)) log.fatal(error)
  output.flushSync()
  process.exit(1)
}
