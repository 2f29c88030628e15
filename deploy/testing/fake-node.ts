// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Host } from '../node/host.ts'
import { FakeDaemon } from './fake-daemon.ts'
import { makeManifestText, type TestFile } from './fake-release.ts'

const KUBELET_UNIT = `# /lib/systemd/system/kubelet.service
[Service]
ExecStart=/usr/bin/kubelet

# /usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf
[Service]
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_EXTRA_ARGS
`

/**
 * A node that is a directory, with what stands in for its systemd: units are started by name, timers run when the test says.
 * What a release's daemon does is in the release: its file `behaviour` says `healthy`, `broken` or `silent`.
 */
export class FakeNode implements Host, AsyncDisposable {
  readonly root: string
  /** Every command that was run, as one line each. */
  readonly commands: string[] = []
  /** Commands that fail, by their beginning. */
  readonly failing = new Set<string>()
  readonly enabled = new Set<string>()
  /** How often the kubelet was started again. */
  kubeletRestarts = 0
  /** What the timer runs, while it is armed. */
  timer: string | undefined
  #daemon: FakeDaemon | undefined

  private constructor(root: string) {
    this.root = root
  }

  static async create(): Promise<FakeNode> {
    // Paths of sockets are short.
    const node = new FakeNode(await mkdtemp(join(tmpdir(), 'gn-')))
    for (const path of ['/run/systemd/system', '/run/gantry', '/etc/systemd/system', '/opt', '/var/lib']) {
      await mkdir(node.path(path), { recursive: true })
    }
    return node
  }

  path(hostPath: string): string {
    return join(this.root, hostPath)
  }

  async run(program: string, args: readonly string[]): Promise<string> {
    const line = [program, ...args].join(' ')
    this.commands.push(line)
    const fails = [...this.failing].some((beginning) => line.startsWith(beginning))
    if (fails)
      throw new GantryError('internal', { action: 'run on the node', subject: line, reason: 'as the test wants it' })
    if (program === 'systemctl') return this.#systemctl(args.filter((arg) => arg !== '--no-block' && arg !== '--now'))
    if (program === 'systemd-run') this.timer = args.at(-1)
    if (program === 'ls') return (await readdir(this.path(args.at(-1) ?? ''))).join('\n')
    if (program === 'rmdir') {
      const path = this.path(args.at(-1) ?? '')
      if ((await readdir(path)).length === 0) await rm(path, { recursive: true })
    }
    return ''
  }

  /** A release as it comes in an image, in a directory of its own. */
  async makeRelease(version: string, behaviour: 'healthy' | 'broken' | 'silent' = 'healthy'): Promise<string> {
    const directory = this.path(`/image-${version}`)
    const files: TestFile[] = [
      { path: 'bin/gantryd', mode: 0o755, content: '#!/bin/sh\n' },
      { path: 'behaviour', mode: 0o644, content: behaviour },
      { path: 'package.json', mode: 0o644, content: JSON.stringify({ version }) },
      {
        path: 'deploy/systemd/gantryd.service',
        mode: 0o644,
        content: '[Service]\nExecStart=/opt/gantry/bin/gantryd\n',
      },
    ]
    files.push({ path: 'release.json', mode: 0o644, content: makeManifestText(version, files) })
    for (const { path, mode, content } of files) {
      await mkdir(join(directory, dirname(path)), { recursive: true })
      await writeFile(join(directory, path), content, { mode })
    }
    return directory
  }

  /** What the node does when the dead-man timer runs out. */
  async fireTimer(): Promise<void> {
    const [, path = ''] = /^rm -f (\S+)/.exec(this.timer ?? '') ?? []
    this.timer = undefined
    await rm(this.path(path), { force: true })
    this.kubeletRestarts++
  }

  /** Every file and link below the root but for releases in images, sorted. */
  async files(): Promise<string[]> {
    const entries = await readdir(this.root, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.root.length))
      .filter((path) => !path.startsWith('/image-'))
      .sort()
  }

  async #systemctl([verb = '', ...rest]: readonly string[]): Promise<string> {
    const unit = rest.at(-1) ?? ''
    if (verb === 'enable') this.enabled.add(unit)
    if (verb === 'disable') this.enabled.delete(unit)
    if (verb === 'cat') return KUBELET_UNIT
    if (verb === 'show') return this.#isActive(unit) ? 'active\n' : 'inactive\n'
    if (verb === 'stop' && unit.endsWith('.timer')) this.timer = undefined
    if (verb === 'restart' && unit === 'kubelet.service') this.kubeletRestarts++
    if (unit === 'gantryd.service' && (verb === 'restart' || verb === 'disable')) await this.#stopDaemon()
    if (unit === 'gantryd.service' && verb === 'restart') await this.#startDaemon()
    return ''
  }

  #isActive(unit: string): boolean {
    return unit.endsWith('.timer') ? this.timer !== undefined : this.#daemon !== undefined
  }

  async #startDaemon(): Promise<void> {
    const current = this.path('/opt/gantry/current')
    const behaviour = await readFile(join(current, 'behaviour'), 'utf8')
    const { version } = JSON.parse(await readFile(join(current, 'package.json'), 'utf8'))
    if (behaviour !== 'silent') this.#daemon = await FakeDaemon.start(this, version, behaviour === 'healthy')
  }

  async #stopDaemon(): Promise<void> {
    await this.#daemon?.stop()
    this.#daemon = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopDaemon()
    await rm(this.root, { recursive: true })
  }
}
