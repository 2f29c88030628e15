// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { descendants, listProcesses, type Process } from '../processes.ts'
import { startDaemon } from './daemon.ts'
import type { Endpoint, EndpointPids, PeerSetting } from './endpoint.ts'
import { killAll, unmountBelow } from './leftovers.ts'

const GANTRYD = resolve(import.meta.dirname, '../../../bin/gantryd')

/** This repository's gantryd, with the flags an operator would give it. */
export function gantryEndpoint(): Endpoint {
  return { name: 'gantry', start }
}

async function start(setting: PeerSetting): ReturnType<Endpoint['start']> {
  const { directory } = setting
  const socket = `unix://${join(directory, 'gantry.sock')}`
  await mkdir(directory, { recursive: true })
  // Keepers of other instances on this machine are not ours to count, and not ours to end.
  const foreign = new Set((await keepers()).map(({ pid }) => pid))
  const own = async () => (await keepers()).filter(({ pid }) => !foreign.has(pid)).map(({ pid }) => pid)
  const daemon = await startDaemon({
    program: GANTRYD,
    args: flags(setting, socket),
    env: process.env,
    logPath: join(directory, 'gantryd.log'),
    socket,
  })
  return {
    socket,
    pids: async () => pidsOf(daemon.pid, await own()),
    stop: async () => {
      await daemon.stop()
      await killAll(await own())
      await unmountBelow(directory)
    },
  }
}

function flags(setting: PeerSetting, socket: string): string[] {
  const { directory, cniConfDir, cniBinDir, registryConfigDir } = setting
  const pairs = {
    listen: socket,
    root: join(directory, 'root'),
    state: join(directory, 'state'),
    'cni-conf-dir': cniConfDir,
    'cni-bin-dir': cniBinDir,
    'registry-config-dir': registryConfigDir,
    'streaming-listen': '127.0.0.1:0',
    'metrics-listen': '127.0.0.1:0',
    'cgroup-driver': 'cgroupfs',
  }
  return Object.entries(pairs).flatMap(([flag, value]) => [`--${flag}`, value])
}

async function pidsOf(daemon: number, keeper: readonly number[]): Promise<EndpointPids> {
  const family = descendants(await listProcesses(), [daemon])
  // A keeper may be the daemon's child; its containers are the keeper's children and neither's memory.
  const keepersTree = new Set(descendants(family, keeper).map(({ pid }) => pid))
  const own = family.map(({ pid }) => pid).filter((pid) => !keepersTree.has(pid))
  return { daemon: own, helpers: { keeper } }
}

/** A keeper runs from a sealed memfd, so its program has no path: `/memfd:gantry-keeper (deleted)`. */
async function keepers(): Promise<Process[]> {
  return (await listProcesses()).filter(({ executable }) => /gantry-keeper/.test(executable))
}
