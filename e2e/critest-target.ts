// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { removeLink } from './bench/peers/leftovers.ts'
import { findCniPlugins, writeBridgeConfig } from './harness/cni-config.ts'
import { PrivateContainerd } from './harness/containerd.ts'
import { GantrydProcess } from './harness/gantryd-process.ts'

const CRICTL = join(import.meta.dirname, '.cache/bin/crictl')

/** A runtime that critest is run against. */
export interface Target {
  readonly runtimeEndpoint: string
  readonly stop: () => Promise<void>
}

/** A private containerd: what it fails is not ours to pass. */
export async function startContainerd(directory: string, certsDirectory: string): Promise<Target> {
  const bridge = `ctd${process.pid}`
  const cniConfDirectory = await writeNetwork(directory, bridge, privateSubnet(0))
  const daemon = await PrivateContainerd.start({
    directory: join(directory, 'containerd'),
    certsDirectory,
    cniConfDirectory,
    cniBinDirectory: await findCniPlugins(),
    sandboxImage: 'registry.k8s.io/pause:3.6',
    bridge,
    crictl: CRICTL,
  })
  return { runtimeEndpoint: daemon.endpoint, stop: () => daemon.stop() }
}

/** The same containerd behind a private gantryd: what it passes and fails must be the same. */
export async function startContainerdThroughGantry(directory: string, certsDirectory: string): Promise<Target> {
  const upstream = await startContainerd(directory, certsDirectory)
  const socket = join(directory, 'gantry.sock')
  const daemon = new GantrydProcess(directory, socket, [
    ...['--listen', `unix://${socket}`, '--root', join(directory, 'root'), '--state', join(directory, 'state')],
    ...['--cni-conf-dir', join(directory, 'net.d'), '--cni-bin-dir', await findCniPlugins()],
    ...['--registry-config-dir', certsDirectory, '--metrics-listen', ''],
    ...['--upstream-endpoint', upstream.runtimeEndpoint],
  ])
  const stop = async (): Promise<void> => {
    const { code, signal } = await daemon.kill('SIGTERM')
    await upstream.stop()
    if (code !== 0) throw new Error(`gantryd ended with ${signal ?? `status ${code}`}; its log:\n${await daemon.log()}`)
  }
  try {
    await daemon.start()
  } catch (error) {
    await stop()
    throw error
  }
  return { runtimeEndpoint: `unix://${socket}`, stop }
}

/** A private gantryd. What its specs leave running would show as leaks. */
export async function startGantry(directory: string, certsDirectory: string): Promise<Target> {
  const bridge = `gct${process.pid}`
  const cniConfDirectory = await writeNetwork(directory, bridge, privateSubnet(1))
  const socket = join(directory, 'gantry.sock')
  const daemon = new GantrydProcess(directory, socket, [
    ...['--listen', `unix://${socket}`, '--root', join(directory, 'root'), '--state', join(directory, 'state')],
    ...['--cni-conf-dir', cniConfDirectory, '--cni-bin-dir', await findCniPlugins()],
    ...['--registry-config-dir', certsDirectory, '--metrics-listen', ''],
  ])
  await daemon.start()
  const stop = async (): Promise<void> => {
    const { code, signal } = await daemon.kill('SIGTERM')
    await removeLink(bridge)
    if (code !== 0) throw new Error(`gantryd ended with ${signal ?? `status ${code}`}; its log:\n${await daemon.log()}`)
    await rm(join(directory, 'root'), { recursive: true, force: true })
  }
  return { runtimeEndpoint: `unix://${socket}`, stop }
}

/** Of this process alone: two runs on one machine would otherwise share addresses. */
function privateSubnet(offset: number): string {
  return `10.${64 + 2 * (process.pid % 64) + offset}.${Math.floor(process.pid / 64) % 256}.0/24`
}

async function writeNetwork(directory: string, bridge: string, subnet: string): Promise<string> {
  const cniConfDirectory = join(directory, 'net.d')
  await writeBridgeConfig(cniConfDirectory, { bridge, subnet, ipamDirectory: join(directory, 'ipam') })
  return cniConfDirectory
}
