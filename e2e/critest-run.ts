// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '../runtime-core/errors.ts'
import { readGinkgoReport, type SpecResult } from './harness/ginkgo-report.ts'
import { TOOLS } from './tools/ensure.ts'

/** In ginkgo's form. A healthy run takes two minutes. */
const TIMEOUT = '30m'

export type Transport = 'spdy' | 'websocket'

/** What a run of critest is given. */
export interface CritestOptions {
  readonly runtimeEndpoint: string
  readonly imageEndpoint?: string
  readonly focus?: string
  readonly skip?: string
  /** How exec, attach and port-forward are connected; SPDY where it is not said. */
  readonly transport?: Transport
  /** Specs at a time; one where it is not said. */
  readonly parallel?: number
  /** Receives `critest.log` and `report.json`. */
  readonly reportDirectory: string
  /** Ends the run early, as an error. */
  readonly signal?: AbortSignal
}

/** Runs critest (tools/build.sh makes it) to its end and reads its report; specs that fail are no error. */
export async function runCritest(options: CritestOptions): Promise<SpecResult[]> {
  await mkdir(options.reportDirectory, { recursive: true })
  const report = join(options.reportDirectory, 'report.json')
  await rm(report, { force: true })
  const args = [`--runtime-endpoint=${options.runtimeEndpoint}`, `--ginkgo.json-report=${report}`]
  args.push('--ginkgo.no-color', `--ginkgo.timeout=${TIMEOUT}`)
  if (options.imageEndpoint !== undefined) args.push(`--image-endpoint=${options.imageEndpoint}`)
  if (options.focus !== undefined) args.push(`--ginkgo.focus=${options.focus}`)
  if (options.skip !== undefined) args.push(`--ginkgo.skip=${options.skip}`)
  if (options.transport === 'websocket') {
    args.push(...['exec', 'attach', 'portforward'].map((name) => `--websocket-${name}`))
  }
  if (options.parallel !== undefined) args.push(`--parallel=${options.parallel}`)
  const log = await open(join(options.reportDirectory, 'critest.log'), 'w')
  try {
    const child = spawn(join(TOOLS, 'critest'), args, {
      cwd: options.reportDirectory,
      // It looks for `ginkgo` there, which starts it again once for each spec at a time.
      env: { ...process.env, PATH: [TOOLS, process.env['PATH']].join(':') },
      stdio: ['ignore', log.fd, log.fd],
    })
    const ended = once(child, 'exit')
    // Ginkgo takes its pods down when it is interrupted; killed, it would leave them to the runtime.
    options.signal?.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
    await ended
    options.signal?.throwIfAborted()
  } finally {
    await log.close()
  }
  const text = await readFile(report, 'utf8').catch((cause: unknown) => {
    const hint = `see ${join(options.reportDirectory, 'critest.log')}`
    throw new GantryError('internal', { action: 'run critest against', subject: options.runtimeEndpoint, hint, cause })
  })
  return readGinkgoReport(text)
}
