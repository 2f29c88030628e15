// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { mkdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createCriClient } from '../../cri-proto/index.ts'
import { imageSpec } from '../harness/daemon.ts'
import { IMAGES, SUITE_REGISTRY } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { HOST_NETWORK, idleConfig, podConfig, Workloads } from '../harness/workloads.ts'
import { ensureImages } from '../images/build.ts'
import { runCommand } from '../images/command.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'

// deploy/systemd/gantryd.service as a node has it: installed, started, restarted, killed, upgraded, removed. Run in the
// guest by main.ts.

const REPOSITORY = resolve(import.meta.dirname, '../..')
const UNIT = 'gantryd.service'
const SOURCE = resolve(REPOSITORY, 'deploy/systemd', UNIT)
const INSTALLED = `/etc/systemd/system/${UNIT}`
const CGROUP = `/sys/fs/cgroup/system.slice/${UNIT}`
const HOME = '/opt/gantry'
const NEXT = '/opt/gantry-next'
const SLICE = 'kubepods-besteffort-podunit.slice'
/** An emulated daemon needs half a minute to start. */
const START_MS = 120_000

const registry = await RegistryServer.start({ layouts: [await ensureImages('quickstart')] })
await writeCertsD('/etc/gantry/certs.d', { registries: [SUITE_REGISTRY], endpoint: registry.endpoint })
await mkdir('/etc/default', { recursive: true })
await writeFile('/etc/default/gantryd', 'GANTRYD_FLAGS=--cgroup-driver systemd --cni-bin-dir /usr/lib/cni\n')
await symlink(REPOSITORY, HOME)
await mkdir(NEXT)
await runCommand('mount', ['--bind', REPOSITORY, NEXT])

const client = createCriClient('unix:///run/gantry/gantry.sock', { defaultTimeoutMs: 60_000 })
const workloads = new Workloads(client)
const place = { logDirectory: '/var/log/pods', cgroupParent: '' }
const pod = podConfig(place, 'unit', {
  linux: { cgroupParent: SLICE, securityContext: { namespaceOptions: HOST_NETWORK } },
})
let podSandboxId = ''
let containerId = ''
let pid = 0

test.after(async () => {
  client.close()
  await registry.close()
})

const systemctl = (...args: string[]) => runCommand('systemctl', args)
const shown = async (name: string) => (await systemctl('show', '--value', '-p', name, UNIT)).trim()
const journal = (...args: string[]) => runCommand('journalctl', ['--no-pager', '-u', UNIT, ...args])
const scoreOf = async (of: number | string) => (await readFile(`/proc/${of}/oom_score_adj`, 'utf8')).trim()

/** The units of pods that systemd knows. */
async function podUnits(): Promise<string> {
  return (await systemctl('list-units', '--all', '--plain', '--no-legend', '--', 'gantry-*.scope', 'kubepods*')).trim()
}

async function runPod(): Promise<void> {
  podSandboxId = await workloads.runPod(pod)
  containerId = await workloads.runContainer(podSandboxId, idleConfig('survivor'), pod)
  const { info } = await client.runtime.containerStatus({ containerId, verbose: true })
  pid = Number(/"pid":\s*(\d+)/.exec(info['info'] ?? '')?.[1])
  assert.ok(pid > 0, JSON.stringify(info))
}

/** The container is the same process, and the daemon knows it. */
async function expectAlive(): Promise<void> {
  assert.ok(existsSync(`/proc/${pid}`), `process ${pid} lives`)
  assert.is(await workloads.exec(containerId, 'echo', 'here'), 'here\n')
}

/** Waits for systemd to have started another daemon than this one. */
async function anotherThan(main: string): Promise<void> {
  await waitFor(
    'another daemon is active',
    async () => {
      const now = await shown('MainPID')
      return now !== '0' && now !== main && (await shown('ActiveState')) === 'active'
    },
    START_MS,
  )
}

test('systemd-analyze has nothing to say about the unit', async () => {
  assert.is(await runCommand('sh', ['-c', `systemd-analyze verify ${SOURCE} 2>&1`]), '')
})

test('it is started when its socket answers, and not before', async () => {
  await runCommand('cp', [SOURCE, INSTALLED])
  await systemctl('daemon-reload')
  await systemctl('enable', '--now', UNIT)
  assert.is(await shown('ActiveState'), 'active')
  assert.match(await shown('StatusText'), '0 pods')
  assert.is((await client.runtime.version({ version: 'v1' })).runtimeName, 'gantry')
})

test('the journal knows how grave each of its lines is', async () => {
  const lines = (await journal('-o', 'json', '-g', '"msg":"ready"')).trim().split('\n')
  const { PRIORITY, MESSAGE } = JSON.parse(lines.at(-1) ?? '') as Record<string, string>
  assert.is(PRIORITY, '6')
  assert.match(MESSAGE ?? '', /^\{"level":30/)
})

test('a pod runs outside of the cgroup of the daemon, its keeper in it', async () => {
  await client.image.pullImage({ image: imageSpec(IMAGES.busybox) })
  await runPod()
  assert.match(await readFile(`/proc/${pid}/cgroup`, 'utf8'), `gantry-${containerId}.scope`)
  const keeper = /^PPid:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
  assert.match(await readFile(`/proc/${keeper}/cgroup`, 'utf8'), `/system.slice/${UNIT}\n`)
  await expectAlive()
})

test('the daemon and the keepers are spared by the OOM killer, containers are not', async () => {
  const keeper = /^PPid:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
  assert.is(await scoreOf(await shown('MainPID')), '-999')
  assert.is(await scoreOf(keeper), '-999')
  assert.is(await scoreOf(pid), '0')
  assert.is(await workloads.exec(containerId, 'cat', '/proc/self/oom_score_adj'), '0\n')
})

test('a restart leaves the pod alone', async () => {
  await systemctl('restart', UNIT)
  await expectAlive()
  assert.match(await shown('StatusText'), '1 pods')
})

test('a daemon that is killed comes back, and finds its pod', async () => {
  const main = await shown('MainPID')
  await runCommand('kill', ['-KILL', main])
  await anotherThan(main)
  await expectAlive()
})

test('a daemon that hangs is replaced', async () => {
  await mkdir(`${INSTALLED}.d`)
  await writeFile(`${INSTALLED}.d/test.conf`, '[Service]\nWatchdogSec=20\n')
  await systemctl('daemon-reload')
  await systemctl('restart', UNIT)
  const main = await shown('MainPID')
  await runCommand('kill', ['-STOP', main])
  await anotherThan(main)
  assert.match(await journal('-g', 'Watchdog timeout'), 'Watchdog timeout')
  await expectAlive()
})

test('an upgrade is another release in its place and a restart', async () => {
  await symlink(NEXT, `${HOME}.new`)
  await rename(`${HOME}.new`, HOME)
  await systemctl('restart', UNIT)
  assert.match(await readlink(`/proc/${await shown('MainPID')}/exe`), NEXT)
  await expectAlive()
})

test('a stop leaves the pod running, and the next start finds it', async () => {
  await systemctl('stop', UNIT)
  assert.is(await shown('ActiveState'), 'inactive')
  assert.is(await shown('Result'), 'success')
  assert.ok(existsSync(`/proc/${pid}`), `process ${pid} lives`)
  await systemctl('start', UNIT)
  await expectAlive()
})

test('with its pods gone nothing is left in systemd but the daemon', async () => {
  await workloads.removePod(podSandboxId)
  await waitFor('no unit is left', async () => (await podUnits()) === '', 20_000)
})

test('it is removed with its pods: they go on after the stop, and end with their keepers', async () => {
  await runPod()
  await systemctl('disable', '--now', UNIT)
  assert.ok(existsSync(`/proc/${pid}`), `process ${pid} lives`)
  await systemctl('kill', '--kill-whom=all', '--signal=SIGKILL', UNIT)
  await waitFor('the container is gone', () => !existsSync(`/proc/${pid}`), 20_000)
  await waitFor('its scope is gone', async () => !(await podUnits()).includes('.scope'), 20_000)
  await waitFor('the cgroup of the daemon is gone', () => !existsSync(CGROUP), 20_000)
  await systemctl('stop', 'kubepods.slice')
  for (const path of [INSTALLED, `${INSTALLED}.d`, '/run/gantry']) await rm(path, { recursive: true })
  await systemctl('daemon-reload')
  assert.is(await podUnits(), '')
  assert.is((await systemctl('list-units', '--all', '--plain', '--no-legend', 'gantryd*')).trim(), '')
  assert.is((await runCommand('sh', ['-c', "ps -eo comm | grep '^gantry-' || true"])).trim(), '')
  assert.not.match(await readFile('/proc/self/mountinfo', 'utf8'), '/run/gantry')
})

test.run()
