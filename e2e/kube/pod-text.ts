// SPDX-License-Identifier: Apache-2.0
import type { ContainerStatus, Pod } from './objects.ts'

/** A pod's status in a few lines, for errors. */
export function describePod(pod: Pod | undefined): string {
  if (pod === undefined) return 'it does not exist'
  const { status, metadata } = pod
  const statuses = [status.initContainerStatuses, status.containerStatuses, status.ephemeralContainerStatuses]
  const containers = statuses.flatMap((list) => list ?? []).map(describeContainer)
  const conditions = (status.conditions ?? [])
    .filter((condition) => condition.status !== 'True')
    .map(({ type, reason, message }) => `  not ${type}: ${[reason, message].filter(Boolean).join(': ')}`)
  const head = `${metadata.name} is ${[status.phase, status.reason, status.message].filter(Boolean).join(': ')}`
  return [head, ...conditions, ...containers].join('\n')
}

function describeContainer({ name, state, lastState, restartCount }: ContainerStatus): string {
  const last = Object.keys(lastState).length === 0 ? '' : `, before: ${JSON.stringify(lastState)}`
  return `  ${name}: ${JSON.stringify(state)}, ${restartCount} restarts${last}`
}
