// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCriClient } from '../../cri-proto/index.ts'
import { PAUSE_IMAGE, WORKLOAD_IMAGE } from '../images/bench-images.ts'
import { serveImages } from './images.ts'
import { MeasuredPeer } from './measured-peer.ts'
import { CNI_BIN_DIR, writeBridgeNetwork } from './network.ts'
import type { BenchOptions, PeerName } from './options.ts'
import { containerdEndpoint } from './peers/containerd.ts'
import type { Endpoint, PeerSetting } from './peers/endpoint.ts'
import { gantryEndpoint } from './peers/gantry.ts'
import { removeCgroups } from './peers/leftovers.ts'

const CALL_TIMEOUT_MS = 60_000
const SUBNETS: Readonly<Record<PeerName, string>> = { gantry: '10.231.0.0/20', containerd: '10.231.16.0/20' }

/** The peers of a run, started and with their images. Disposing of it leaves nothing behind. */
export interface Session extends AsyncDisposable {
  readonly peers: readonly MeasuredPeer[]
}

/** Makes the images, serves them, starts the peers, and has each pull what it needs. */
export async function openSession(options: BenchOptions, report: (line: string) => void): Promise<Session> {
  await using undo = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'gb-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  report('building the images')
  const images = await serveImages(join(directory, 'images'))
  undo.defer(() => images.close())
  const peers: MeasuredPeer[] = []
  for (const name of options.peers) {
    report(`starting ${name}`)
    peers.push(await startPeer(name, options, { directory, registryConfigDir: images.registryConfigDir }, undo))
  }
  const ownership = undo.move()
  return { peers, [Symbol.asyncDispose]: () => ownership.disposeAsync() }
}

async function startPeer(
  name: PeerName,
  options: BenchOptions,
  place: { directory: string; registryConfigDir: string },
  undo: AsyncDisposableStack,
): Promise<MeasuredPeer> {
  const directory = join(place.directory, name)
  const network = await writeBridgeNetwork(join(place.directory, `${name}-cni`), linkName(name), SUBNETS[name])
  undo.defer(() => network.remove())
  const cgroup = `gantry-bench-${process.pid}-${name}`
  undo.defer(() => removeCgroups(cgroup))
  const setting: PeerSetting = {
    directory,
    cniConfDir: network.confDir,
    cniBinDir: CNI_BIN_DIR,
    registryConfigDir: place.registryConfigDir,
    pauseImage: PAUSE_IMAGE,
  }
  const endpoint = await endpointOf(name, options).start(setting)
  undo.defer(() => endpoint.stop())
  const client = createCriClient(endpoint.socket, { defaultTimeoutMs: CALL_TIMEOUT_MS })
  undo.defer(() => client.close())
  const peer = new MeasuredPeer(name, client, endpoint, { logRoot: join(place.directory, `${name}-logs`), cgroup })
  undo.defer(() => peer.removeAll())
  await client.image.pullImage({ image: imageSpec(WORKLOAD_IMAGE) })
  return peer
}

function endpointOf(name: PeerName, { containerdDirectory }: BenchOptions): Endpoint {
  return name === 'gantry' ? gantryEndpoint() : containerdEndpoint(containerdDirectory)
}

function imageSpec(image: string) {
  return { image, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' }
}

/** At most 15 characters, and not one that another bench at the same time would take. */
function linkName(name: PeerName): string {
  return `gb${process.pid % 10_000_000}${name.slice(0, 1)}`
}
