// SPDX-License-Identifier: Apache-2.0

/**
 * Adds to the bundled script the code that V8 has compiled of it, functions included that the usual commands call: it
 * runs them on a container that is described and never started.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Script } from 'node:vm'
import type { OciSpec } from '../spec/types.ts'
import { readProcessStat } from '../state/process-stat.ts'
import { type BundledProgram, joinBundle } from './bundle-file.ts'
import { exampleSpec } from './example-spec.ts'

const example = exampleSpec(undefined)
/** With what engines ask for beside. */
const USUAL: OciSpec = {
  ...example,
  annotations: { 'org.example': 'a' },
  process: { cwd: '/', ...example.process, terminal: false, oomScoreAdj: 0 },
  linux: {
    ...example.linux,
    cgroupsPath: '/gantry-oci-build',
    resources: { ...example.linux?.resources, memory: { limit: 2 ** 30 }, cpu: { shares: 512 }, pids: { limit: 100 } },
    seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] },
  },
}

const [scriptPath = '', outPath = ''] = process.argv.slice(2)
const source = readFileSync(scriptPath)
if (source.some((byte) => byte > 127)) throw new Error(`${scriptPath} is not ASCII`)
const script = new Script(source.toString('latin1'), { filename: scriptPath })
const { main } = (script.runInThisContext() as BundledProgram)(createRequire(import.meta.url), import.meta.dirname)

await callUsualCommands()
writeFileSync(outPath, joinBundle(source, script.createCachedData()), { mode: 0o644 })

/** Whether a command succeeds does not matter: a set-up need not be root's. What it has called is compiled. */
async function callUsualCommands(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-oci-build-'))
  const state = join(directory, 'state')
  const bundle = join(directory, 'bundle')
  const own = ['--rootless', 'true', '--log', join(directory, 'log'), '--log-format', 'json', '--root', state]
  const call = (...args: readonly string[]): Promise<number> => main([...own, ...args])
  try {
    mkdirSync(join(bundle, 'rootfs'), { recursive: true })
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(USUAL))
    // Compiled filters go there.
    process.env['XDG_RUNTIME_DIR'] = directory
    stopBeforeLaunch(() => keepRunning(state))
    await call('create', '--bundle', bundle, '--pid-file', join(directory, 'pid'), 'made')
    await call('run', '--bundle', bundle, 'made')
    for (const name of ['state', 'start', 'delete']) await call(name, 'kept')
    await call('exec', 'kept', 'true')
    await call('kill', 'kept', 'NONE')
    await call('list')
    await call('delete', '--force', 'made')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Where a command would have the launcher take this process's place, it fails instead. */
function stopBeforeLaunch(action: () => void): void {
  process.execve = () => {
    action()
    throw new Error('nothing is launched')
  }
}

/** The container is forgotten after the failure: a copy of it stays, whose program is this process. */
function keepRunning(state: string): void {
  cpSync(join(state, 'made'), join(state, 'kept'), { recursive: true })
  const { pid } = process
  writeFileSync(join(state, 'kept', 'init'), `${pid} ${readProcessStat(pid)?.startTime}\n`)
}
