// SPDX-License-Identifier: Apache-2.0
import { readFileSync, rmSync } from 'node:fs'
import { restoreFailure } from '../checkpoint/failure.ts'
import { errnoOf, type GantryError, messageOf } from '../errors.ts'
import { disassemble } from '../plan/disassemble.ts'
import { planFailure } from '../plan/failure.ts'
import type { Op, Plan } from '../plan/ops.ts'
import { destroyContainer } from './destroy.ts'
import { failureText } from './failure-text.ts'
import type { GlobalOptions } from './global-options.ts'
import { Log } from './log.ts'

/** What is to be done when the launcher has executed us again in its place. */
export interface After {
  readonly task: 'create' | 'exec' | 'restore'
  readonly global: GlobalOptions
  readonly id: string
  /** The plan that was run. */
  readonly plan: string
  /** The container stays when its program has ended. */
  readonly keep: boolean
  /** restore: CRIU's log. */
  readonly criuLog?: string
}

/** runc's status for an exec that failed before its program ran. */
const EXEC_FAILED = 255

/**
 * The second half of a command whose launch failed, or after whose program there is more to do than the plan does.
 *
 * @param args The `After` as JSON, then what the launcher adds: failed|ended, operation, errno, wait status, words.
 */
export async function after([json = '{}', stage, op, errno, status, text = '']: readonly string[]): Promise<number> {
  const task = JSON.parse(json) as After
  const log = new Log(task.global)
  const waitStatus = Number(status)
  if (waitStatus !== -1) {
    // The program has run: its status is the answer, whatever becomes of the rest.
    if (stage === 'failed') log.write('debug', launchFailure(task, Number(op), Number(errno), text).message)
    if (task.task !== 'exec' && !task.keep) await destroy(task, log)
    return exitStatus(waitStatus)
  }
  const error = launchFailure(task, Number(op), Number(errno), text)
  if (task.task !== 'exec') await destroy(task, log)
  else rmSync(task.plan, { force: true })
  log.fail(failureText(error))
  return task.task === 'exec' ? EXEC_FAILED : 1
}

async function destroy({ global, id }: After, log: Log): Promise<void> {
  try {
    await destroyContainer(global.root, id, (message) => log.write('warning', message))
  } catch (error) {
    log.write('error', messageOf(error))
  }
}

function exitStatus(waitStatus: number): number {
  const signal = waitStatus & 0x7f
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal
}

const ACTIONS = { create: 'start container', exec: 'exec in container', restore: 'restore container' } as const

function launchFailure(task: After, index: number, errno: number, text: string): GantryError {
  const action = ACTIONS[task.task]
  if (task.criuLog !== undefined) {
    return restoreFailure(task.id, readPlan(task.plan), { index, errno, said: text }, task.criuLog)
  }
  return planFailure(action, task.id, readPlan(task.plan), { index, errno, said: text })
}

const NO_PLAN: Plan = { cloneFlags: 0n, prepare: [], parent: [], child: [] }

/** The plan and, behind it, what each operation is for (launch.ts). */
export function readPlan(path: string): Plan {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return NO_PLAN
    throw cause
  }
  const size = bytes.readUInt32LE(8)
  const plan = disassemble(bytes.subarray(0, size))
  const purposes = JSON.parse(bytes.toString('utf8', size)) as readonly (string | 0)[]
  let index = 0
  const withPurposes = (ops: readonly Op[]): Op[] =>
    ops.map((operation) => {
      const purpose = purposes[index++]
      return purpose === undefined || purpose === 0 ? operation : { ...operation, purpose }
    })
  return {
    cloneFlags: plan.cloneFlags,
    prepare: withPurposes(plan.prepare),
    parent: withPurposes(plan.parent),
    child: withPurposes(plan.child),
  }
}

/** The record a started program's failure leaves at its gate: operation, errno, and a failed hook's words. */
export function gateFailure(action: string, id: string, plan: string, answer: Uint8Array): GantryError {
  const view = Buffer.from(answer)
  const failed = { index: view.readUInt32LE(0), errno: view.readInt32LE(4), said: view.toString('utf8', 8) }
  return planFailure(action, id, readPlan(plan), failed)
}
