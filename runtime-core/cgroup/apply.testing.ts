// SPDX-License-Identifier: Apache-2.0

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import koffi from 'koffi'
import { errnoOf } from '../errors.ts'
import { errnoName } from '../kernel/errno.ts'
import type { CgroupPlan, CgroupWrite } from './manager.ts'

/** Does what a plan says, in the simplest way: the keeper's part in tests of cgroups alone. */
export function applyPlan(plan: CgroupPlan): void {
  for (const directory of plan.directories) mkdirSync(directory, { recursive: true })
  applyWrites(plan.writes)
  if (plan.deviceProgram !== undefined) attachDeviceProgram(plan.unifiedDirectory ?? '', plan.deviceProgram)
}

export function applyWrites(writes: readonly CgroupWrite[]): void {
  for (const { path, value, copyFrom, orElse, ignore = [] } of writes) {
    try {
      const target = orElse === undefined || existsSync(path) ? { path, value } : orElse
      if (copyFrom === undefined) writeFileSync(target.path, target.value, { flag: 'r+' })
      else if (readFileSync(path, 'utf8').trim() === '') {
        writeFileSync(path, readFileSync(copyFrom, 'utf8'), { flag: 'r+' })
      }
    } catch (error) {
      if (!ignore.includes(errnoOf(error) ?? '')) throw error
    }
  }
}

/** Runs a shell script in the cgroup; its first line of output, `in`, is given once it has joined. */
export async function spawnInside(plan: CgroupPlan, script: string): Promise<ChildProcess> {
  const files = [...plan.joinFiles, ...(plan.unifiedDirectory ? [`${plan.unifiedDirectory}/cgroup.procs`] : [])]
  const join = files.map((file) => `echo 0 > '${file}' || exit 99`).join('\n')
  const child = spawn('/bin/sh', ['-c', `${join}\necho in\n${script}`], { stdio: ['pipe', 'pipe', 'inherit'] })
  await lineOf(child)
  return child
}

/** Lines a child has printed that nobody has asked for yet. */
const unread = new WeakMap<ChildProcess, string[]>()

/** The next line a child prints. */
export async function lineOf(child: ChildProcess): Promise<string> {
  const lines = unread.get(child) ?? []
  unread.set(child, lines)
  while (lines.length === 0) lines.push(...(await chunkOf(child)).split('\n').filter((line) => line !== ''))
  return (lines.shift() ?? '').trim()
}

/** What a child prints next, up to the end of a line. */
function chunkOf(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  const ended = (status: number | null, signal: string | null): void =>
    reject(new Error(`ended with ${signal ?? status} after ${JSON.stringify(text)}`))
  const read = (chunk: Buffer): void => {
    text += chunk.toString()
    if (!text.endsWith('\n')) return
    child.stdout?.off('data', read)
    child.off('close', ended)
    resolve(text)
  }
  child.stdout?.on('data', read)
  child.once('close', ended)
  return promise
}

/** `0`, `SIGKILL`, … */
export function endOf(child: ChildProcess): Promise<string> {
  const known = child.signalCode ?? child.exitCode
  if (known !== null) return Promise.resolve(String(known))
  return new Promise((resolve) => child.once('exit', (status, signal) => resolve(String(signal ?? status))))
}

const BPF = { arm64: 280, x64: 321 }[process.arch as 'arm64' | 'x64']
const PROG_LOAD = 5
const PROG_ATTACH = 8
const PROG_TYPE_CGROUP_DEVICE = 15
const ATTACH_CGROUP_DEVICE = 6
const ALLOW_MULTI = 2

/** BPF_LOG_STATS of the kernel: no trace of the program, only what it took to verify it. */
const LOG_STATS = 4

/** Loads and attaches a program with bpf(2); how many instructions the verifier had to follow. */
export function attachDeviceProgram(directory: string, program: Uint8Array): number {
  const libc = koffi.load(null)
  const bpf = libc.func('long syscall(long number, long command, void *attr, long size)')
  const openDirectory = libc.func('int open(const char *path, int flags)')
  const close = libc.func('int close(int fd)')
  const call = (command: number, attr: Buffer): number => bpf(BPF, command, attr, attr.length)
  const log = Buffer.alloc(64 * 1024)
  const licence = Buffer.from('Apache-2.0\0')
  const load = Buffer.alloc(48)
  load.writeUInt32LE(PROG_TYPE_CGROUP_DEVICE, 0)
  load.writeUInt32LE(program.length / 8, 4)
  load.writeBigUInt64LE(koffi.address(program), 8)
  load.writeBigUInt64LE(koffi.address(licence), 16)
  load.writeUInt32LE(LOG_STATS, 24)
  load.writeUInt32LE(log.length, 28)
  load.writeBigUInt64LE(koffi.address(log), 32)
  const fd = call(PROG_LOAD, load)
  if (fd < 0)
    throw new Error(`BPF_PROG_LOAD: ${errnoName(koffi.errno())}\n${log.toString().replace(/\0+$/, '').slice(-1000)}`)
  const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000
  const cgroup = openDirectory(directory, O_DIRECTORY)
  const attach = Buffer.alloc(20)
  ;[cgroup, fd, ATTACH_CGROUP_DEVICE, ALLOW_MULTI].forEach((value, n) => {
    attach.writeUInt32LE(value, n * 4)
  })
  const result = call(PROG_ATTACH, attach)
  const errno = errnoName(koffi.errno())
  close(fd)
  close(cgroup)
  if (result < 0) throw new Error(`BPF_PROG_ATTACH: ${errno}`)
  return Number(/processed (\d+) insns/.exec(log.toString())?.[1])
}
