// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Component, freePort } from './component.ts'
import type { ControlPlaneFiles } from './control-plane.ts'
import { NODE_NAME } from './kubelet.ts'

/** What is scraped. */
export interface ScrapeTargets {
  /** `HOST:PORT` of gantryd's metrics. */
  readonly daemon: string
  /** `https://HOST:PORT` of the kubelet. */
  readonly kubelet: string
  /** Who asks the kubelet. */
  readonly plane: Pick<ControlPlaneFiles, 'admin' | 'authority'>
}

/** One series of an answer. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [time: number, value: string]
}

/** One rule as Prometheus has evaluated it. */
export interface Rule {
  readonly name: string
  readonly health: 'ok' | 'err' | 'unknown'
  readonly lastError?: string
  readonly state?: string
}

const RULES = resolve(import.meta.dirname, '../../metrics/rules')
/** Often, so that rates over half a minute have enough to go by. */
const SCRAPE_INTERVAL = '2s'
/** The kubelet's endpoints, each a job of its own as a cluster's Prometheus has them. */
const KUBELET_PATHS = ['/metrics', '/metrics/cadvisor', '/metrics/resource', '/metrics/probes']

/** Prometheus with the project's own rules, scraping a cluster's runtime and kubelet. */
export class Prometheus {
  readonly #component: Component
  readonly #url: string

  private constructor(component: Component, url: string) {
    this.#component = component
    this.#url = url
  }

  /** Starts it with everything of its own below `directory`; ready when it answers. */
  static async start(directory: string, targets: ScrapeTargets): Promise<Prometheus> {
    await mkdir(directory, { recursive: true })
    const address = `127.0.0.1:${await freePort()}`
    // JSON is YAML.
    await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(await configuration(targets)))
    const component = new Component({
      program: 'prometheus',
      directory,
      args: [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=${address}`,
        '--log.level=warn',
      ],
      isReady: async () => (await fetch(`http://${address}/-/ready`)).ok,
    })
    await component.start()
    return new Prometheus(component, `http://${address}`)
  }

  stop(): Promise<void> {
    return this.#component.stop()
  }

  /** Evaluates an expression now. @throws Error with what Prometheus says of an expression that it does not take */
  async query(expression: string): Promise<readonly Series[]> {
    const { result } = await this.#ask<{ result: Series[] }>(`query?query=${encodeURIComponent(expression)}`)
    return result
  }

  /** All rules, with how their last evaluation went. */
  async rules(): Promise<readonly Rule[]> {
    return (await this.#ask<{ groups: { rules: Rule[] }[] }>('rules')).groups.flatMap(({ rules }) => rules)
  }

  /** What is scraped, with the error of the last time where there was one. */
  async targets(): Promise<
    readonly { readonly scrapeUrl: string; readonly health: string; readonly lastError: string }[]
  > {
    return (await this.#ask<{ activeTargets: Awaited<ReturnType<Prometheus['targets']>> }>('targets')).activeTargets
  }

  async #ask<T>(what: string): Promise<T> {
    const answer = (await (await fetch(`${this.#url}/api/v1/${what}`)).json()) as { data?: T; error?: string }
    if (answer.data === undefined) throw new Error(`prometheus: ${what}: ${answer.error}`)
    return answer.data
  }
}

async function configuration({ daemon, kubelet, plane }: ScrapeTargets): Promise<object> {
  const names = (await readdir(RULES)).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'))
  if (names.length === 0) throw new Error(`no rules in ${RULES}`)
  const labels = { node: NODE_NAME }
  const kubeletJobs = KUBELET_PATHS.map((path) => ({
    job_name: `kubelet${path.replaceAll('/', '-')}`,
    scheme: 'https',
    metrics_path: path,
    tls_config: {
      ca_file: plane.authority.certFile,
      cert_file: plane.admin.certFile,
      key_file: plane.admin.keyFile,
    },
    static_configs: [{ targets: [new URL(kubelet).host], labels }],
  }))
  return {
    global: { scrape_interval: SCRAPE_INTERVAL, scrape_timeout: SCRAPE_INTERVAL, evaluation_interval: SCRAPE_INTERVAL },
    rule_files: names.map((name) => join(RULES, name)),
    scrape_configs: [{ job_name: 'gantry', static_configs: [{ targets: [daemon], labels }] }, ...kubeletJobs],
  }
}
