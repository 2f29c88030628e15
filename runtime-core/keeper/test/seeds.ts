// SPDX-License-Identifier: Apache-2.0

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { assemble } from '../../plan/assemble.ts'
import { compileContainer } from '../../plan/compile/container.ts'
import { compilePodInit, compileSandbox } from '../../plan/compile/sandbox.ts'
import { OPS, type Op, type Operand, type OpName } from '../../plan/ops.ts'
import { bundle } from '../../plan/testdata/bundles.ts'
import { encodeFrame, encodePayload, IO, PROTOCOL_VERSION, REQUEST } from '../protocol.ts'

/** What the fuzzers start from: real plans and real requests. `seeds.ts DIRECTORY` */

const [directory = '.'] = process.argv.slice(2)

const small = bundle({ mounts: [], linux: { namespaces: [{ type: 'mount' }] } })
const PLANS = {
  container: compileContainer(bundle()),
  small: compileContainer(small),
  init: compilePodInit(true),
  sandbox: compileSandbox({
    network: true,
    ipc: true,
    uts: true,
    user: undefined,
    hostname: 'pod',
    sysctls: {},
    shm: undefined,
  }),
}

/** Two values of each kind of operand, so that absent ones and empty ones are among the seeds. */
const SAMPLES: Readonly<Record<Operand['kind'], readonly [Op['args'][number], Op['args'][number]]>> = {
  str: ['/etc/hostname', ''],
  ostr: [undefined, 'tmpfs'],
  u64: [1, 0xffff_ffff_ffff_ffffn],
  slot: [16, 0],
  oslot: [undefined, 17],
  data: [Buffer.from([0, 1, 2, 255, 0]), Buffer.alloc(0)],
  strv: [['/bin/sh', '-c', ''], []],
}

/** Every operation of the table in a small plan of its own: what no container above needs is decoded too. */
function everyOperation(): [string, Uint8Array][] {
  return (Object.keys(OPS) as OpName[]).map((name) => {
    const operands: readonly Operand[] = OPS[name].operands
    const first: Op = { name, args: operands.map(({ kind }) => SAMPLES[kind][0]), tolerate: [] }
    const second: Op = { name, args: operands.map(({ kind }) => SAMPLES[kind][1]), tolerate: [2, 22] }
    return [`op-${name}`, assemble({ cloneFlags: 0n, prepare: [first], parent: [second], child: [first, second] })]
  })
}

const id = ['c']
const launch = encodePayload([1, 6, 100, 16384], ['new', '', '/log', '/oom', '/kill', '/procs'], assemble(PLANS.init))
const REQUESTS = {
  hello: [encodeFrame(REQUEST.hello, 0, 1, encodePayload([PROTOCOL_VERSION, 1], []))],
  launch: [encodeFrame(REQUEST.launch, 0, 2, launch)],
  signal: [encodeFrame(REQUEST.signal, 0, 3, encodePayload([15, 0], id))],
  reopen: [encodeFrame(REQUEST.reopenLog, 0, 4, encodePayload([], id))],
  resize: [encodeFrame(REQUEST.resize, 0, 5, encodePayload([24, 80], id))],
  forget: [encodeFrame(REQUEST.forget, 0, 6, encodePayload([], id))],
  shutdown: [encodeFrame(REQUEST.shutdown, 0, 7, new Uint8Array())],
  attach: [
    encodeFrame(REQUEST.attach, 0, 8, encodePayload([IO.stdin | IO.stdout], id)),
    encodeFrame(REQUEST.stdin, 0, 8, Buffer.from('typed\n')),
    encodeFrame(REQUEST.stdin, 1, 8, new Uint8Array()),
  ],
  exec: [
    encodeFrame(REQUEST.attach, 0, 9, encodePayload([IO.stdin | IO.stdout], ['e'])),
    encodeFrame(REQUEST.stdin, 1, 9, Buffer.alloc(3000, 'x')),
  ],
}

for (const name of ['plan', 'command']) mkdirSync(join(directory, name), { recursive: true })
for (const [name, plan] of Object.entries(PLANS)) writeFileSync(join(directory, 'plan', name), assemble(plan))
for (const [name, bytes] of everyOperation()) writeFileSync(join(directory, 'plan', name), bytes)
for (const [name, frames] of Object.entries(REQUESTS)) {
  writeFileSync(join(directory, 'command', name), Buffer.concat(frames))
}
for (const name of ['plan', 'command']) {
  const files = readdirSync(join(directory, name))
  const bytes = files.reduce((sum, file) => sum + readFileSync(join(directory, name, file)).length, 0)
  process.stderr.write(`${name}: ${files.length} inputs, ${bytes} bytes\n`)
}
