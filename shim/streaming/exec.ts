// SPDX-License-Identifier: Apache-2.0
import type { ExecRequest } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { PodStream } from '../../runtime-core/pod-stream.ts'
import type { OciProcess, OciSpec } from '../../runtime-core/spec/types.ts'
import type { ContainerRecord } from '../container/container.ts'
import type { RuntimeNode } from '../node/node.ts'
import { invalidField } from '../translate/invalid-field.ts'
import type { RemoteCommand, RemoteStreams } from './remote-command.ts'

/** How long a background child that kept the output open may still write. */
const DRAIN_MS = 2000
const EXEC_ID_LENGTH = 24

/**
 * Exec (CRI v1): checks the request; what it returns runs it when the client comes.
 *
 * @throws GantryError `invalid_argument`, `not_found`, or `failed_precondition` where the container does not run.
 */
export function prepareExec(node: RuntimeNode, request: ExecRequest): RemoteCommand {
  const { containerId, cmd } = request
  const { record } = node.objects.container(containerId)
  if (cmd.length === 0) throw invalidField('cmd', [], 'a command')
  const streams = checkStreams(request)
  runningPod(node, record.id, 'exec in container')
  const execId = `exec-${node.newId().slice(0, EXEC_ID_LENGTH)}`
  return {
    streams,
    endsInput: !streams.tty,
    tellsExit: true,
    open: () => openStream(node, record.id, 'exec in container'),
    start: async (stream, sink) => {
      const { spec, process } = runningPod(node, record.id, 'exec in container')
      const own = { ...process, args: cmd, terminal: streams.tty, env: environment(process, streams.tty) }
      await stream.exec(
        { containerId: record.id, execId, spec, process: own, ...pipesOf(streams), drainMs: DRAIN_MS },
        sink,
      )
    },
    resize: ({ rows, columns }) => runningPod(node, record.id, 'resize').pod.resize(execId, rows, columns),
  }
}

/** CRI: a terminal has one output, and at least one stream is wanted. @throws GantryError `invalid_argument`. */
export function checkStreams(request: RemoteStreams): RemoteStreams {
  const { stdin, stdout, stderr, tty } = request
  if (tty && stderr) throw invalidField('stderr', true, 'false with tty: a terminal has one output')
  if (!stdin && !stdout && !stderr) throw invalidField('stdin, stdout, stderr', false, 'at least one of them')
  return { stdin, stdout, stderr, tty }
}

/** A container that runs, with what a further process of it needs. @throws GantryError `failed_precondition`. */
export function runningPod(node: RuntimeNode, containerId: string, action: string) {
  const { record } = node.objects.container(containerId)
  const pod = node.objects.sandboxes.get(record.sandboxId)?.pod
  const { spec } = record
  const process = spec?.process
  if (record.state !== 'running' || pod === undefined || spec === undefined || process === undefined) {
    throw notRunning(record, action)
  }
  return { pod, spec, process } satisfies { spec: OciSpec; process: OciProcess; pod: unknown }
}

/** A connection of its own to the pod of a running container. */
export async function openStream(node: RuntimeNode, containerId: string, action: string): Promise<PodStream> {
  return runningPod(node, containerId, action).pod.openStream()
}

function notRunning({ id, state }: ContainerRecord, action: string): GantryError {
  return new GantryError('failed_precondition', { action, subject: id, reason: `it is ${state}, expected running` })
}

function pipesOf({ stdin, stdout, stderr }: RemoteStreams) {
  return { stdin, stdout, stderr }
}

/** Programs ask for the kind of terminal; clients have no way to say, so it is what the peers say. */
function environment({ env = [] }: OciProcess, tty: boolean): readonly string[] {
  return !tty || env.some((entry) => entry.startsWith('TERM=')) ? env : [...env, 'TERM=xterm']
}
