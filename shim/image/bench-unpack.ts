// SPDX-License-Identifier: Apache-2.0
import { execFileSync, fork, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Images } from './index.ts'
import { hostPlatform } from './platform.ts'
import { TestRegistry } from './testing/registry.ts'
import { buildMember } from './testing/tar-builder.ts'

/*
 * Times pull and unpack of one image: `--files` small files and `--megabytes` of larger ones in `--layers` layers,
 * gzip. With `--containerd` the same registry is pulled from by containerd (ctr), in turns, on the same file system
 * (`--root`). Nothing is deleted before the end: ext4 takes seconds longer to make files where many were deleted lately.
 */
const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '20000' },
    megabytes: { type: 'string', default: '200' },
    layers: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    root: { type: 'string', default: tmpdir() },
    containerd: { type: 'boolean', default: false },
  },
})

if (process.send !== undefined) await serve()
else await bench()

/** The registry, in a process of its own as a real one is. */
async function serve(): Promise<void> {
  const registry = new TestRegistry()
  const layers = Number(options.layers)
  const tars = Array.from({ length: layers }, (_, layer) => archive(layer, layers))
  registry.addImage({ repository: 'bench', tag: 'v1', tars, compress: (tar) => gzipSync(tar) })
  await registry.listen()
  process.send?.(registry.host)
  process.once('disconnect', () => process.exit(0))
}

function archive(layer: number, layers: number): Buffer {
  let seed = layer + 1
  const random = () => {
    seed = (seed * 48271) % 2147483647
    return seed
  }
  const words = Array.from({ length: 4096 }, () => random().toString(36))
  const text = (bytes: number) => {
    let made = ''
    while (made.length < bytes) made += `${words[random() % words.length]} `
    return Buffer.from(made.slice(0, bytes))
  }
  const blocks: Buffer[] = []
  const files = Math.floor(Number(options.files) / layers)
  for (let i = 0; i < files; i++) {
    if (i % 100 === 0) blocks.push(...buildMember({ name: `d${layer}-${i / 100}/`, type: '5' }))
    blocks.push(...buildMember({ name: `d${layer}-${Math.floor(i / 100)}/f${i}`, data: text(random() % 4000) }))
  }
  const large = Math.floor((Number(options.megabytes) * 1024 * 1024) / layers / 4)
  for (let i = 0; i < 4; i++) blocks.push(...buildMember({ name: `large${layer}-${i}`, data: text(large) }))
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

async function bench(): Promise<void> {
  const root = mkdtempSync(path.join(options.root, 'gantry-bench-'))
  const registry = fork(import.meta.filename, process.argv.slice(2))
  try {
    const host = await new Promise<string>((resolve) => registry.once('message', (text) => resolve(String(text))))
    const gantry: number[] = []
    const containerd: number[] = []
    for (let round = 0; round < Number(options.rounds); round++) {
      gantry.push(await pullByGantry(path.join(root, `gantry${round}`), host))
      if (options.containerd) containerd.push(await pullByContainerd(path.join(root, `containerd${round}`), host))
    }
    report('gantry', gantry)
    if (containerd.length > 0) {
      report('containerd', containerd)
      console.log(`ratio of medians: ${(median(containerd) / median(gantry)).toFixed(2)}`)
    }
  } finally {
    registry.disconnect()
    rmSync(root, { recursive: true, force: true })
  }
}

async function pullByGantry(root: string, host: string): Promise<number> {
  mkdirSync(root)
  const db = new DatabaseSync(path.join(root, 'gantry.db'))
  const images = new Images({
    root,
    db,
    bootId: 'bench',
    platform: hostPlatform(process.arch, ''),
    registryConfigDirs: [],
    pinned: [],
    nowMs: Date.now,
    sleep: (ms, signal) => delay(ms, undefined, { signal }),
    proxyEnv: {},
    onError: (error) => console.error(error),
    nodePath: process.execPath,
  })
  await images.recover()
  const startedMs = performance.now()
  await images.pull({ reference: `${host}/bench:v1`, signal: new AbortController().signal })
  const tookMs = performance.now() - startedMs
  await images.settled()
  images.close()
  db.close()
  return tookMs
}

async function pullByContainerd(root: string, host: string): Promise<number> {
  mkdirSync(root)
  const socket = path.join(root, 'sock')
  const config = `version = 2\nroot = "${root}/root"\nstate = "${root}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`
  writeFileSync(path.join(root, 'config.toml'), config)
  const daemon = spawn('containerd', ['--config', path.join(root, 'config.toml')], { stdio: 'ignore' })
  const ctr = (...args: string[]) => execFileSync('ctr', ['-a', socket, ...args], { stdio: 'pipe' })
  try {
    for (let tries = 0; ; tries++) {
      try {
        ctr('version')
        break
      } catch (error) {
        if (tries > 100) throw error
        await delay(50)
      }
    }
    const startedMs = performance.now()
    ctr('images', 'pull', '--plain-http', '--snapshotter', 'overlayfs', `${host}/bench:v1`)
    return performance.now() - startedMs
  } finally {
    const gone = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill('SIGTERM')
    await gone
    execFileSync('sync', ['-f', root])
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}

function report(name: string, times: readonly number[]): void {
  console.log(
    `${name.padEnd(12)} median ${median(times).toFixed(0)} ms of ${times.map((ms) => ms.toFixed(0)).join(', ')}`,
  )
}
