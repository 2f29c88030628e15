// SPDX-License-Identifier: Apache-2.0
import { fstatSync } from 'node:fs'

/** Where pino's lines go. */
export interface LogDestination {
  write(line: string): void
}

/**
 * Whether a descriptor is the stream to systemd's journal: `JOURNAL_STREAM` names device and inode of the one that was
 * set up, which the service may have redirected (systemd.exec(5)).
 */
export function isJournal(env: NodeJS.ProcessEnv, fd: number): boolean {
  const [device, inode] = (env['JOURNAL_STREAM'] ?? '').split(':')
  if (device === undefined || inode === undefined) return false
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return String(dev) === device && String(ino) === inode
}

/**
 * Gives each line its priority in front, which the journal takes off again (sd-daemon(3)), so that `journalctl -p warning`
 * shows what it says.
 */
export function withPriorities(destination: LogDestination): LogDestination {
  return { write: (line) => destination.write(`<${priorityOf(line)}>${line}`) }
}

/** pino's level, the first field of each line, as a priority of syslog(3). */
function priorityOf(line: string): number {
  const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 30)
  if (level >= 60) return 2
  if (level >= 50) return 3
  if (level >= 40) return 4
  return level >= 30 ? 6 : 7
}
