// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import { type ContainerFiles, readInit } from '../state/container-record.ts'
import { gateFailure } from './after.ts'
import { defineCommand } from './command.ts'
import { type FoundContainer, forbidden, readConfig, withContainer } from './container.ts'
import { destroyContainer } from './destroy.ts'
import { stateText } from './hook-state.ts'
import { printError } from './print.ts'
import { runHook } from './run-hook.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'run the program of a created container',
  options: {},
  args: { min: 1, max: 1 },
  async run({ global, args: [id = ''] }) {
    await withContainer(global.root, id, async (container) => {
      checkStatus(container)
      await openGate(container)
      await poststart(global.root, container)
    })
    return 0
  },
})

function checkStatus({ status }: FoundContainer): void {
  if (status === 'created') return
  if (status === 'stopped') throw forbidden('cannot start a container that has stopped')
  if (status === 'running') throw forbidden('cannot start an already running container')
  throw forbidden(`cannot start a container in the ${status} state`)
}

/** Lets the waiting process go on, and waits until it has become the program or says why it has not. */
async function openGate({ files, record }: FoundContainer): Promise<void> {
  const answer = openSync(files.startAnswer, constants.O_RDONLY | constants.O_NONBLOCK)
  const answered = readToEnd(answer)
  knock(files)
  const failure = await answered
  closeGate(files)
  if (failure.length >= 8) throw gateFailure('start container', record.id, files.plan, failure)
}

/** One byte; ENXIO: nobody waits there any more. */
function knock(files: ContainerFiles): void {
  let gate: number
  try {
    gate = openSync(files.startGate, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (cause) {
    if (errnoOf(cause) === 'ENXIO') throw forbidden('cannot start a container that has stopped')
    throw cause
  }
  try {
    writeSync(gate, 'x')
  } finally {
    closeSync(gate)
  }
}

/** The process holds a writing end until its exec closes it, or its death does. */
async function readToEnd(fd: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  const pipe = new (process.getBuiltinModule('node:net').Socket)({ fd, readable: true, writable: false })
  for await (const chunk of pipe) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function poststart(root: string, { files, record }: FoundContainer): Promise<void> {
  const pid = readInit(files)?.pid ?? 0
  for (const hook of readConfig(files).hooks?.poststart ?? []) {
    try {
      await runHook('poststart', hook, stateText(record, 'running', pid))
    } catch (error) {
      // runtime.md §lifecycle: the container is stopped and destroyed, poststop hooks included.
      await destroyContainer(root, record.id, (message) => printError(`${message}\n`))
      throw error
    }
  }
}

function closeGate(files: ContainerFiles): void {
  for (const path of [files.startGate, files.startAnswer]) rmSync(path, { force: true })
}
