// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dialSpdy } from '../../shim/streaming/testing/spdy-client.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig } from '../harness/workloads.ts'
import { crictlCommand, TRANSPORTS } from './crictl.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'flow')
const podSandboxId = await workloads.runPod(pod)
const containerId = await workloads.runContainer(podSandboxId, idleConfig('main'), pod)
const GIGABYTE = 1 << 30
const MEGABYTE = 1 << 20
const MOST_GROWTH = 32 * MEGABYTE

test.after(() => daemon[Symbol.asyncDispose]())

/** Resident bytes of the daemon: now, and at most since the last `forgetPeak`. */
function memory(): { now: number; peak: number } {
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  const bytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') }
}

// proc(5): 5 resets the peak resident size.
const forgetPeak = (): void => writeFileSync(`/proc/${daemon.pid}/clear_refs`, '5')

/** Runs work and checks by how much the daemon grew meanwhile. */
async function expectFlat(work: () => Promise<void>): Promise<void> {
  forgetPeak()
  const before = memory().now
  await work()
  const grown = memory().peak - before
  assert.ok(grown < MOST_GROWTH, `the daemon grew by ${(grown / MEGABYTE).toFixed(1)} MB`)
}

async function shell(command: string): Promise<string> {
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  await once(child, 'close')
  return output.trim()
}

for (const transport of TRANSPORTS) {
  const exec = `${crictlCommand(daemon.socket).join(' ')} exec --transport=${transport}`

  test(`${transport}: a gigabyte through \`exec cat\`, there and back, costs the daemon no memory`, async () => {
    await shell(`echo warm | ${exec} -i ${containerId} cat`)
    await expectFlat(async () => {
      const count = await shell(`head -c ${GIGABYTE} /dev/zero | ${exec} -i ${containerId} cat | wc -c`)
      assert.is(Number(count), GIGABYTE)
    })
  })
}

async function open(cmd: string[], stdin: boolean) {
  const { url } = await runtime.exec({ containerId, cmd, tty: false, stdin, stdout: true, stderr: false })
  const client = await dialSpdy(url, ['v4.channel.k8s.io'])
  const error = await client.open({ streamtype: 'error' })
  const input = stdin ? await client.open({ streamtype: 'stdin' }) : undefined
  const stdout = await client.open({ streamtype: 'stdout' })
  return { client, error, input, stdout }
}

test('a client that does not read makes the command wait, and loses nothing when it reads', async () => {
  await expectFlat(async () => {
    const { client, stdout } = await open(['/bin/dd', 'if=/dev/zero', 'bs=65536', 'count=3200'], false)
    stdout.discards = true
    client.socket.pause()
    // It has written what fits between, and goes on waiting.
    let written = -1n
    await waitFor('the command waits', async () => {
      const text = await workloads.exec(containerId, '/bin/sh', '-c', 'cat /proc/$(pidof dd)/io')
      const now = BigInt(/wchar: (\d+)/.exec(text)?.[1] ?? 0)
      const waits = now > 0n && now === written
      written = now
      return waits
    })
    assert.ok(written < 64n * BigInt(MEGABYTE), `${written} bytes were taken from it`)
    client.socket.resume()
    await stdout.text
    assert.is(stdout.received, 3200 * 65536)
  })
})

test('a command that does not read its input makes the client wait', async () => {
  await expectFlat(async () => {
    const { client, input, stdout } = await open(
      ['/bin/sh', '-c', 'read first; read second < /dev/zero; sleep 3600'],
      true,
    )
    const piece = Buffer.alloc(65536, 'x')
    let taken = 0
    while (input?.write(piece) === true || client.socket.writableLength < 4 * MEGABYTE) {
      taken += piece.length
      if (taken > 256 * MEGABYTE) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(taken < 64 * MEGABYTE, `${taken} bytes were taken for it`)
    // Others are not held up by it.
    const other = await open(['/bin/echo', 'at once'], false)
    assert.is(await other.stdout.text, 'at once\n')
    client.socket.destroy()
    await stdout.text
  })
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
