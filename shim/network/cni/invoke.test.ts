// SPDX-License-Identifier: Apache-2.0
import { close, existsSync, open } from 'node:fs'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../runtime-core/errors.ts'
import { FakeNode, failureOf, until } from './fake-plugins.fixture.ts'
import { findPlugin, hasPluginCode, type InvokeOptions, invokePlugin } from './invoke.ts'

const attachment = { containerId: 'abc', netnsPath: '/proc/1/fd/3', ifName: 'eth0', args: 'A=1;B=2' }

/** Runs a fake plugin whose body is given. */
async function run(node: FakeNode, body: string, options: Partial<InvokeOptions> = {}, stdin = '{}'): Promise<string> {
  const path = await node.plugin('fake', body)
  const invocation = { command: 'ADD' as const, type: 'fake', network: 'podnet', path, stdin, attachment }
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  return await invokePlugin(invocation, { pluginDirs: [node.binDir, '/other'], env, timeoutMs: 10_000, ...options })
}

test('a plugin gets its parameters by environment and its configuration on standard input', async () => {
  await using node = await FakeNode.create()
  const env = { PATH: '/usr/bin:/bin', CNI_COMMAND: 'DEL', CNI_NETNS: '/evil', PROXY: 'p' }
  const stdout = await run(node, 'echo "{\\"cwd\\":\\"$PWD\\",\\"proxy\\":\\"$PROXY\\"}"', { env }, '{"name":"podnet"}')
  assert.equal(JSON.parse(stdout), { cwd: '/', proxy: 'p' })
  assert.equal(await node.calls(), [
    {
      plugin: 'fake',
      command: 'ADD',
      containerId: 'abc',
      netns: '/proc/1/fd/3',
      ifName: 'eth0',
      args: 'A=1;B=2',
      path: `${node.binDir}:/other`,
      stdin: { name: 'podnet' },
    },
  ])
})

test('parameters that a command does not have are empty, not inherited', async () => {
  await using node = await FakeNode.create()
  const path = await node.plugin('fake', 'exit 0')
  const env = { PATH: '/usr/bin:/bin', CNI_CONTAINERID: 'old', CNI_IFNAME: 'old', CNI_ARGS: 'old', CNI_NETNS: 'old' }
  const invocation = { command: 'STATUS' as const, type: 'fake', network: 'podnet', path, stdin: '{}' }
  await invokePlugin(invocation, { pluginDirs: [], env, timeoutMs: 10_000 })
  const [call] = await node.calls()
  assert.equal([call?.containerId, call?.netns, call?.ifName, call?.args], ['', '', '', ''])
})

test('an error object becomes the text and the code of the error', async () => {
  await using node = await FakeNode.create()
  const body = `echo '{"cniVersion":"1.0.0","code":7,"msg":"no bridge","details":"name missing"}'; exit 1`
  const error = await failureOf(run(node, body))
  assert.is(error.message, 'cni ADD "fake" (network "podnet"): plugin error 7: no bridge: name missing')
  assert.ok(hasCode(error, 'failed_precondition') && error.stage === 'cni_add')
  assert.ok(hasPluginCode(error, 7))
  assert.not.ok(hasPluginCode(error, 3))
})

test('each number of the specification has a class a caller can act on', async () => {
  await using node = await FakeNode.create()
  const classOf = async (code: number) => {
    const error = await failureOf(run(node, `echo '{"code":${code},"msg":"m"}'; exit 1`))
    return hasCode(error, 'not_found', 'failed_precondition', 'unavailable', 'internal') ? error.code : 'none'
  }
  const found: string[] = []
  for (const code of [1, 3, 5, 7, 11, 50, 51, 100, 999]) found.push(await classOf(code))
  assert.equal(found, [
    'failed_precondition',
    'not_found',
    'internal',
    'failed_precondition',
    'unavailable',
    'unavailable',
    'unavailable',
    'internal',
    'internal',
  ])
})

test('without an error object the text of standard error is the reason', async () => {
  await using node = await FakeNode.create()
  const error = await failureOf(run(node, 'echo "cannot open device" >&2; exit 3'))
  assert.is(error.message, 'cni ADD "fake" (network "podnet"): exit status 3: cannot open device')
})

test('a plugin that ends without a word is named by its exit status', async () => {
  await using node = await FakeNode.create()
  assert.match((await failureOf(run(node, 'exit 4'))).message, /: exit status 4, no message$/)
})

test('garbage on standard output is quoted, without control characters and bounded', async () => {
  await using node = await FakeNode.create()
  const error = await failureOf(run(node, `printf 'a\\033[31mb\\nc'; exit 1`))
  assert.match(error.message, /: exit status 1: a \[31mb c$/)
  const long = await failureOf(run(node, 'head -c 100000 /dev/zero | tr "\\0" x; exit 1'))
  assert.ok(long.message.length < 2200)
})

test('a plugin killed by a signal is reported with it', async () => {
  await using node = await FakeNode.create()
  assert.match((await failureOf(run(node, 'kill -SEGV $$'))).message, /: ended by SIGSEGV, no message$/)
})

test('a plugin that hangs is killed at the deadline, with all it started', async () => {
  await using node = await FakeNode.create()
  const body = `echo "waiting for the datastore" >&2; sleep 1000 & echo "$$ $!" > "$ROOT/pids"; trap '' TERM; wait`
  const error = await failureOf(run(node, body, { timeoutMs: 300 }))
  assert.ok(hasCode(error, 'deadline_exceeded'))
  assert.match(
    error.message,
    /^cni ADD "fake" \(network "podnet"\): no answer, killed after [3-9]\d\d ms; its standard error ends waiting for the datastore$/,
  )
  const pids = (await readFile(join(node.root, 'pids'), 'utf8')).trim().split(' ')
  assert.is(pids.length, 2)
  await until('both processes are gone', () => pids.every((pid) => !isRunning(pid)))
})

test('a caller that gives up ends the plugin', async () => {
  await using node = await FakeNode.create()
  const patience = new AbortController()
  const running = failureOf(
    run(node, 'echo $$ > "$ROOT/pid.tmp"; mv "$ROOT/pid.tmp" "$ROOT/pid"; sleep 1000', { signal: patience.signal }),
  )
  await until('the plugin runs', () => existsSync(join(node.root, 'pid')))
  patience.abort()
  const error = await running
  assert.ok(hasCode(error, 'cancelled'))
  assert.match(error.message, 'the caller gave up, killed after')
  assert.not.ok(isRunning((await readFile(join(node.root, 'pid'), 'utf8')).trim()))
})

test('a caller without patience starts nothing', async () => {
  await using node = await FakeNode.create()
  assert.ok(hasCode(await failureOf(run(node, 'exit 0', { signal: AbortSignal.abort() })), 'cancelled'))
  assert.ok(hasCode(await failureOf(run(node, 'exit 0', { timeoutMs: 0 })), 'deadline_exceeded'))
  assert.equal(await node.calls(), [])
})

test('a plugin that floods its output is killed at one MiB', async () => {
  await using node = await FakeNode.create()
  const error = await failureOf(run(node, 'cat /dev/zero'))
  assert.match(error.message, /more than 1048576 bytes of output, killed after/)
})

test('a plugin that floods standard error still gives its result', async () => {
  await using node = await FakeNode.create()
  assert.is(await run(node, 'head -c 3000000 /dev/zero >&2; echo fine'), 'fine\n')
})

test('exactly one MiB of output is accepted', async () => {
  await using node = await FakeNode.create()
  assert.is((await run(node, 'head -c 1048576 /dev/zero')).length, 1048576)
})

test('a plugin that does not read its configuration is judged by its exit status', async () => {
  await using node = await FakeNode.create()
  const path = join(node.binDir, 'deaf')
  await writeFile(path, '#!/bin/sh\nexec <&-\necho deaf\n', { mode: 0o755 })
  const invocation = {
    command: 'ADD' as const,
    type: 'deaf',
    network: 'n',
    path,
    stdin: 'x'.repeat(500_000),
    attachment,
  }
  assert.is(await invokePlugin(invocation, { pluginDirs: [], env: {}, timeoutMs: 10_000 }), 'deaf\n')
})

test('a plugin that leaves a background process with its output open is not waited for', async () => {
  await using node = await FakeNode.create()
  const started = performance.now()
  assert.is(await run(node, 'sleep 30 & echo $! > "$ROOT/pid"; echo done'), 'done\n')
  assert.ok(performance.now() - started < 5000)
  process.kill(Number(await readFile(join(node.root, 'pid'), 'utf8')), 'SIGKILL')
})

test('a binary that is being written is tried again until it is whole', async () => {
  await using node = await FakeNode.create()
  const path = join(node.binDir, 'busy')
  await writeFile(path, await readFile('/bin/true'), { mode: 0o755 })
  const fd = await promisify(open)(path, 'r+')
  const invocation = { command: 'DEL' as const, type: 'busy', network: 'n', path, stdin: '{}', attachment }
  const options = { pluginDirs: [], env: {}, timeoutMs: 10_000, busyRetryMs: 50 }
  setTimeout(() => close(fd), 80)
  assert.is(await invokePlugin(invocation, options), '')
})

test('a binary that stays busy is given up with the reason', async () => {
  await using node = await FakeNode.create()
  const path = join(node.binDir, 'busy')
  await writeFile(path, await readFile('/bin/true'), { mode: 0o755 })
  const fd = await promisify(open)(path, 'r+')
  const invocation = { command: 'DEL' as const, type: 'busy', network: 'n', path, stdin: '{}', attachment }
  const error = await failureOf(
    invokePlugin(invocation, { pluginDirs: [], env: {}, timeoutMs: 10_000, busyRetryMs: 1 }),
  )
  await promisify(close)(fd)
  assert.is(error.message, 'cni DEL "busy" (network "n"): ETXTBSY')
})

test('a plugin is the first executable file of its name', async () => {
  await using node = await FakeNode.create()
  const second = join(node.root, 'second')
  await mkdir(second)
  await writeFile(join(node.binDir, 'a'), 'not executable')
  await chmod(join(node.binDir, 'a'), 0o644)
  await mkdir(join(node.binDir, 'b'))
  await writeFile(join(second, 'a'), '', { mode: 0o755 })
  await symlink('/bin/true', join(second, 'b'))
  const dirs = [join(node.root, 'missing'), node.binDir, second]
  assert.is(await findPlugin('a', dirs), join(second, 'a'))
  assert.is(await findPlugin('b', dirs), join(second, 'b'))
})

test('a plugin that is not installed is named with the directories searched', async () => {
  const error = await failureOf(findPlugin('calico', ['/nowhere', '/opt/none']))
  assert.is(error.message, 'find cni plugin "calico": no executable of that name in "/nowhere", "/opt/none"')
  assert.ok(hasCode(error, 'not_found'))
  assert.ok(hasCode(await failureOf(findPlugin('../bin/sh', ['/bin'])), 'invalid_argument'))
})

function isRunning(pid: string): boolean {
  return existsSync(`/proc/${pid}`)
}

test.run()
