// SPDX-License-Identifier: Apache-2.0
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeDaemon } from '../testing/fake-daemon.ts'
import { FakeNode } from '../testing/fake-node.ts'
import type { Progress } from './reconcile.ts'
import { serveAgent } from './server.ts'

test('probes follow the node, and metrics are those of daemon and agent, also while the daemon is down', async () => {
  await using host = await FakeNode.create()
  let progress: Progress | undefined
  let alive = true
  const server = await serveAgent('127.0.0.1:0', { host, progress: () => progress, alive: () => alive })
  const { port } = server.address() as AddressInfo
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: answer.status, text: await answer.text() }
  }
  try {
    assert.equal(await ask('/readyz'), { status: 503, text: 'starting\n' })
    assert.match((await ask('/metrics')).text, /^gantry_agent_daemon_up 0$/m)

    const daemon = await FakeDaemon.start(host, '1.0.0', true)
    progress = { settled: true, condition: { status: 'True', reason: 'Running', message: 'release 1.0.0 runs' } }
    assert.equal(await ask('/readyz'), { status: 200, text: 'Running: release 1.0.0 runs\n' })
    const { text } = await ask('/metrics')
    await daemon.stop()
    assert.match(text, /^gantry_agent_daemon_up 1$/m)
    assert.match(text, /^gantry_build_info\{version="1\.0\.0"/m)

    progress = { settled: false, condition: { status: 'False', reason: 'TakenBack', message: 'as it was' } }
    assert.equal(await ask('/readyz'), { status: 503, text: 'TakenBack: as it was\n' })
    assert.match((await ask('/metrics')).text, /^gantry_agent_release_taken_back 1$/m)

    assert.is((await ask('/healthz')).status, 200)
    alive = false
    assert.is((await ask('/healthz')).status, 503)
    assert.is((await ask('/else')).status, 404)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test.run()
