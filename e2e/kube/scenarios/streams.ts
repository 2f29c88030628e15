// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../eventually.ts'
import { BUSYBOX, expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import { containerOf, type Workspace } from '../workspace.ts'

/** It takes its time to answer: what was said before the attach is there belongs to the log alone. */
const ECHO = 'while read -r line; do sleep 1; echo "heard $line"; [ "$line" = bye ] && exit 0; done'

export const streams: Scenario = {
  name: 'streams',
  about: 'kubectl exec, attach, port-forward, logs, cp and debug, as a person uses them',
  run: async (workspace, cluster) => {
    const web = shell('web', `mkdir /www; echo hello >/www/index.html; busybox httpd -p 8080 -h /www; ${IDLE}`)
    await workspace.pod('target', { containers: [web, shell('ear', ECHO, { stdin: true })] })
    await workspace.ready('target')
    await exec(workspace)
    await attach(workspace)
    await portForward(workspace)
    await logs(workspace)
    await copy(workspace, join(cluster.daemon.directory, 'copies'))
    await debug(workspace)
    return undefined
  },
}

async function exec({ kubectl }: Workspace): Promise<void> {
  const inWeb = ['exec', '-i', 'target', '-c', 'web', '--', 'sh', '-c']
  const run = await kubectl.try([...inWeb, 'cat; echo problem >&2; exit 42'], { stdin: 'through\n' })
  expectEqual([run.code, run.stdout], [42, 'through\n'], 'exit code and output of exec')
  expect(run.stderr.startsWith('problem\n'), `the error output first, not ${run.stderr}`)
  const size = 3_000_000
  const counted = await kubectl.run([...inWeb, 'wc -c'], { stdin: 'x'.repeat(size) })
  expectEqual(Number(counted), size, 'bytes that arrive at the standard input')
  const sent = await kubectl.run([...inWeb, `head -c ${size} /dev/zero | tr '\\0' y`])
  expectEqual(sent.length, size, 'bytes that come from the standard output')
}

async function attach({ kubectl }: Workspace): Promise<void> {
  const { stdout } = await kubectl.try(['attach', '-i', 'target', '-c', 'ear'], { stdin: 'one\nbye\n' })
  expect(stdout.includes('heard one') && stdout.includes('heard bye'), `what was said to be heard, not ${stdout}`)
}

async function portForward({ kubectl }: Workspace): Promise<void> {
  const forward = kubectl.start(['port-forward', 'target', ':8080'])
  try {
    const [line] = (await once(forward.stdout, 'data')) as [Buffer]
    const port = /127\.0\.0\.1:(\d+)/.exec(line.toString())?.[1]
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()
    expectEqual(await Promise.all([1, 2, 3].map(ask)), ['hello\n', 'hello\n', 'hello\n'], 'what comes through the port')
  } finally {
    const closed = once(forward, 'close')
    forward.kill('SIGTERM')
    await closed
  }
}

async function logs(workspace: Workspace): Promise<void> {
  await workspace.pod('talks', { containers: [shell('main', 'for n in 1 2 3; do echo "line $n"; sleep 1; done')] })
  await workspace.until('talks', 'runs', ({ status }) => status.phase === 'Running')
  expectEqual(
    await workspace.logs('talks', '--follow'),
    'line 1\nline 2\nline 3\n',
    'a log that is followed to its end',
  )
  expectEqual(await workspace.logs('talks', '--tail=1'), 'line 3\n', 'the end of a log')
  const stamped = await workspace.logs('talks', '--timestamps', '--tail=1')
  expect(/^\d{4}-\d\d-\d\dT\S+ line 3\n$/.test(stamped), `a time before the line, not ${stamped}`)
}

async function copy({ kubectl }: Workspace, directory: string): Promise<void> {
  await mkdir(directory)
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 251))
  await writeFile(join(directory, 'up'), content)
  await kubectl.run(['cp', '-c', 'web', join(directory, 'up'), 'target:/tmp/up'])
  await kubectl.run(['cp', '-c', 'web', 'target:/tmp/up', join(directory, 'down')])
  expect((await readFile(join(directory, 'down'))).equals(content), 'a file to come back as it went')
}

async function debug(workspace: Workspace): Promise<void> {
  const options = [`--image=${BUSYBOX}`, '--target=web', '--container=doctor', '--profile=general', '--quiet']
  await workspace.kubectl.run(['debug', 'target', ...options, '--', 'sh', '-c', 'ps; ls /proc/1/root/www'])
  const done = async () => {
    const container = containerOf(await workspace.getPod('target'), 'doctor')
    return container.state.terminated
  }
  expectEqual((await eventually('the debugger has ended', done)).exitCode, 0, 'the exit code of the debugger')
  const said = await workspace.logs('target', '-c', 'doctor')
  expect(said.includes('httpd') && said.includes('index.html'), `the processes and files of the target, not ${said}`)
}
