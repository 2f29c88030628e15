// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../api.ts'
import { eventually } from '../eventually.ts'
import { expect, expectEqual, type Scenario, shell, timed } from '../scenario.ts'
import { isReady, type Workspace } from '../workspace.ts'

const REPLICAS = 4
const SERVE = 'mkdir /www; echo "$VERSION" >/www/index.html; exec busybox httpd -f -p 8080 -h /www'

export const deployment: Scenario = {
  name: 'deployment',
  about: 'a Deployment is rolled to a new version and back, and never has fewer ready pods than it should',
  run: async (workspace) => {
    await workspace.create(object() as KubeObject & { kind: string })
    const rollout = (): Promise<string> =>
      workspace.kubectl.run(['rollout', 'status', 'deployment/web', '--timeout=80s'])
    await rollout()
    await expectVersion(workspace, 'one')
    const fewest = watchReady(workspace)
    await workspace.kubectl.run(['set', 'env', 'deployment/web', 'VERSION=two'])
    const took = await timed(rollout)
    expect((await fewest.stop()) >= REPLICAS - 1, 'no more than one pod to be missing while it is rolled')
    await expectVersion(workspace, 'two')
    await workspace.kubectl.run(['rollout', 'undo', 'deployment/web'])
    await rollout()
    await expectVersion(workspace, 'one')
    await workspace.kubectl.run(['scale', 'deployment/web', '--replicas=0'])
    await eventually('no pod is left', async () => (await workspace.pods('app=web')).length === 0)
    return `${REPLICAS} pods rolled in ${took}`
  },
}

function object(): object {
  const probe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 }
  const container = shell('web', SERVE, { env: [{ name: 'VERSION', value: 'one' }], readinessProbe: probe })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: REPLICAS,
      strategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { terminationGracePeriodSeconds: 2, containers: [container] },
      },
    },
  }
}

async function expectVersion(workspace: Workspace, version: string): Promise<void> {
  const pods = (await workspace.pods('app=web')).filter(isReady)
  const answers = await Promise.all(pods.map(({ status }) => fetchText(`http://${status.podIP}:8080/`)))
  // Those on their way out may still be listed.
  expect(answers.filter((answer) => answer === version).length >= REPLICAS, `${REPLICAS} pods of version ${version}`)
  expectEqual(new Set(answers.slice(0, REPLICAS)).size <= 2, true, 'the number of versions that answer')
}

async function fetchText(url: string): Promise<string> {
  return (await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).text()).trim()
}

/** Counts ready pods until it is stopped; says how few there were. */
function watchReady(workspace: Workspace): { stop(): Promise<number> } {
  let [fewest, going] = [REPLICAS, true]
  const watching = eventually('counting has been stopped', async () => {
    fewest = Math.min(fewest, (await workspace.pods('app=web')).filter(isReady).length)
    return !going
  })
  return {
    stop: async () => {
      going = false
      await watching
      return fewest
    },
  }
}
