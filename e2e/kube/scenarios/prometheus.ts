// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Cluster } from '../cluster.ts'
import { eventually } from '../eventually.ts'
import type { Prometheus, Rule } from '../prometheus.ts'
import { expect, type Scenario, shell } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

const DASHBOARDS = resolve(import.meta.dirname, '../../../metrics/dashboards')

/** Writes, reads, talks to itself over the network and is throttled: something for every family. */
const BUSY = `busybox httpd -p 8080 -h / & while :; do
  dd if=/dev/zero of=/fill bs=64k count=16 2>/dev/null; wget -q -O /dev/null http://127.0.0.1:8080/fill; done`

/** What the dashboards and rules that most clusters have (kubernetes-mixin) ask of cAdvisor's families; each by pod. */
const WIDE_SPREAD = [
  'sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{image!="",CONTAINER}[20s]))',
  'sum by (namespace, pod, container) (container_memory_working_set_bytes{image!="",CONTAINER})',
  'sum by (namespace, pod, container) (container_memory_rss{image!="",CONTAINER})',
  'sum by (namespace, pod, container) (container_memory_cache{image!="",CONTAINER})',
  'sum by (namespace, pod) (rate(container_network_receive_bytes_total{POD}[20s]))',
  'sum by (namespace, pod) (rate(container_network_transmit_packets_dropped_total{POD}[20s]))',
  'sum by (namespace, pod, container) (increase(container_cpu_cfs_throttled_periods_total{CONTAINER}[20s])) / sum by (namespace, pod, container) (increase(container_cpu_cfs_periods_total{CONTAINER}[20s]))',
  'sum by (namespace, pod, container) (container_fs_usage_bytes{CONTAINER})',
  'container_start_time_seconds{CONTAINER}',
  'container_spec_memory_limit_bytes{CONTAINER} > 0',
  'container_processes{CONTAINER} > 0',
]

export const prometheus: Scenario = {
  name: 'prometheus',
  about:
    'Prometheus has scraped gantryd and the kubelet all the while: rules, dashboards and what others ask all evaluate',
  alone: true,
  run: async (workspace, cluster) => {
    const server = cluster.prometheus
    expect(server !== undefined, 'a runtime whose metrics are ours')
    const rules = await evaluatedRules(server)
    let empty: readonly string[] = []
    const mostFilled = async (): Promise<boolean> => {
      const { filled, ...rest } = await lookAtPanels(server)
      empty = rest.empty
      return filled > empty.length
    }
    // Of what has been scraped once there is no rate yet.
    await eventually('most panels show something', mostFilled, { state: () => empty.join(', ') })
    await familiesOfTheRuntime(workspace, cluster, server)
    const firing = rules.filter(({ state }) => state === 'firing').map(({ name }) => name)
    const told = [
      `${rules.length} rules`,
      `firing: ${firing.join(', ') || 'none'}`,
      `panels without data: ${empty.join(', ') || 'none'}`,
    ]
    return told.join('; ')
  },
}

async function evaluatedRules(server: Prometheus): Promise<readonly Rule[]> {
  let bad: string[] = []
  const allUp = async (): Promise<boolean> => {
    bad = (await server.targets()).filter(({ health }) => health !== 'up').map((t) => `${t.scrapeUrl}: ${t.lastError}`)
    return bad.length === 0
  }
  await eventually('all targets are scraped', allUp, { state: () => bad.join('\n') })
  const allEvaluated = async (): Promise<readonly Rule[] | false> => {
    const rules = await server.rules()
    bad = rules.filter(({ health }) => health !== 'ok').map(({ name, lastError }) => `${name}: ${lastError}`)
    return rules.length > 0 && bad.length === 0 && rules
  }
  return eventually('all rules are evaluated without error', allEvaluated, { state: () => bad.join('\n') })
}

/** Evaluates every panel of every dashboard; those that show nothing on this cluster are told, for people to judge. */
async function lookAtPanels(server: Prometheus): Promise<{ filled: number; empty: string[] }> {
  const files = (await readdir(DASHBOARDS)).filter((name) => name.endsWith('.json'))
  expect(files.length > 0, `a dashboard in ${DASHBOARDS}`)
  const empty = new Set<string>()
  let filled = 0
  for (const file of files) {
    const { panels } = JSON.parse(await readFile(join(DASHBOARDS, file), 'utf8')) as Dashboard
    for (const { title, targets = [] } of panels) {
      for (const { expr } of targets) {
        const found = await server.query(expr.replaceAll('$node', '.*').replaceAll('$__rate_interval', '10m'))
        if (found.length === 0) empty.add(title)
        else filled++
      }
    }
  }
  return { filled, empty: [...empty] }
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[]
}

/** The kubelet takes its cAdvisor families from ListPodSandboxMetrics: they answer what dashboards ask of the kubelet's own. */
async function familiesOfTheRuntime(workspace: Workspace, cluster: Cluster, server: Prometheus): Promise<void> {
  await cluster.restartKubelet({ featureGates: { PodAndContainerStatsFromCRI: true } })
  try {
    const resources = { limits: { cpu: '100m', memory: '64Mi' } }
    await workspace.pod('seen', { terminationGracePeriodSeconds: 0, containers: [shell('main', BUSY, { resources })] })
    await workspace.ready('seen')
    // The resource metrics have families of the same names.
    const pod = `job="kubelet-metrics-cadvisor",namespace="${workspace.namespace}",pod="seen"`
    for (const asked of WIDE_SPREAD) {
      const expression = asked.replaceAll('CONTAINER', `${pod},container="main"`).replaceAll('POD', pod)
      const answered = async (): Promise<boolean> => (await server.query(expression)).length === 1
      const state = async (): Promise<string> => JSON.stringify(await server.query(expression))
      await eventually(`there is one series of ${expression}`, answered, { state })
    }
  } finally {
    await cluster.restartKubelet({ featureGates: {} })
  }
}
