// SPDX-License-Identifier: Apache-2.0
import type { AttachRequest } from '../../cri-proto/index.ts'
import type { RuntimeNode } from '../node/node.ts'
import { checkStreams, openStream, runningPod } from './exec.ts'
import type { RemoteCommand } from './remote-command.ts'

/**
 * Attach (CRI v1): checks the request; what it returns joins the container's process when the client comes. What the
 * process wrote before that is in its log only.
 *
 * @throws GantryError `invalid_argument`, `not_found`, or `failed_precondition` where the container does not run.
 */
export function prepareAttach(node: RuntimeNode, request: AttachRequest): RemoteCommand {
  const { record } = node.objects.container(request.containerId)
  const { id, config } = record
  const streams = checkStreams(request)
  runningPod(node, id, 'attach to container')
  return {
    streams,
    // The keeper closes the stdin of a container only where stdin_once says so.
    endsInput: !config.tty,
    tellsExit: false,
    open: () => openStream(node, id, 'attach to container'),
    start: (stream, sink) => {
      const { stdin, stdout, stderr } = streams
      return stream.attach({ containerId: id, stdin: stdin && config.stdin, stdout, stderr }, sink)
    },
    resize: ({ rows, columns }) => runningPod(node, id, 'resize').pod.resize(id, rows, columns),
  }
}
