// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { descendants, listProcesses, type Process } from '../processes.ts'
import { startDaemon } from './daemon.ts'
import type { Endpoint, EndpointPids, PeerSetting } from './endpoint.ts'
import { killAll, unmountBelow } from './leftovers.ts'

/**
 * containerd with runc, private in everything it lets us choose.
 *
 * @param programs directory with containerd, its shim and runc, or undefined for those in PATH
 */
export function containerdEndpoint(programs: string | undefined): Endpoint {
  return { name: 'containerd', start: (setting) => start(setting, programs) }
}

async function start(setting: PeerSetting, programs: string | undefined): ReturnType<Endpoint['start']> {
  const { directory } = setting
  const socketPath = join(directory, 'containerd.sock')
  const configPath = join(directory, 'config.toml')
  await mkdir(directory, { recursive: true })
  await writeFile(configPath, configuration(setting, socketPath))
  const path = process.env['PATH'] ?? '/usr/sbin:/usr/bin'
  const daemon = await startDaemon({
    program: programs === undefined ? 'containerd' : join(programs, 'containerd'),
    args: ['--config', configPath],
    // The daemon finds its shim, and the shim runc, by PATH.
    env: { ...process.env, PATH: programs === undefined ? path : `${programs}:${path}` },
    logPath: join(directory, 'containerd.log'),
    socket: `unix://${socketPath}`,
  })
  return {
    socket: `unix://${socketPath}`,
    pids: () => pidsOf(daemon.pid, socketPath),
    stop: async () => {
      await daemon.stop()
      const processes = await listProcesses()
      const shims = processes.filter((process) => isShim(process, socketPath)).map(({ pid }) => pid)
      await killAll(descendants(processes, shims).map(({ pid }) => pid))
      await unmountBelow(directory)
    },
  }
}

async function pidsOf(daemon: number, socketPath: string): Promise<EndpointPids> {
  const processes = await listProcesses()
  const shim = processes.filter((process) => isShim(process, socketPath)).map(({ pid }) => pid)
  const isPause = ({ parent, argv }: Process): boolean => argv[0] === '/pause' && shim.includes(parent)
  return { daemon: [daemon], helpers: { shim, pause: processes.filter(isPause).map(({ pid }) => pid) } }
}

function isShim({ argv }: Process, socketPath: string): boolean {
  return (argv[0] ?? '').endsWith('containerd-shim-runc-v2') && argv.includes(socketPath)
}

/** Version 2 of the configuration: what containerd 1.6 speaks, and 2.x still reads. */
function configuration(setting: PeerSetting, socketPath: string): string {
  const { directory, cniConfDir, cniBinDir, registryConfigDir, pauseImage } = setting
  const text = (value: string): string => JSON.stringify(value)
  return `version = 2
root = ${text(join(directory, 'root'))}
state = ${text(join(directory, 'state'))}
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = ${text(socketPath)}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(pauseImage)}
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  # The bench may run where nobody may lower a score (no CAP_SYS_RESOURCE): the node's own is then taken.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = ${text(join(directory, 'runc'))}
[plugins."io.containerd.grpc.v1.cri".cni]
  conf_dir = ${text(cniConfDir)}
  bin_dir = ${text(cniBinDir)}
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = ${text(registryConfigDir)}
`
}
