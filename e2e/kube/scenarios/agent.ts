// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { KubeConfig } from '@kubernetes/client-node'
import { KubeCluster, NODE_LABEL } from '../../../deploy/agent/kube-cluster.ts'
import { type AgentWorld, reconcile } from '../../../deploy/agent/reconcile.ts'
import { FakeNode } from '../../../deploy/testing/fake-node.ts'
import { NODE_NAME } from '../kubelet.ts'
import type { Node } from '../objects.ts'
import { programPath } from '../programs.ts'
import { expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

const CHART = resolve(import.meta.dirname, '../../../deploy/chart/gantry')
const OTHER_NODE = 'another-node'

export const agent: Scenario = {
  name: 'agent',
  about: 'the chart is accepted; an agent with the rights it gives rolls out, takes a bad release back, and removes',
  alone: true,
  run: async (workspace) => {
    await using _installed = await installChart(workspace)
    await using host = await FakeNode.create()
    const config = await configOfAgent(workspace)
    const cluster = clusterOf(workspace, config, NODE_NAME)
    const world = (version: string): AgentWorld => ({
      host,
      cluster,
      settings: {
        mode: 'install',
        daemon: {},
        kubelet: { service: 'kubelet.service', revertAfterSeconds: 30 },
        healthTimeoutSeconds: 2,
        leaseSeconds: 60,
        runtimeClass: 'gantry',
      },
      release: host.path(`/image-${version}`),
      revision: 1,
      pause: () => Promise.resolve(),
      nowMs: () => Date.now(),
    })
    await host.makeRelease('1.0.0')
    await host.makeRelease('1.1.0', 'broken')
    const empty = await host.files()

    const first = await reconcile(world('1.0.0'))
    expectEqual(
      first,
      { settled: true, condition: await conditionOf(workspace) },
      'what the agent says of a good release',
    )
    expectEqual(await labelOf(workspace), 'true', 'the label of the node')
    const since = await transitionOf(workspace)
    await reconcile(world('1.0.0'))
    expectEqual(
      await transitionOf(workspace),
      since,
      'the time of the last transition after a look that changed nothing',
    )
    const second = await reconcile(world('1.1.0'))
    expectEqual(second, { settled: false, condition: await conditionOf(workspace) }, 'what it says of a bad one')
    expectEqual(await labelOf(workspace), 'true', 'the label after a bad release was taken back')
    await expectEvents(workspace, ['GantryActivated', 'GantryTakenBack'])
    await expectOwnNodeOnly(workspace, config)

    await workspace.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'gantry-removal' },
      data: { revision: '1' },
    } as never)
    const last = await reconcile(world('1.0.0'))
    expect(last.settled, `a removal, not ${JSON.stringify(last)}`)
    expectEqual(await labelOf(workspace), undefined, 'the label after the removal')
    expectEqual(await host.files(), empty, 'the files of the node after the removal')
    return undefined
  },
}

/** helm install, on no node: the agent of this scenario is no pod. */
async function installChart(workspace: Workspace): Promise<AsyncDisposable> {
  const helm = (...args: string[]) => {
    const kubeconfig = workspace.cluster.plane.files.adminKubeconfig
    return promisify(execFile)(programPath('helm'), [
      ...args,
      '--namespace',
      workspace.namespace,
      '--kubeconfig',
      kubeconfig,
    ])
  }
  await helm('install', 'gantry', CHART, '--set', 'nodeSelector.nowhere=here,mode=install,networkPolicy.enabled=true')
  return { [Symbol.asyncDispose]: async () => void (await helm('uninstall', 'gantry', '--no-hooks')) }
}

/** The API with the rights of the chart's account, by a token that is bound to a pod on the node, as an agent's is. */
async function configOfAgent(workspace: Workspace): Promise<KubeConfig> {
  const { kubectl } = workspace
  await workspace.pod('agent', { serviceAccountName: 'gantry', containers: [shell('main', IDLE)] })
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/agent', '--timeout=60s'])
  const bound = ['--bound-object-kind=Pod', '--bound-object-name=agent']
  const token = (await kubectl.run(['create', 'token', 'gantry', ...bound])).trim()
  const admin = new KubeConfig()
  admin.loadFromFile(workspace.cluster.plane.files.adminKubeconfig)
  const server = admin.getCurrentCluster()
  if (server === null) throw new Error('the kubeconfig of the administrator names no cluster')
  const config = new KubeConfig()
  config.loadFromClusterAndUser(server, { name: 'agent', token })
  return config
}

function clusterOf({ namespace }: Workspace, config: KubeConfig, node: string): KubeCluster {
  return new KubeCluster(config, { node, namespace, instance: 'gantry', leaseSeconds: 60 })
}

async function readNode(workspace: Workspace): Promise<Node> {
  return workspace.api.get<Node>(`/api/v1/nodes/${NODE_NAME}`)
}

async function labelOf(workspace: Workspace): Promise<string | undefined> {
  const { metadata } = (await readNode(workspace)) as { metadata: { labels?: Readonly<Record<string, string>> } }
  return metadata.labels?.[NODE_LABEL]
}

async function conditionOf(workspace: Workspace): Promise<object> {
  const found = (await readNode(workspace)).status.conditions?.find(({ type }) => type === 'GantryReady')
  const { status, reason, message } = { reason: undefined, ...found } as Readonly<Record<string, string | undefined>>
  return { status, reason, message }
}

async function transitionOf(workspace: Workspace): Promise<unknown> {
  const found = (await readNode(workspace)).status.conditions?.find(({ type }) => type === 'GantryReady')
  return (found as { lastTransitionTime?: string } | undefined)?.lastTransitionTime
}

async function expectEvents(workspace: Workspace, wanted: readonly string[]): Promise<void> {
  const path = '/api/v1/namespaces/default/events?fieldSelector=source%3Dgantry-agent'
  const { items } = await workspace.api.get<{ items: { reason: string }[] }>(path)
  const found = items.map(({ reason }) => reason).sort()
  expectEqual(found, [...wanted].sort(), 'the events of the node')
}

async function expectOwnNodeOnly(workspace: Workspace, config: KubeConfig): Promise<void> {
  await workspace.api.create('/api/v1/nodes', { metadata: { name: OTHER_NODE } })
  try {
    const other = clusterOf(workspace, config, OTHER_NODE)
    const answer = await other.setLabel('true').then(
      () => 'it was changed',
      (error: unknown) => String(error),
    )
    expect(answer.includes('an agent changes the node that it runs on, and no other'), `a refusal, not: ${answer}`)
  } finally {
    await workspace.api.delete(`/api/v1/nodes/${OTHER_NODE}`)
  }
}
