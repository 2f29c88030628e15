// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse, parseAllDocuments } from 'yaml'

/**
 * The chart as helm renders it: its rules, golden manifests, refusals. helm is built by the set-up; where it could
 * not be, what needs it is skipped, but not by CI, which ends with the set-up.
 */

const CHART = join(import.meta.dirname, 'gantry')
const HELM = resolve(import.meta.dirname, '../../e2e/.cache/bin/helm')
const needsHelm = existsSync(HELM) ? test : test.skip
const scratch = mkdtempSync(join(tmpdir(), 'gantry-chart-'))
test.after(() => rmSync(scratch, { recursive: true }))

type Values = Readonly<Record<string, unknown>>

function helm(args: readonly string[]): { readonly ok: boolean; readonly text: string } {
  const env = {
    PATH: process.env['PATH'],
    HELM_CACHE_HOME: scratch,
    HELM_CONFIG_HOME: scratch,
    HELM_DATA_HOME: scratch,
  }
  const { status, stdout, stderr } = spawnSync(HELM, args, { encoding: 'utf8', env, timeout: 60_000 })
  return { ok: status === 0, text: status === 0 ? stdout : `${stdout}${stderr}` }
}

function render(values: Values): { readonly ok: boolean; readonly text: string } {
  const file = join(scratch, 'values.json')
  writeFileSync(file, JSON.stringify(values))
  const place = ['gantry', CHART, '--namespace', 'gantry-system', '--kube-version', '1.36.0']
  return helm(['template', ...place, '--values', file])
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
  readonly [field: string]: unknown
}

function objectsOf(values: Values): Manifest[] {
  const { ok, text } = render(values)
  assert.ok(ok, text)
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null)
}

const EVERYTHING: Values = {
  image: { repository: 'registry.test/gantry', digest: `sha256:${'ab'.repeat(32)}`, pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'pull' }],
  daemon: { config: { 'cni-bin-dir': '/usr/lib/cni', 'pinned-images': ['a:1', 'b:2'] } },
  nodeSelector: { 'example.test/pool': 'gantry' },
  affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  tolerations: [{ operator: 'Exists' }],
  priorityClassName: 'high',
  podAnnotations: { 'example.test/a': 'b' },
  podLabels: { 'example.test/c': 'd' },
  seLinuxOptions: { type: 'spc_t' },
  updateStrategy: { type: 'OnDelete', rollingUpdate: null },
  runtimeClass: { name: 'fast', overhead: null },
  serviceAccount: { name: 'own', annotations: { 'example.test/e': 'f' } },
  networkPolicy: { enabled: true, metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] },
  metrics: {
    podMonitor: { enabled: true, labels: { release: 'prometheus' } },
    serviceMonitor: { enabled: true },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
    dashboard: { enabled: true },
  },
}
const GOLDEN: Readonly<Record<string, Values>> = {
  defaults: {},
  everything: EVERYTHING,
  primary: { mode: 'primary', uninstall: { enabled: false }, runtimeClass: { create: false } },
  'without-rights': { mode: 'install', rbac: { create: false }, serviceAccount: { create: false, name: 'mine' } },
}

for (const [name, values] of Object.entries(GOLDEN)) {
  needsHelm(`what is rendered with ${name} is what was reviewed (UPDATE_GOLDEN=1 writes it anew)`, () => {
    const { ok, text } = render(values)
    assert.ok(ok, text)
    // Alerts and dashboard have their own tests; here they would only be long.
    const short = text
      .replace(/^( +gantry\.json: \|)\n(?: {4}.*\n)+/m, '$1 …\n')
      .replace(/^( +groups:)\n(?: {4}.*\n)+/m, '$1 …\n')
    const file = join(import.meta.dirname, 'testdata', `${name}.yaml`)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, short)
    assert.fixture(short, readFileSync(file, 'utf8'))
  })
}

needsHelm('helm finds nothing to say about the chart', () => {
  for (const values of Object.values(GOLDEN)) {
    const file = join(scratch, 'lint.json')
    writeFileSync(file, JSON.stringify(values))
    const { ok, text } = helm(['lint', '--strict', CHART, '--values', file])
    assert.ok(ok, text)
    assert.not.match(text, /\[(WARNING|ERROR)\]/)
  }
})

const REFUSED: readonly (readonly [string, Values, RegExp])[] = [
  ['a mode that does not exist', { mode: 'proxy' }, /mode/],
  ['a value that is misspelled', { nodeSelectors: {} }, /nodeSelectors/],
  ['an endpoint that is no unix socket', { upstream: { endpoint: '/run/containerd.sock' } }, /endpoint/],
  ['a handler that is no DNS label', { runtimeClass: { name: 'Gantry_1' } }, /name/],
  ['a digest that is cut off', { image: { digest: 'sha256:abc' } }, /digest/],
  ['a tag with a slash', { image: { tag: 'a/b' } }, /tag/],
  ['a unit that is no service', { kubelet: { service: 'kubelet' } }, /service/],
  [
    'a dead-man timer that is shorter than a kubelet needs',
    { kubelet: { revertAfterSeconds: 5 } },
    /revertAfterSeconds/,
  ],
  ['a key of the daemon that the agent decides', { daemon: { config: { listen: 'unix:///x' } } }, /listen/],
  ['a cgroup driver that does not exist', { daemon: { cgroupDriver: 'none' } }, /cgroupDriver/],
  ['a port that is none', { metrics: { port: 70000 } }, /port/],
  ['an interval without a unit', { metrics: { podMonitor: { interval: '30' } } }, /interval/],
  ['a text where a number belongs', { agent: { leaseSeconds: 'long' } }, /leaseSeconds/],
  ['an account that nobody names', { serviceAccount: { create: false } }, /serviceAccount\.name/],
]

for (const [what, values, text] of REFUSED) {
  needsHelm(`${what} is refused, and named`, () => {
    const answer = render(values)
    assert.not.ok(answer.ok, answer.text)
    assert.match(answer.text, text)
  })
}

needsHelm('the agents have no right over the cluster but to read and change nodes and to evict pods', () => {
  const [role] = objectsOf({}).filter(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'gantry')
  assert.equal(role?.['rules'], [
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'patch'] },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
  ])
  const everything = objectsOf(EVERYTHING)
  const rules = everything.flatMap((object) => (Array.isArray(object['rules']) ? object['rules'] : []))
  for (const rule of rules) {
    assert.not.ok(rule.verbs.includes('*') || rule.resources.includes('*'), JSON.stringify(rule))
    assert.not.ok(rule.resources.includes('secrets'), JSON.stringify(rule))
  }
})

needsHelm('no container is privileged or in a namespace of the host', () => {
  const text = JSON.stringify(objectsOf(EVERYTHING))
  for (const word of ['"privileged":true', '"hostPID":true', '"hostNetwork":true', '"hostIPC":true', 'SYS_ADMIN']) {
    assert.not.ok(text.includes(word), word)
  }
})

needsHelm('a monitor finds the port by the name that the pod gives it', () => {
  const objects = objectsOf(EVERYTHING)
  const daemonSet = objects.find(({ kind }) => kind === 'DaemonSet')
  const monitor = objects.find(({ kind }) => kind === 'PodMonitor')
  assert.ok(JSON.stringify(daemonSet).includes('"name":"metrics","containerPort":9581'))
  assert.ok(JSON.stringify(monitor).includes('"podMetricsEndpoints":[{"port":"metrics"'))
})

needsHelm('alerts and dashboard reach the cluster as they stand in metrics/', () => {
  const objects = objectsOf(EVERYTHING)
  const root = resolve(import.meta.dirname, '../..')
  const rule = objects.find(({ kind }) => kind === 'PrometheusRule')
  assert.equal(rule?.['spec'], parse(readFileSync(join(root, 'metrics/rules/alerts.yaml'), 'utf8')))
  const dashboard = objects.find(({ metadata }) => metadata.name === 'gantry-dashboard')
  const data = dashboard?.['data'] as Record<string, string>
  assert.equal(
    JSON.parse(data['gantry.json'] ?? ''),
    JSON.parse(readFileSync(join(root, 'metrics/dashboards/gantry.json'), 'utf8')),
  )
})

test('alerts, dashboard and version of the chart are in step with their sources', () => {
  execFileSync(process.execPath, [join(import.meta.dirname, 'write-files.ts'), '--check'])
})

test('every value has its place in the schema and its line in README.md, and nothing else has', () => {
  const values = leavesOf(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')))
  const page = readFileSync(join(CHART, 'README.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name = '']) => name)
  assert.equal([...documented].sort(), [...values].sort())
  const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'))
  assert.equal(
    Object.keys(schema.properties)
      .filter((name) => name !== 'global')
      .sort(),
    topOf(values),
  )
})

/** Maps whose keys are the user's own. */
const OPEN =
  /^(nodeSelector|affinity|podAnnotations|podLabels|seLinuxOptions|updateStrategy)$|(labels|annotations|overhead|resources|config)$/

function leavesOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || OPEN.test(path)) return [path]
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, path === '' ? key : `${path}.${key}`))
}

function topOf(paths: readonly string[]): string[] {
  return [...new Set(paths.map((path) => path.split('.', 1)[0] ?? ''))].sort()
}

test.run()
