// SPDX-License-Identifier: Apache-2.0
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeNode } from '../testing/fake-node.ts'
import { rejects } from '../testing/rejects.ts'
import { activate, readRecord, resume } from './activate.ts'
import { commandIn, endpointState, keepEndpoint, restoreEndpoint, tryEndpoint } from './kubelet.ts'
import { currentVersion, installedVersion, installedVersions, installRelease, pruneReleases } from './releases.ts'
import { removeGantry } from './remove.ts'

const TIMEOUT_MS = 200
const KUBELET = { service: 'kubelet.service', endpoint: 'unix:///run/gantry/gantry.sock' }

function deployment(version: string, config = 'a = 1\n') {
  return { version, config }
}

async function nodeWith(...versions: string[]): Promise<FakeNode> {
  const node = await FakeNode.create()
  for (const version of versions) await installRelease(node, await node.makeRelease(version))
  return node
}

test('a release is put beside those that are there, and nothing runs from it yet', async () => {
  await using node = await nodeWith('1.0.0', '1.1.0')
  assert.equal(await installedVersions(node), ['1.0.0', '1.1.0'])
  assert.is(await currentVersion(node), undefined)
  assert.equal(
    node.commands.filter((line) => line.startsWith('systemctl')),
    [],
  )
})

test('a damaged release is not installed, and one that was damaged on the node is put right', async () => {
  await using node = await nodeWith('1.0.0')
  const source = await node.makeRelease('2.0.0')
  await appendFile(`${source}/bin/gantryd`, 'x')
  await rejects(installRelease(node, source), 'failed_precondition', /bin\/gantryd": has \d+ bytes/)
  assert.equal(await installedVersions(node), ['1.0.0'])
  await writeFile(node.path('/opt/gantry/releases/1.0.0/behaviour'), 'other')
  await installRelease(node, node.path('/image-1.0.0'))
  assert.is(await readFile(node.path('/opt/gantry/releases/1.0.0/behaviour'), 'utf8'), 'healthy')
})

test('whether a release is there already is told by its manifest, and another one of that version is not it', async () => {
  await using node = await nodeWith('1.0.0')
  assert.is(await installedVersion(node, node.path('/image-1.0.0')), '1.0.0')
  const other = await node.makeRelease('1.0.0', 'broken')
  assert.is(await installedVersion(node, other), undefined)
  assert.is(await installedVersion(node, await node.makeRelease('2.0.0')), undefined)
})

test('another release under the version of the one that runs is refused', async () => {
  await using node = await nodeWith('1.0.0')
  await activate(node, deployment('1.0.0'), TIMEOUT_MS)
  const source = await node.makeRelease('1.0.0', 'broken')
  await rejects(installRelease(node, source), 'failed_precondition', /another one of this version runs/)
  assert.is(await readFile(node.path('/opt/gantry/releases/1.0.0/behaviour'), 'utf8'), 'healthy')
})

test('a healthy release becomes the one that runs, also after a boot', async () => {
  await using node = await nodeWith('1.0.0')
  assert.equal(await activate(node, deployment('1.0.0'), TIMEOUT_MS), { kind: 'active' })
  assert.is(await currentVersion(node), '1.0.0')
  assert.ok(node.enabled.has('gantryd.service'))
  assert.is(await readFile(node.path('/etc/gantry/gantryd.toml'), 'utf8'), 'a = 1\n')
  assert.match(
    await readFile(node.path('/etc/systemd/system/gantryd.service.d/10-release.conf'), 'utf8'),
    /^ExecStart=\nExecStart=\/opt\/gantry\/current\/bin\/gantryd --config /m,
  )
  assert.equal(await readRecord(node), {})
})

for (const behaviour of ['broken', 'silent'] as const) {
  test(`a release whose daemon is ${behaviour} is taken back, with its configuration`, async () => {
    await using node = await nodeWith('1.0.0')
    await activate(node, deployment('1.0.0'), TIMEOUT_MS)
    await installRelease(node, await node.makeRelease('1.1.0', behaviour))
    const outcome = await activate(node, deployment('1.1.0', 'b = 2\n'), TIMEOUT_MS)
    assert.is(outcome.kind === 'taken-back' && outcome.back, '1.0.0')
    assert.is(await currentVersion(node), '1.0.0')
    assert.is(await readFile(node.path('/etc/gantry/gantryd.toml'), 'utf8'), 'a = 1\n')
    const { failed, trying } = await readRecord(node)
    assert.is(failed?.version, '1.1.0')
    assert.is(trying, undefined)
    if (behaviour === 'broken') assert.is(failed?.reason, 'Broken: as the test wants it')
  })
}

test('a first release that is broken leaves nothing running', async () => {
  await using node = await FakeNode.create()
  await installRelease(node, await node.makeRelease('1.0.0', 'broken'))
  const outcome = await activate(node, deployment('1.0.0'), TIMEOUT_MS)
  assert.is(outcome.kind === 'taken-back' && outcome.back, undefined)
  assert.is(await currentVersion(node), undefined)
  assert.not.ok(node.enabled.has('gantryd.service'))
})

test('who is interrupted at any command of an activation goes on where it was', async () => {
  // As many interruptions as there are commands.
  for (let index = 0; index < 4; index++) {
    await using node = await nodeWith('1.0.0', '1.1.0')
    await activate(node, deployment('1.0.0'), TIMEOUT_MS)
    const before = node.commands.length
    await activate(node, deployment('1.1.0'), TIMEOUT_MS)
    const command = node.commands.slice(before)[index] ?? ''
    await activate(node, deployment('1.0.0'), TIMEOUT_MS)

    node.failing.add(command)
    const wasInterrupted = await activate(node, deployment('1.1.0'), TIMEOUT_MS).then(
      () => false,
      () => true,
    )
    node.failing.clear()
    assert.is(wasInterrupted, !command.includes('reset-failed'), command)
    assert.equal(await resume(node, TIMEOUT_MS), wasInterrupted ? { kind: 'active' } : undefined, command)
    assert.is(await currentVersion(node), '1.1.0', command)
    assert.is((await readRecord(node)).previous?.version, '1.0.0', command)
  }
})

test('what is interrupted while it is taken back is taken back', async () => {
  await using node = await nodeWith('1.0.0')
  await activate(node, deployment('1.0.0'), TIMEOUT_MS)
  await installRelease(node, await node.makeRelease('1.1.0', 'broken'))
  let reloads = 0
  const run = node.run.bind(node)
  // The second reload is that of the way back.
  node.run = (program, args) => {
    if (args[0] === 'daemon-reload' && ++reloads === 2) return Promise.reject(new Error('interrupted'))
    return run(program, args)
  }
  await activate(node, deployment('1.1.0'), TIMEOUT_MS).then(
    () => assert.unreachable(),
    () => undefined,
  )
  const outcome = await resume(node, TIMEOUT_MS)
  assert.is(outcome?.kind, 'taken-back')
  assert.is(await currentVersion(node), '1.0.0')
})

test('the command of a kubelet is the last that its unit and drop-ins give, without ours', () => {
  const text = `# /lib/systemd/system/kubelet.service
[Service]
ExecStart=/usr/bin/kubelet --a \\
  --b
# /etc/systemd/system/kubelet.service.d/20-site.conf
[Service]
ExecStart=
ExecStart=/usr/bin/kubelet $ARGS
# /run/systemd/system/kubelet.service.d/90-gantry.conf
[Service]
ExecStart=
ExecStart=/usr/bin/kubelet $ARGS --container-runtime-endpoint=unix:///x
`
  assert.is(commandIn(text), '/usr/bin/kubelet $ARGS')
  assert.is(commandIn(text.slice(0, text.indexOf('# /etc'))), '/usr/bin/kubelet --a --b')
  assert.is(commandIn('[Service]\nType=notify\n'), undefined)
})

test('an endpoint is on trial below /run, with a way back that needs nobody, until it is kept', async () => {
  await using node = await FakeNode.create()
  await tryEndpoint(node, KUBELET, 120)
  assert.is(await endpointState(node, KUBELET.service), 'trial')
  assert.match(
    await readFile(node.path('/run/systemd/system/kubelet.service.d/90-gantry.conf'), 'utf8'),
    /^ExecStart=\nExecStart=\/usr\/bin\/kubelet \$KUBELET_CONFIG_ARGS \$KUBELET_EXTRA_ARGS --container-runtime-endpoint=unix:\/\/\/run\/gantry\/gantry\.sock$/m,
  )
  // The way back first: there is no moment in which the endpoint is ours and nothing would take it back.
  const armed = node.commands.findIndex((line) => line.startsWith('systemd-run') && line.includes('--on-active=120s'))
  assert.ok(armed >= 0 && armed < node.commands.findIndex((line) => /^systemctl .*restart kubelet/.test(line)))
  await keepEndpoint(node, KUBELET.service)
  assert.is(await endpointState(node, KUBELET.service), 'ours')
  assert.is(node.timer, undefined)
  assert.is(node.kubeletRestarts, 1, 'the kubelet is not started again to keep what it has')
})

test('an endpoint that nobody keeps is taken back by the node, and cannot be kept then', async () => {
  await using node = await FakeNode.create()
  await tryEndpoint(node, KUBELET, 120)
  await node.fireTimer()
  assert.is(await endpointState(node, KUBELET.service), 'theirs')
  await rejects(keepEndpoint(node, KUBELET.service), 'failed_precondition', /the node has put the old one back/)
})

test('a kubelet gets its old endpoint back, from trial and for good', async () => {
  await using node = await FakeNode.create()
  const before = await node.files()
  await tryEndpoint(node, KUBELET, 120)
  assert.is(await restoreEndpoint(node, KUBELET.service), true)
  await tryEndpoint(node, KUBELET, 120)
  await keepEndpoint(node, KUBELET.service)
  assert.is(await restoreEndpoint(node, KUBELET.service), true)
  assert.is(await restoreEndpoint(node, KUBELET.service), false)
  assert.equal(await node.files(), before)
  assert.is(node.timer, undefined)
  assert.is(node.kubeletRestarts, 4)
})

test('releases that nobody goes back to are removed, with what an installation left', async () => {
  await using node = await nodeWith('1.0.0', '1.1.0', '1.2.0')
  await mkdir(node.path('/opt/gantry/releases/.1.3.0.new'))
  await pruneReleases(node, new Set(['1.1.0', '1.2.0']))
  assert.equal(await installedVersions(node), ['1.1.0', '1.2.0'])
})

test('what is removed leaves no file, and is not removed below running pods', async () => {
  await using node = await FakeNode.create()
  const before = await node.files()
  await installRelease(node, await node.makeRelease('1.0.0'))
  await activate(node, deployment('1.0.0'), TIMEOUT_MS)
  await mkdir(node.path('/run/gantry/pods/a'), { recursive: true })
  await rejects(removeGantry(node), 'failed_precondition', /1 pods of it are still there/)
  assert.is(await currentVersion(node), '1.0.0')
  await node.run('rmdir', ['/run/gantry/pods/a'])
  await removeGantry(node)
  assert.equal(await node.files(), before)
  assert.not.ok(node.enabled.has('gantryd.service'))
})

test.run()
