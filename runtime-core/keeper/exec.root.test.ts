// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../pod.ts'
import type { OutputSink } from './client.ts'
import type { ProcessExit } from './protocol.ts'
import { eventually, memoryKiB } from './test/eventually.ts'
import { listener, Room } from './test/room.ts'

/** Execs, attached clients, stdin and terminals. */

const room = new Room()
let pod: Pod
let container: Awaited<ReturnType<Room['start']>>

test.before(async () => {
  pod = await room.pod()
  container = await room.start(pod, ['sleep', '1000'])
})

test.after(() => room.leave(pod))

test('an exec’s output comes by its streams, and its exit code with it', async () => {
  const said = await room.exec(pod, container, ['sh', '-c', 'echo out; echo err >&2; exit 5'])
  assert.equal([said.stdout, said.stderr, said.exit.exitCode], ['out\n', 'err\n', 5])
})

test('an exec that a signal ends is told as 128 and its number', async () => {
  const said = await room.exec(pod, container, ['sh', '-c', 'kill -TERM $$'])
  assert.equal([said.exit.exitCode, said.exit.signal], [143, 15])
})

test('an exec sees what the container sees', async () => {
  const inside = 'hostname; readlink /proc/1/exe; cat /proc/1/cmdline; ls /proc/self/fd | wc -l'
  const said = await room.exec(pod, container, ['sh', '-c', inside])
  assert.is(said.stdout, 'pod\n/bin/busybox\nsleep\x001000\x004\n')
})

test('an exec leaves nothing behind in the keeper', async () => {
  const { sink, said } = listener()
  const request = room.execRequest(container, ['true'])
  await pod.exec(request, sink)
  await said
  // The same id can be used again.
  const again = listener()
  await pod.exec(request, again.sink)
  assert.is((await again.said).exit.exitCode, 0)
})

test('an exec that was refused is told so once: its listener hears nothing of the connection’s end', async () => {
  const stream = await pod.openStream()
  const heard: string[] = []
  const sink = (name: string): OutputSink => ({
    output: () => undefined,
    exit: () => void heard.push(`${name} ended`),
    lost: () => void heard.push(`${name} lost`),
  })
  const request = room.execRequest(container, ['sleep', '100'])
  await stream.exec(request, sink('first'))
  const error = await stream.exec(request, sink('second')).catch((cause: unknown) => cause)
  assert.match(String(error), /EEXIST$/)
  stream.close()
  await eventually('the first hears of the end', () => heard.length > 0)
  assert.equal(heard, ['first lost'])
})

test('a background child of an exec holds its end up only for the time to drain', async () => {
  const started = Date.now()
  const said = await room.exec(pod, container, ['sh', '-c', 'sleep 50 & echo done'], { drainMs: 100 })
  assert.is(said.stdout, 'done\n')
  assert.ok(Date.now() - started < 3000)
})

test('an exec of one program runs beside a hundred others', async () => {
  const all = await Promise.all(
    Array.from({ length: 100 }, (_, i) => room.exec(pod, container, ['sh', '-c', `echo ${i}; exit ${i}`])),
  )
  assert.ok(all.every(({ stdout, exit }, i) => stdout === `${i}\n` && exit.exitCode === i))
})

test('50 MB for a reader that pauses all the time arrive whole, and the keeper stays small', async () => {
  const stream = await pod.openStream()
  let total = 0
  let largest = 0
  const exit = await new Promise<ProcessExit>((resolve, reject) => {
    const sink: OutputSink = {
      output: (_, bytes) => {
        total += bytes.length
        stream.pause()
        largest = Math.max(largest, memoryKiB(pod.keeperPid, 'Private_Dirty'))
        setImmediate(() => stream.resume())
      },
      exit: resolve,
      lost: reject,
    }
    const request = room.execRequest(container, ['dd', 'if=/dev/zero', 'bs=65536', 'count=800'])
    stream.exec({ ...request, stderr: false }, sink).catch(reject)
  })
  stream.close()
  assert.equal([total, exit.exitCode], [800 * 65536, 0])
  assert.ok(largest < 4096 || !room.isMemoryTelling, `${largest} KiB`)
})

test('a reader that stops for longer than the time to drain misses nothing', async () => {
  const stream = await pod.openStream()
  const { sink, said } = listener()
  const request = room.execRequest(container, ['sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x; echo last'])
  await stream.exec({ ...request, drainMs: 10 }, sink)
  stream.pause()
  // The exec is over when its process is; nothing else tells while we do not read.
  await eventually(
    'the exec ended',
    async0(() => room.exec(pod, container, ['sh', '-c', 'ps | grep -c "[h]ead -c 3"'])),
    5000,
  )
  await new Promise((resolve) => setTimeout(resolve, 100))
  stream.resume()
  const { stdout } = await said
  stream.close()
  assert.is(stdout.length, 300_005)
  assert.ok(stdout.endsWith('xlast\n'))
})

/** Lets time pass by execs: true after a few of them. */
function async0(run: () => Promise<unknown>): () => boolean {
  let count = 0
  const again = (): void => {
    run().then(
      () => {
        count++
        if (count < 5) again()
      },
      () => undefined,
    )
  }
  again()
  return () => count >= 5
}

test('stdin of an exec reaches it to the last byte and ends', async () => {
  const stream = await pod.openStream()
  const { sink, said } = listener()
  await stream.exec({ ...room.execRequest(container, ['wc', '-c']), stdin: true }, sink)
  for (let i = 0; i < 100; i++) await new Promise<void>((done) => stream.write(Buffer.alloc(10_007), done))
  stream.endInput()
  assert.is((await said).stdout, '1000700\n')
  stream.close()
})

test('an exec ends with its caller’s connection', async () => {
  const stream = await pod.openStream()
  const { sink } = listener()
  await stream.exec(room.execRequest(container, ['sleep', '777']), sink)
  const running = async () => (await room.exec(pod, container, ['sh', '-c', 'ps | grep "[s]leep 777"'])).stdout
  assert.not.equal(await running(), '')
  stream.close()
  const end = Date.now() + 5000
  while ((await running()) !== '' && Date.now() < end);
  assert.is(await running(), '')
})

test('an exec in a terminal has its size, and learns when it changes', async () => {
  const stream = await pod.openStream()
  const heard: string[] = []
  const request = room.execRequest(container, [
    'sh',
    '-c',
    'trap "stty size" WINCH; stty size; echo ready; until read x; do :; done; echo "[$x]"',
  ])
  const process = { ...request.process, terminal: true, consoleSize: { height: 20, width: 70 } }
  let exit: (exit: ProcessExit) => void
  const ended = new Promise<ProcessExit>((resolve) => {
    exit = resolve
  })
  const sink: OutputSink = {
    output: (_, bytes) => void heard.push(bytes.toString('latin1')),
    exit: (value) => exit(value),
    lost: () => undefined,
  }
  await stream.exec({ ...request, process, stdin: true }, sink)
  await eventually('the shell is ready', () => heard.join('').includes('ready'))
  await pod.resize(request.execId, 40, 132)
  await eventually('the shell heard of the new size', () => heard.join('').includes('40 132\r\n'))
  stream.write(Buffer.from('typed\n'), () => undefined)
  await ended
  stream.close()
  const text = heard.join('')
  assert.match(text, /^20 70\r\nready\r\n/)
  assert.match(text, /typed\r\n/, 'the terminal echoes')
  assert.match(text, /\[typed\]\r\n/)
})

test('two clients attached to a container hear the same, and both can type', async () => {
  const cat = await room.start(pod, ['cat'], { request: { stdin: true } })
  const [a, b] = [await pod.openStream(), await pod.openStream()]
  const heard = [[], []] as [string[], string[]]
  const sinkOf = (to: string[]): OutputSink => ({
    output: (_, bytes) => void to.push(bytes.toString('latin1')),
    exit: () => void to.push('(end)'),
    lost: () => undefined,
  })
  const request = { containerId: cat.containerId, stdin: true, stdout: true, stderr: true }
  await a.attach(request, sinkOf(heard[0]))
  await b.attach(request, sinkOf(heard[1]))
  a.write(Buffer.from('from a\n'), () => undefined)
  await eventually('both heard a', () => heard.every((one) => one.join('').includes('from a\n')))
  b.write(Buffer.from('from b\n'), () => undefined)
  await eventually('both heard b', () => heard.every((one) => one.join('').includes('from b\n')))
  a.endInput()
  a.close()
  b.write(Buffer.from('still open\n'), () => undefined)
  await eventually('b is heard after a left', () => heard[1].join('').includes('still open\n'))
  await pod.signal(cat.containerId, 9)
  await room.ended(cat.containerId)
  await eventually('b hears the end', () => heard[1].includes('(end)'))
  b.close()
  assert.is(room.log(cat.containerId), 'stdout F from a\nstdout F from b\nstdout F still open\n')
  await pod.forget(cat.containerId)
})

test('a stdin that is for once ends with the first client that leaves', async () => {
  const cat = await room.start(pod, ['sh', '-c', 'cat; echo over'], { request: { stdin: true, stdinOnce: true } })
  const client = await pod.openStream()
  const { sink } = listener()
  await client.attach({ containerId: cat.containerId, stdin: true, stdout: true, stderr: true }, sink)
  await new Promise<void>((done) => client.write(Buffer.from('hello\n'), done))
  await eventually('it was heard', () => room.log(cat.containerId).includes('hello'))
  client.close()
  assert.is((await room.ended(cat.containerId)).exit?.exitCode, 0)
  assert.is(room.log(cat.containerId), 'stdout F hello\nstdout F over\n')
  await pod.forget(cat.containerId)
})

test('a start that hangs does not keep another container’s stdin open', async () => {
  const cat = await room.start(pod, ['cat'], { request: { stdin: true, stdinOnce: true } })
  const hung = await room.hang(pod)
  const client = await pod.openStream()
  const { sink } = listener()
  await client.attach({ containerId: cat.containerId, stdin: true, stdout: true, stderr: true }, sink)
  client.endInput()
  client.close()
  assert.is((await room.ended(cat.containerId)).exit?.exitCode, 0)
  await hung.end()
  await pod.forget(cat.containerId)
})

test('the log of a terminal has what the program wrote there', async () => {
  const { log } = await room.run(pod, 'stty size; echo line; echo error >&2; test -t 0 && echo tty', {
    process: { terminal: true, consoleSize: { height: 11, width: 22 } },
  })
  assert.is(log, 'stdout F 11 22\r\nstdout F line\r\nstdout F error\r\nstdout F tty\r\n')
})

test('an exec into a container that ended is refused', async () => {
  const ended = await room.start(pod, ['true'])
  await room.ended(ended.containerId)
  const error = await room.exec(pod, ended, ['true']).catch((cause: unknown) => cause)
  assert.match(String(error), new RegExp(`exec in container "${ended.containerId}": ESRCH`))
  await pod.forget(ended.containerId)
})

test('an exec into a container that is still starting is refused: it would join a half-made root', async () => {
  const hung = await room.hang(pod)
  const error = await room
    .exec(pod, { containerId: hung.id, spec: container.spec }, ['true'])
    .catch((cause: unknown) => cause)
  await hung.end()
  assert.match(String(error), /exec in container .*: ESRCH/)
})

test.run()
