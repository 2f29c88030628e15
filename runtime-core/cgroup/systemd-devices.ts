// SPDX-License-Identifier: Apache-2.0
import { ACCESS, type DeviceException, type DevicePolicy } from './devices.ts'
import type { UnitProperty } from './plan.ts'
import { property } from './systemd-properties.ts'

/**
 * The device rules as systemd knows them. It writes its own to the cgroup when the unit starts and again on every
 * daemon-reload; whatever it has not been told of is lost then, which is how GPUs vanish from running containers.
 *
 * What its rules cannot say is said wider: beside them the exact ones hold (on v2 a second eBPF program, and both must
 * allow; on v1 the file, written after systemd's).
 */
export function deviceProperties({ allowByDefault, exceptions }: DevicePolicy): UnitProperty[] {
  if (allowByDefault) return [property('DevicePolicy', 's', 'auto'), property('DeviceAllow', 'a(ss)', [])]
  const rules = exceptions.map((exception) => [nameOf(exception), letters(exception.access)])
  return [property('DevicePolicy', 's', 'strict'), property('DeviceAllow', 'a(ss)', rules)]
}

/** systemd.resource-control(5), DeviceAllow: a node by its numbers, all of a major by `char-136`, all by a glob. */
function nameOf({ kind, major, minor }: DeviceException): string {
  const type = kind === 'c' ? 'char' : 'block'
  if (major === undefined) return `${type}-*`
  // systemd parses these two directories' names; no node needs to be there.
  return minor === undefined ? `${type}-${major}` : `/dev/${type}/${major}:${minor}`
}

function letters(access: number): string {
  return `${access & ACCESS.read ? 'r' : ''}${access & ACCESS.write ? 'w' : ''}${access & ACCESS.mknod ? 'm' : ''}`
}
