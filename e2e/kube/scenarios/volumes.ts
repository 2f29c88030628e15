// SPDX-License-Identifier: Apache-2.0
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeObject } from '../api.ts'
import { eventually } from '../eventually.ts'
import { expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

export const volumes: Scenario = {
  name: 'volumes',
  about:
    'ConfigMap, Secret, projected, downward API, emptyDir on disk and in memory, hostPath, subPath; updates arrive',
  run: async (workspace, cluster) => {
    const host = join(cluster.daemon.directory, 'host-path')
    await mkdir(host)
    await writeFile(join(host, 'from-host'), 'host\n')
    await createSources(workspace)
    await workspace.pod('mounts', spec(host), { labels: { colour: 'green' } })
    await workspace.ready('mounts')
    for (const [command, wanted] of EXPECTED) {
      expectEqual(await workspace.exec('mounts', 'sh', '-c', command), wanted, `\`${command}\``)
    }
    expectEqual(await readFile(join(host, 'from-pod'), 'utf8'), 'pod\n', 'what the pod wrote to the host')
    const token = await workspace.exec('mounts', 'cat', '/projected/token')
    expectEqual(token.split('.').length, 3, 'the number of parts of the service account token')
    const change = { data: { word: 'changed' } }
    await workspace.api.patch(workspace.pathOf('ConfigMap', 'words'), change)
    const arrived = async (): Promise<boolean> => (await workspace.exec('mounts', 'cat', '/config/word')) === 'changed'
    await eventually('the change of the ConfigMap arrives', arrived, { timeoutMs: 90_000 })
    expectEqual(await workspace.exec('mounts', 'cat', '/one-key'), 'plain', 'a subPath, which stays as it was')
    return `${EXPECTED.length} looks into 9 volumes`
  },
}

/** What each command prints in the pod. */
const EXPECTED: readonly (readonly [string, string])[] = [
  ['cat /config/word', 'plain'],
  ['cat /one-key', 'plain'],
  ['stat -L -c %a /secret/key', '400\n'],
  ['cat /secret/key', 's3cret'],
  ['cat /projected/labels', 'colour="green"'],
  ['cat /projected/nested/word', 'plain'],
  ['stat -f -c %T /memory', 'tmpfs\n'],
  ["df -m /memory | tail -1 | awk '{print $2}'", '8\n'],
  ['echo disk >/disk/file && cat /disk/file', 'disk\n'],
  ['cat /host/from-host; echo pod >/host/from-pod', 'host\n'],
  ['touch /host-read-only/x 2>&1 | grep -o "Read-only file system"', 'Read-only file system\n'],
  ['echo x >/expanded/x && ls /disk/mounts', 'x\n'],
  ['cat /etc/hosts | grep -c additional.example', '1\n'],
  ['echo $KEY $POD_NAME', 's3cret mounts\n'],
]

async function createSources(workspace: Workspace): Promise<void> {
  const make = (kind: string, rest: object): Promise<KubeObject> =>
    workspace.create({ apiVersion: 'v1', kind, ...rest } as KubeObject & { kind: string })
  await make('ConfigMap', { metadata: { name: 'words' }, data: { word: 'plain' } })
  await make('Secret', { metadata: { name: 'keys' }, stringData: { key: 's3cret' } })
}

function spec(host: string): Readonly<Record<string, unknown>> {
  const mount = (name: string, mountPath: string, more: object = {}): object => ({ name, mountPath, ...more })
  const field = (fieldPath: string): object => ({ fieldRef: { fieldPath } })
  const projected = {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      { configMap: { name: 'words', items: [{ key: 'word', path: 'nested/word' }] } },
      { downwardAPI: { items: [{ path: 'labels', ...field('metadata.labels') }] } },
    ],
  }
  return {
    hostAliases: [{ ip: '10.1.2.3', hostnames: ['additional.example'] }],
    volumes: [
      { name: 'config', configMap: { name: 'words' } },
      { name: 'secret', secret: { secretName: 'keys', defaultMode: 0o400 } },
      { name: 'projected', projected },
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
      { name: 'disk', emptyDir: {} },
      { name: 'host', hostPath: { path: host, type: 'Directory' } },
    ],
    containers: [
      shell('main', IDLE, {
        env: [
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
          { name: 'POD_NAME', valueFrom: field('metadata.name') },
        ],
        volumeMounts: [
          mount('config', '/config'),
          mount('config', '/one-key', { subPath: 'word' }),
          mount('secret', '/secret', { readOnly: true }),
          mount('projected', '/projected'),
          mount('memory', '/memory'),
          mount('disk', '/disk'),
          mount('disk', '/expanded', { subPathExpr: '$(POD_NAME)' }),
          mount('host', '/host'),
          mount('host', '/host-read-only', { readOnly: true, recursiveReadOnly: 'Enabled' }),
        ],
      }),
    ],
  }
}
