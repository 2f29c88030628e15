// SPDX-License-Identifier: Apache-2.0
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type LabelOf, METRICS, type MetricDefinition, type MetricName, type NameOf } from './table.ts'

/** Reads values at the time of a scrape. */
export type Reader = () => void | Promise<void>

export interface RegistryOptions {
  /** How long one reader may take in a scrape before the scrape goes on without it. */
  readonly readTimeoutMs: number
  /** Told of each reader that failed or was late; a counter moves too. */
  readonly onReadError: (error: Error) => void
}

/** The text of a scrape and its content type. */
export interface Exposition {
  readonly contentType: string
  readonly body: string
}

interface RegisteredReader {
  readonly collector: string
  readonly read: Reader
  running: Promise<void> | undefined
}

/**
 * The metrics of the table, each made when a collector first asks for it, and the readers to run before each scrape.
 * One instance a daemon; nothing is kept in prom-client's global registry.
 */
export class MetricsRegistry {
  readonly #registry = new Registry()
  readonly #readers: RegisteredReader[] = []
  readonly #readTimeoutMs: number
  readonly #onReadError: (error: Error) => void
  #scraping: Promise<Exposition> | undefined

  constructor({ readTimeoutMs, onReadError }: RegistryOptions) {
    this.#readTimeoutMs = readTimeoutMs
    this.#onReadError = onReadError
  }

  counter<Name extends NameOf<'counter'>>(name: Name): Counter<LabelOf<Name>> {
    const known = this.#registry.getSingleMetric(name)
    if (known instanceof Counter) return known
    return new Counter({ ...this.#configuration(name), registers: [this.#registry] })
  }

  gauge<Name extends NameOf<'gauge'>>(name: Name): Gauge<LabelOf<Name>> {
    const known = this.#registry.getSingleMetric(name)
    if (known instanceof Gauge) return known
    return new Gauge({ ...this.#configuration(name), registers: [this.#registry] })
  }

  histogram<Name extends NameOf<'histogram'>>(name: Name): Histogram<LabelOf<Name>> {
    const known = this.#registry.getSingleMetric(name)
    if (known instanceof Histogram) return known
    return new Histogram({
      ...this.#configuration(name),
      buckets: [...METRICS[name].buckets],
      registers: [this.#registry],
    })
  }

  /** Runs `read` before each scrape. What it throws is counted against the collector and spoils no other metric. */
  onScrape(collector: string, read: Reader): void {
    this.#readers.push({ collector, read, running: undefined })
  }

  /** The current values as text. Scrapes that overlap share one answer, so any number of clients costs one. */
  scrape(): Promise<Exposition> {
    this.#scraping ??= this.#expose().finally(() => {
      this.#scraping = undefined
    })
    return this.#scraping
  }

  async #expose(): Promise<Exposition> {
    await Promise.all(this.#readers.map((reader) => this.#read(reader)))
    const parts: string[] = []
    for (const metric of this.#registry.getMetricsAsArray()) {
      parts.push(await this.#registry.getSingleMetricAsString(metric.name))
      // A histogram of all RPCs is thousands of lines: others may have the loop between two metrics.
      await nextTurn()
    }
    return { contentType: this.#registry.contentType, body: `${parts.join('\n\n')}\n` }
  }

  async #read(reader: RegisteredReader): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${this.#readTimeoutMs} ms`)), this.#readTimeoutMs)
    })
    // A reader that hung in the last scrape is waited for, not started again: scrapes must not heap up work.
    reader.running ??= run(reader)
    try {
      await Promise.race([reader.running, late])
    } catch (cause) {
      this.counter('gantry_metrics_scrape_errors_total').inc({ collector: reader.collector })
      this.#onReadError(new Error(`read metrics of ${JSON.stringify(reader.collector)}: ${textOf(cause)}`, { cause }))
    } finally {
      clearTimeout(timer)
    }
  }

  #configuration<Name extends MetricName>(name: Name): { name: Name; help: string; labelNames: LabelOf<Name>[] } {
    const { help, labels }: MetricDefinition = METRICS[name]
    return { name, help, labelNames: [...labels] as LabelOf<Name>[] }
  }
}

async function run(reader: RegisteredReader): Promise<void> {
  try {
    await reader.read()
  } finally {
    reader.running = undefined
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
