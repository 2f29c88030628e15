// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeNode, until } from './fake-plugins.fixture.ts'
import { findStragglers, killStragglers, ownerVariable } from './stragglers.ts'

/** A process with a plugin's environment; killed at the end of the block. */
async function pluginOf(cacheDir: string, sandboxId: string) {
  const env = { PATH: '/usr/bin:/bin', [ownerVariable]: cacheDir, CNI_CONTAINERID: sandboxId }
  const child = spawn('sh', ['-c', 'echo up; exec sleep 300'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const dispose = async () => {
    child.kill('SIGKILL')
    await gone
  }
  return { pid: child.pid ?? 0, child, [Symbol.asyncDispose]: dispose }
}

test('only plugins of the same instance and of the given pods are found', async () => {
  await using mine = await pluginOf('/x/cni', 'abc')
  await using _finished = await pluginOf('/x/cni', 'done')
  await using _other = await pluginOf('/y/cni', 'abc')
  assert.equal(await findStragglers('/x/cni', new Set(['abc'])), [{ pid: mine.pid, sandboxId: 'abc' }])
  assert.equal(await findStragglers('/x/cni', new Set()), [])
})

test('when killing returns the stragglers are gone, and the others live', async () => {
  await using mine = await pluginOf('/x/cni', 'abc')
  await using other = await pluginOf('/y/cni', 'abc')
  assert.equal(await killStragglers('/x/cni', new Set(['abc']), 5000), [])
  await until('its parent knows', () => mine.child.signalCode === 'SIGKILL')
  assert.is(other.child.signalCode, null)
})

test('a plugin that outlives a killed gantryd, with its children, is ended by the next one', async () => {
  await using node = await FakeNode.create()
  await node.plugin('a', 'sleep 300 & echo "$$ $!" > "$ROOT/pids.tmp"; mv "$ROOT/pids.tmp" "$ROOT/pids"; wait')
  await node.conf('1.conflist', { cniVersion: '1.0.0', name: 'podnet', plugins: [{ type: 'a' }] })
  const program = join(node.root, 'gantryd.ts')
  await writeFile(program, daemon(node))
  const gantryd = spawn(process.execPath, [program], { stdio: 'inherit' })
  await until('the plugin runs', () => existsSync(join(node.root, 'pids')))
  const gone = new Promise((resolve) => gantryd.once('exit', resolve))
  gantryd.kill('SIGKILL')
  await gone
  const pids = (await readFile(join(node.root, 'pids'), 'utf8')).trim().split(' ')
  assert.equal(
    pids.map((pid) => existsSync(`/proc/${pid}`)),
    [true, true],
  )

  const restarted = spawn(process.execPath, [program, 'recover'], { stdio: 'inherit' })
  assert.is(await new Promise((resolve) => restarted.once('exit', resolve)), 0)
  await until('both are gone', () => pids.every((pid) => !existsSync(`/proc/${pid}`)))
  assert.equal(await node.order(), ['a ADD', 'a DEL'])
})

/** A program that attaches a pod, or, after a restart, rolls the attempt back. */
function daemon(node: FakeNode): string {
  return `
    import { CniConfigurations } from '${import.meta.dirname}/discover.ts'
    import { PodNetwork } from '${import.meta.dirname}/network.ts'
    const configurations = new CniConfigurations({ dir: '${node.confDir}' })
    await configurations.refresh()
    const network = new PodNetwork({
      configurations, pluginDirs: ['${node.binDir}'], cacheDir: '${node.cacheDir}', env: { PATH: '/usr/bin:/bin' },
      now: () => performance.now(), ipPreference: 'ipv4', parallel: 4, cleanupTimeoutMs: 5000, statusTimeoutMs: 5000,
      statusMaxAgeMs: 5000,
    })
    const pod = { sandboxId: 'abc', netnsPath: '/proc/self/ns/net', name: 'w', namespace: 'd', uid: 'u' }
    if (process.argv[2] === 'recover') {
      await network.killStragglers(5000)
      // the plugin hangs at DEL as well: only that it was asked matters here
      await network.teardown(pod, { deadlineMs: 300 }).catch(() => undefined)
    } else await network.setup(pod, { deadlineMs: 60_000 })
  `
}

test.run()
