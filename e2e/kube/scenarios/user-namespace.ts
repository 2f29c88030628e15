// SPDX-License-Identifier: Apache-2.0
import { expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'

export const userNamespace: Scenario = {
  name: 'user-namespace',
  about: 'pods with `hostUsers: false` are root inside and somebody of their own outside; volumes keep their owners',
  run: async (workspace) => {
    const mounts = {
      volumeMounts: [
        { name: 'data', mountPath: '/data' },
        { name: 'word', mountPath: '/word' },
      ],
    }
    const spec = {
      hostUsers: false,
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'word', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      ],
      containers: [shell('main', `echo mine >/data/file; ${IDLE}`, mounts)],
    }
    await workspace.pod('one', spec)
    await workspace.pod('two', spec)
    const starts: number[] = []
    for (const name of ['one', 'two']) {
      await workspace.ready(name)
      const [inside = '', outside = '', size = ''] = (await workspace.exec(name, 'cat', '/proc/self/uid_map'))
        .trim()
        .split(/\s+/)
      expectEqual([Number(inside), Number(size) >= 65_536], [0, true], 'the mapping of users')
      expect(Number(outside) >= 65_536, `users above those of the host, not ${outside}`)
      starts.push(Number(outside))
      const look = 'id -u; stat -c "%u:%g" /data/file /word/name /etc/hosts /; cat /word/name'
      const said = await workspace.exec(name, 'sh', '-c', look)
      expectEqual(said, `0\n0:0\n0:0\n0:0\n0:0\n${name}`, 'who owns what inside')
    }
    expect(starts[0] !== starts[1], 'two pods to be two users outside')
    return undefined
  },
}
