// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server } from 'node:http'
import { readMetrics } from '../node/health.ts'
import type { Host } from '../node/host.ts'
import type { Progress } from './reconcile.ts'

/** What probes and Prometheus ask the agent for. */
export interface AgentView {
  readonly host: Host
  /** The last look at the node; undefined before the first. */
  readonly progress: () => Progress | undefined
  /** Whether the loop that looks still turns. */
  readonly alive: () => boolean
}

/**
 * Serves `/healthz`, `/readyz`, and `/metrics`: the daemon's, which it serves in no network itself, and the agent's own.
 *
 * @param address `:9581` or `127.0.0.1:9581`
 */
export async function serveAgent(address: string, view: AgentView): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', view).then(
      ({ status, text }) => response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    )
  })
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? []
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(port), host === '' ? '::' : host, resolve)
  })
  return server
}

async function answer(path: string, view: AgentView): Promise<{ readonly status: number; readonly text: string }> {
  if (path === '/healthz')
    return view.alive() ? { status: 200, text: 'ok\n' } : { status: 503, text: 'the loop stands\n' }
  if (path === '/readyz') {
    const progress = view.progress()
    const text = progress === undefined ? 'starting\n' : `${progress.condition.reason}: ${progress.condition.message}\n`
    return { status: progress?.settled === true ? 200 : 503, text }
  }
  if (path !== '/metrics') return { status: 404, text: 'not found\n' }
  // That a daemon does not answer is what its own metrics cannot tell.
  const daemon = await readMetrics(view.host).catch(() => undefined)
  return { status: 200, text: `${ownMetrics(daemon !== undefined, view.progress())}${daemon ?? ''}` }
}

function ownMetrics(up: boolean, progress: Progress | undefined): string {
  const takenBack = progress?.condition.reason === 'TakenBack'
  const gauge = (name: string, help: string, value: boolean) =>
    `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value ? 1 : 0}\n`
  return [
    gauge('gantry_agent_daemon_up', 'Whether the daemon of the node answers.', up),
    gauge('gantry_agent_settled', 'Whether the node runs what it should.', progress?.settled === true),
    gauge('gantry_agent_release_taken_back', 'Whether the release that was wanted was not healthy here.', takenBack),
  ].join('')
}
