// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises'
import { messageOf } from '../../runtime-core/errors.ts'
import { describeMachine, describePeer } from './machine.ts'
import { measureCrowd, measureRest } from './measure-crowd.ts'
import { measureExecs } from './measure-execs.ts'
import { measureLife } from './measure-life.ts'
import type { MeasuredPeer } from './measured-peer.ts'
import { type BenchOptions, parseOptions, USAGE } from './options.ts'
import { type Row, Samples } from './samples.ts'
import { openSession } from './session.ts'
import { ratioOf, renderTable } from './table.ts'

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2))
  if (options === 'help') {
    process.stdout.write(USAGE)
    return
  }
  const interrupt = new AbortController()
  const report = (line: string): void => void process.stderr.write(`bench: ${line}\n`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Not once: an impatient second one must not leave the pods of the run behind.
    process.on(signal, () => {
      report('interrupted: ending this step, then cleaning up')
      interrupt.abort(new Error(`interrupted by ${signal}`))
    })
  }
  await using session = await openSession(options, report)
  const versions = await describeAll(session.peers, options)
  const rows = await measureAll(session.peers, options, report, interrupt.signal)
  process.stdout.write(renderTable(rows, options.peers))
  if (options.json !== undefined) await writeJson(options.json, { versions, options, rows })
}

async function measureAll(
  peers: readonly MeasuredPeer[],
  options: BenchOptions,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<Row[]> {
  const samples = new Samples()
  for (const peer of peers) await measureRest(peer, samples)
  report('one round to warm up')
  for (const peer of peers) await measureLife(peer, new Samples())
  report(`${options.rounds} rounds of a pod's life`)
  for (let round = 0; round < options.rounds; round++) {
    // Who goes first changes, so that neither always meets the other's aftermath.
    for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
      signal.throwIfAborted()
      await measureLife(peer, samples)
    }
  }
  report('execs by many callers')
  await measureExecs(peers, samples)
  for (const network of ['bridge', 'host'] as const) {
    for (const peer of peers) {
      signal.throwIfAborted()
      report(`${options.pods} pods on the ${network} network, ${peer.name}`)
      await measureCrowd(peer, options.pods, network, samples)
    }
  }
  return samples.rows()
}

async function describeAll(peers: readonly MeasuredPeer[], options: BenchOptions): Promise<Record<string, string>> {
  const described = peers.map(
    async (peer) => [peer.name, await describePeer(peer, options.containerdDirectory)] as const,
  )
  const versions = Object.fromEntries(await Promise.all(described))
  const { cpus, model, kernel, node } = describeMachine()
  process.stdout.write(
    `${Object.values(versions).join(' against ')}; ${cpus} × ${model}, Linux ${kernel}, Node ${node}\n\n`,
  )
  return versions
}

async function writeJson(
  path: string,
  { versions, options, rows }: { versions: Record<string, string>; options: BenchOptions; rows: readonly Row[] },
): Promise<void> {
  const { rounds, pods } = options
  const result = {
    time: new Date().toISOString(),
    machine: describeMachine(),
    versions,
    rounds,
    pods,
    rows: rows.map((row) => ({ ...row, ratio: ratioOf(row) ?? null })),
  }
  await writeFile(path, `${JSON.stringify(result, undefined, 2)}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exitCode = 1
})
