// SPDX-License-Identifier: Apache-2.0
import { stringify } from 'smol-toml'
import { GantryError } from '../../runtime-core/errors.ts'
import { type Host, readHostFile, removeFromHost, writeHostFile } from './host.ts'
import { releaseDirectory } from './releases.ts'

/** The daemon as a service of the node: its unit, its configuration, its life. */

export const DAEMON_UNIT = 'gantryd.service'
const UNIT_FILE = `/etc/systemd/system/${DAEMON_UNIT}`
const DROP_IN = `/etc/systemd/system/${DAEMON_UNIT}.d/10-release.conf`
const CONFIG_FILE = '/etc/gantry/gantryd.toml'
const UNIT_IN_RELEASE = 'deploy/systemd/gantryd.service'

/** Keys of gantryd.toml. */
export type DaemonConfig = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** The configuration as the file has it. */
export function configText(config: DaemonConfig): string {
  const sorted = Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)))
  return `# Written by Gantry's installation; what you change here is lost.\n${stringify(sorted)}\n`
}

/** The configuration that stands on the node. */
export function readConfig(host: Host): Promise<string | undefined> {
  return readHostFile(host, CONFIG_FILE)
}

/**
 * Puts unit and configuration on the node. The unit is that of the release; which program it starts is in a drop-in, so
 * that it is the one that the link points at.
 *
 * @throws GantryError `failed_precondition` for a release without a unit.
 */
export async function writeService(host: Host, version: string, config: string): Promise<void> {
  const unit = await readHostFile(host, `${releaseDirectory(version)}/${UNIT_IN_RELEASE}`)
  if (unit === undefined) {
    throw new GantryError('failed_precondition', {
      action: 'read unit of release',
      subject: version,
      reason: `${UNIT_IN_RELEASE} is not in it`,
    })
  }
  await writeHostFile(host, CONFIG_FILE, config)
  await writeHostFile(host, UNIT_FILE, unit)
  await writeHostFile(
    host,
    DROP_IN,
    `[Service]\nExecStart=\nExecStart=/opt/gantry/current/bin/gantryd --config ${CONFIG_FILE} $GANTRYD_FLAGS\n`,
  )
  await systemctl(host, 'daemon-reload')
}

/** Starts the daemon, anew if it runs; running containers do not notice. It is started at each boot from now on. */
export async function startService(host: Host): Promise<void> {
  await systemctl(host, 'enable', DAEMON_UNIT)
  // A unit that failed too often is not started again before this.
  await systemctl(host, 'reset-failed', DAEMON_UNIT).catch(() => undefined)
  // Whether it becomes ready is for whoever asks the daemon: a job that hangs shall not hold up the caller.
  await systemctl(host, '--no-block', 'restart', DAEMON_UNIT)
}

/** Stops the daemon and takes its unit and configuration from the node. */
export async function removeService(host: Host): Promise<void> {
  if ((await readHostFile(host, UNIT_FILE)) !== undefined) {
    await systemctl(host, 'disable', '--now', DAEMON_UNIT)
  }
  await removeFromHost(host, DROP_IN.slice(0, DROP_IN.lastIndexOf('/')))
  await removeFromHost(host, UNIT_FILE)
  await removeFromHost(host, CONFIG_FILE)
  await systemctl(host, 'daemon-reload')
}

/** Whether systemd takes a unit for active, and what it says otherwise. */
export async function unitState(host: Host, unit: string): Promise<string> {
  // Exit code 3 where it is not active; the word is on standard output either way.
  const text = await systemctl(host, 'show', '--property=ActiveState', '--value', unit)
  return text.trim()
}

/** Runs systemctl on the node. */
export function systemctl(host: Host, ...args: readonly string[]): Promise<string> {
  return host.run('systemctl', args)
}
