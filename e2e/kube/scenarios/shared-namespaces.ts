// SPDX-License-Identifier: Apache-2.0
import { readlink } from 'node:fs/promises'
import { freePort } from '../component.ts'
import { eventually } from '../eventually.ts'
import { expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

export const sharedNamespaces: Scenario = {
  name: 'shared-namespaces',
  about: 'shareProcessNamespace, hostNetwork, hostPID, hostIPC, hostPort, hostname and subdomain',
  run: async (workspace) => {
    await Promise.all([sharedProcesses(workspace), hostNamespaces(workspace), hostPort(workspace), names(workspace)])
    return undefined
  },
}

async function sharedProcesses(workspace: Workspace): Promise<void> {
  const containers = [shell('one', 'exec sleep 1111'), shell('two', 'exec sleep 2222')]
  await workspace.pod('shared', { shareProcessNamespace: true, containers })
  await workspace.ready('shared')
  const seen = await workspace.exec('shared', '-c', 'one', 'ps', '-o', 'pid,args')
  expect(/sleep 1111/.test(seen) && /sleep 2222/.test(seen), `each to see the other's processes, not\n${seen}`)
  expect(!/^\s*1 sleep/m.test(seen), `process 1 to be nobody's container, not\n${seen}`)
  const kill = `kill $(ps -o pid,args | awk '/sleep [2]222/ {print $1}')`
  await workspace.exec('shared', '-c', 'one', 'sh', '-c', kill)
  const ended = await workspace.until('shared', 'has an ended container', ({ status }) =>
    (status.containerStatuses ?? []).some(({ name, state }) => name === 'two' && state.terminated !== undefined),
  )
  expectEqual(ended.status.phase, 'Running', 'the phase while the other container runs')
}

async function hostNamespaces(workspace: Workspace): Promise<void> {
  const spec = { hostNetwork: true, hostPID: true, hostIPC: true, containers: [shell('main', IDLE)] }
  await workspace.pod('host', spec)
  const { status } = await workspace.ready('host')
  expectEqual(status.podIP, status.hostIP, 'the address of a pod on the host network')
  for (const kind of ['net', 'ipc', 'pid']) {
    const inside = (await workspace.exec('host', 'readlink', `/proc/self/ns/${kind}`)).trim()
    expectEqual(inside, await readlink(`/proc/self/ns/${kind}`), `the ${kind} namespace`)
  }
}

async function hostPort(workspace: Workspace): Promise<void> {
  const port = await freePort()
  const ports = [{ containerPort: 8080, hostPort: port }]
  const main = shell('main', 'mkdir /www; echo mapped >/www/index.html; exec busybox httpd -f -p 8080 -h /www', {
    ports,
  })
  await workspace.pod('port', { containers: [main] })
  await workspace.ready('port')
  const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()
  expectEqual(
    await eventually('the port answers', ask, { timeoutMs: 10_000 }),
    'mapped\n',
    'what the port of the host says',
  )
  await workspace.deletePod('port')
  const answers = await ask().then(Boolean, () => false)
  expectEqual(answers, false, 'whether the port answers once its pod is gone')
}

async function names(workspace: Workspace): Promise<void> {
  const spec = { hostname: 'first', subdomain: 'team', containers: [shell('main', 'hostname; grep first /etc/hosts')] }
  await workspace.pod('named', {
    ...spec,
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['192.0.2.53'], searches: ['x.example'] },
  })
  const { status } = await workspace.ended('named')
  const said = (await workspace.logs('named')).replaceAll(/\s+/g, ' ')
  const domain = `first.team.${workspace.namespace}.svc.`
  expect(said.startsWith('first ') && said.includes(domain), `its names, not ${said} (${status.podIP})`)
}
