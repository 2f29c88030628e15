// SPDX-License-Identifier: Apache-2.0
import type { ExecSyncRequest, ExecSyncResponse } from '../../cri-proto/index.ts'
import { GantryError, hasCode } from '../../runtime-core/errors.ts'
import type { ProcessExit } from '../../runtime-core/keeper/protocol.ts'
import type { Pod } from '../../runtime-core/pod.ts'
import type { RuntimeNode } from '../node/node.ts'
import type { CallContext } from '../server/grpc.ts'
import { invalidField } from '../translate/invalid-field.ts'

/** CRI: each of stdout and stderr is cut off here; the command goes on. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024
/** Both streams must fit into one message, which clients take up to 16 MiB of. */
const MAX_ANSWER_BYTES = MAX_OUTPUT_BYTES - 1024
/** How long a background child that kept the output open may still write. */
const DRAIN_MS = 1000
const SIGKILL = 9

let lastExec = 0

/**
 * ExecSync (CRI v1): runs a command in a running container and returns its output and exit code.
 *
 * @throws GantryError `deadline_exceeded` when the timeout passes; the command is killed then.
 */
export async function execSync(
  node: RuntimeNode,
  request: ExecSyncRequest,
  { signal }: CallContext,
): Promise<ExecSyncResponse> {
  const { record } = node.objects.container(request.containerId)
  if (request.cmd.length === 0) throw invalidField('cmd', [], 'a command')
  if (request.timeout < 0n) throw invalidField('timeout', request.timeout, 'seconds, or 0 for none')
  const pod = node.objects.sandboxes.get(record.sandboxId)?.pod
  const process = record.spec?.process
  if (record.state !== 'running' || pod === undefined || record.spec === undefined || process === undefined) {
    throw new GantryError('failed_precondition', {
      action: 'exec in container',
      subject: record.id,
      reason: `it is ${record.state}, expected running`,
    })
  }
  const execId = `exec-${globalThis.process.pid}-${++lastExec}`
  const output = new Capture()
  await pod.exec(
    {
      containerId: record.id,
      execId,
      spec: record.spec,
      process: { ...process, args: request.cmd, terminal: false },
      stdin: false,
      stdout: true,
      stderr: true,
      drainMs: DRAIN_MS,
    },
    output,
  )
  const exit = await limited(output.ended, pod, execId, Number(request.timeout) * 1000, signal)
  const [stdout, stderr] = output.texts()
  return { stdout, stderr, exitCode: exit.exitCode }
}

/** Collects what the command writes. */
class Capture {
  readonly #chunks: [Buffer[], Buffer[]] = [[], []]
  readonly #sizes: [number, number] = [0, 0]
  readonly #end = Promise.withResolvers<ProcessExit>()

  constructor() {
    // Whoever waits handles it; until somebody does, it is no unhandled rejection.
    this.#end.promise.catch(() => undefined)
  }

  get ended(): Promise<ProcessExit> {
    return this.#end.promise
  }

  output(stream: 1 | 2, bytes: Buffer): void {
    const index = stream === 1 ? 0 : 1
    const room = MAX_ANSWER_BYTES - this.#sizes[0] - this.#sizes[1]
    if (room <= 0) return
    const kept = bytes.length <= room ? bytes : bytes.subarray(0, room)
    this.#sizes[index] += kept.length
    this.#chunks[index].push(Buffer.from(kept))
  }

  exit(exit: ProcessExit): void {
    this.#end.resolve(exit)
  }

  lost(error: GantryError): void {
    this.#end.reject(error)
  }

  texts(): [Buffer, Buffer] {
    return [Buffer.concat(this.#chunks[0]), Buffer.concat(this.#chunks[1])]
  }
}

/** Waits for the end; a timeout or a caller that goes away kills the command and all of its process group. */
async function limited(
  ended: Promise<ProcessExit>,
  pod: Pod,
  execId: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProcessExit> {
  const stop = Promise.withResolvers<never>()
  const give = (code: 'deadline_exceeded' | 'cancelled', reason: string): void => {
    stop.reject(new GantryError(code, { action: 'exec in container', reason }))
  }
  const timer =
    timeoutMs === 0
      ? undefined
      : setTimeout(
          () => give('deadline_exceeded', `the command timed out after ${timeoutMs / 1000} s`),
          Math.min(timeoutMs, 2 ** 31 - 1),
        )
  const onAbort = (): void => give('cancelled', 'the caller went away')
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([ended, stop.promise])
  } catch (error) {
    if (hasCode(error, 'deadline_exceeded', 'cancelled')) await kill(pod, execId, ended)
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

async function kill(pod: Pod, execId: string, ended: Promise<ProcessExit>): Promise<void> {
  await pod.signal(execId, SIGKILL, 'group').catch((error: unknown) => {
    if (!hasCode(error, 'not_found', 'unavailable')) throw error
  })
  // Nothing of it survives the answer (critest looks for that).
  await ended.catch(() => undefined)
}
