// SPDX-License-Identifier: Apache-2.0
import { KUBE_IMAGES } from '../images.ts'
import { expect, expectEqual, type Scenario, shell } from '../scenario.ts'
import { containerOf, isReady, type Workspace } from '../workspace.ts'

const HTTPD = 'mkdir /www; touch /www/ok; exec busybox httpd -f -p 8080 -h /www'
const EVERY_SECOND = { periodSeconds: 1, failureThreshold: 1 }

export const probes: Scenario = {
  name: 'probes',
  about: 'exec, HTTP, TCP and gRPC probes; a sick container leaves the ready ones or is started again',
  run: async (workspace) => {
    await Promise.all([readiness(workspace), liveness(workspace), tcpAndStartup(workspace), grpc(workspace)])
    return undefined
  },
}

async function readiness(workspace: Workspace): Promise<void> {
  const probe = { httpGet: { path: '/ok', port: 8080 }, ...EVERY_SECOND }
  await workspace.pod('http', { containers: [shell('main', HTTPD, { readinessProbe: probe })] })
  await workspace.ready('http')
  await workspace.exec('http', 'rm', '/www/ok')
  await workspace.until('http', 'is not ready any more', (pod) => !isReady(pod))
  await workspace.exec('http', 'touch', '/www/ok')
  const pod = await workspace.ready('http')
  expectEqual(containerOf(pod, 'main').restartCount, 0, 'restarts by a readiness probe')
}

async function liveness(workspace: Workspace): Promise<void> {
  const probe = { exec: { command: ['sh', '-c', 'test ! -e /sick || { echo "I am sick"; exit 1; }'] }, ...EVERY_SECOND }
  const container = shell('main', 'sleep 2; touch /sick; sleep 1000', { livenessProbe: probe })
  await workspace.pod('exec', { restartPolicy: 'Always', terminationGracePeriodSeconds: 0, containers: [container] })
  await workspace.until('exec', 'is started again', (pod) => (pod.status.containerStatuses?.[0]?.restartCount ?? 0) > 0)
  const event = await workspace.event('exec', 'Unhealthy')
  expect(event.includes('I am sick'), `the probe's output in its event, not ${event}`)
}

async function tcpAndStartup(workspace: Workspace): Promise<void> {
  const container = shell('main', 'sleep 3; exec busybox httpd -f -p 9000', {
    startupProbe: { tcpSocket: { port: 9000 }, periodSeconds: 1, failureThreshold: 30 },
    livenessProbe: { tcpSocket: { port: 9000 }, ...EVERY_SECOND },
  })
  await workspace.pod('tcp', { containers: [container] })
  const pod = await workspace.until(
    'tcp',
    'has started',
    ({ status }) => status.containerStatuses?.[0]?.started === true,
  )
  expectEqual(containerOf(pod, 'main').restartCount, 0, 'restarts while the startup probe holds the liveness probe off')
}

async function grpc(workspace: Workspace): Promise<void> {
  const container = {
    name: 'main',
    image: KUBE_IMAGES.grpc,
    args: [':7000', '/shared/sick'],
    volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
    readinessProbe: { grpc: { port: 7000, service: 'store' }, ...EVERY_SECOND },
  }
  const doctor = shell('doctor', 'sleep 1000', { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] })
  await workspace.pod('grpc', { containers: [container, doctor], volumes: [{ name: 'shared', emptyDir: {} }] })
  await workspace.ready('grpc')
  await workspace.exec('grpc', '-c', 'doctor', 'touch', '/shared/sick')
  await workspace.until('grpc', 'does not serve any more', (pod) => !isReady(pod))
}
