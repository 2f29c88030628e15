// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import { type Host, readHostFile, removeFromHost, writeHostFile } from './host.ts'
import { systemctl, unitState } from './service.ts'

/**
 * The kubelet's endpoint, changed by a drop-in of its unit and nothing else. A change is first on trial: its drop-in is
 * below /run, which a reboot empties, and a timer of the node's own systemd takes it back unless it is cancelled. So a
 * node that does not become Ready comes back by itself, even when the agent is gone.
 */

/** How the kubelet's endpoint stands. */
export type EndpointState = 'theirs' | 'trial' | 'ours'

const FILE = '90-gantry.conf'
const REVERT_UNIT = 'gantry-revert-kubelet'
const FLAG = '--container-runtime-endpoint='

/** A kubelet's unit and the endpoint it is to have. */
export interface KubeletEndpoint {
  /** `kubelet.service` */
  readonly service: string
  /** `unix:///run/gantry/gantry.sock` */
  readonly endpoint: string
}

function placesOf(service: string): { readonly trial: string; readonly lasting: string } {
  return {
    trial: `/run/systemd/system/${service}.d/${FILE}`,
    lasting: `/etc/systemd/system/${service}.d/${FILE}`,
  }
}

/** Reads the state from the drop-ins that are there. */
export async function endpointState(host: Host, service: string): Promise<EndpointState> {
  const { trial, lasting } = placesOf(service)
  // Who was interrupted while it was made to last has left both.
  if ((await readHostFile(host, trial)) !== undefined) return 'trial'
  return (await readHostFile(host, lasting)) === undefined ? 'theirs' : 'ours'
}

/**
 * Starts the kubelet with our endpoint, on trial. Whatever happens next, after `revertAfterSeconds` the old one is back,
 * unless {@link keepEndpoint} was called.
 */
export async function tryEndpoint(host: Host, kubelet: KubeletEndpoint, revertAfterSeconds: number): Promise<void> {
  const { service, endpoint } = kubelet
  const { trial } = placesOf(service)
  const text = dropIn(await commandOf(host, service), endpoint)
  // First the way back, then the way there.
  await armRevert(host, service, revertAfterSeconds)
  await writeHostFile(host, trial, text)
  await systemctl(host, 'daemon-reload')
  await systemctl(host, '--no-block', 'restart', service)
}

/** Makes the endpoint that is on trial the lasting one. The kubelet is not started again. */
export async function keepEndpoint(host: Host, service: string): Promise<void> {
  const { trial, lasting } = placesOf(service)
  const text = await readHostFile(host, trial)
  if (text === undefined) {
    throw new GantryError('failed_precondition', {
      action: 'keep endpoint of',
      subject: service,
      reason: 'it is not on trial: the node has put the old one back',
    })
  }
  await writeHostFile(host, lasting, text)
  await disarmRevert(host)
  await removeFromHost(host, trial)
  await systemctl(host, 'daemon-reload')
}

/** Gives the kubelet its old endpoint back. @returns whether it had another one. */
export async function restoreEndpoint(host: Host, service: string): Promise<boolean> {
  const had = (await endpointState(host, service)) !== 'theirs'
  const { trial, lasting } = placesOf(service)
  for (const path of [trial, lasting]) await removeDropIn(host, path)
  if (had) {
    await systemctl(host, 'daemon-reload')
    await systemctl(host, '--no-block', 'restart', service)
  }
  await disarmRevert(host)
  return had
}

async function removeDropIn(host: Host, path: string): Promise<void> {
  await removeFromHost(host, path)
  // The directory is removed where it was ours alone.
  await host.run('rmdir', ['--ignore-fail-on-non-empty', path.slice(0, path.lastIndexOf('/'))]).catch(() => undefined)
}

/** What the node itself runs when nobody cancels it; it needs nothing of ours. */
async function armRevert(host: Host, service: string, seconds: number): Promise<void> {
  await disarmRevert(host)
  const { trial } = placesOf(service)
  const script = `rm -f ${trial} && systemctl daemon-reload && systemctl --no-block restart ${service}`
  const unit = [`--unit=${REVERT_UNIT}`, `--on-active=${seconds}s`, '--timer-property=AccuracySec=1s', '--collect']
  const about = '--description=Puts back the endpoint of the kubelet'
  await host.run('systemd-run', [...unit, about, '/bin/sh', '-c', script])
}

async function disarmRevert(host: Host): Promise<void> {
  const timer = `${REVERT_UNIT}.timer`
  if ((await unitState(host, timer)) === 'active') await systemctl(host, 'stop', timer)
}

/** The command that the kubelet is started with, as its unit and drop-ins have it, without ours. */
async function commandOf(host: Host, service: string): Promise<string> {
  const command = commandIn(await systemctl(host, 'cat', service))
  if (command !== undefined) return command
  throw new GantryError('failed_precondition', {
    action: 'read command of',
    subject: service,
    reason: 'its unit has no ExecStart',
  })
}

/** The last `ExecStart=` of what `systemctl cat` prints; files of ours are left out. */
export function commandIn(text: string): string | undefined {
  let command: string | undefined
  let ours = false
  // A backslash at its end continues a line (systemd.syntax(7)).
  for (const line of text.replace(/\s*\\\n\s*/g, ' ').split('\n')) {
    if (line.startsWith('# /')) ours = line.endsWith(`/${FILE}`)
    const [, value] = /^\s*ExecStart\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (value !== undefined && !ours) command = value === '' ? undefined : value
  }
  return command
}

/** A drop-in that starts the kubelet as before, but for its endpoint. Of a flag given twice the last counts. */
export function dropIn(command: string, endpoint: string): string {
  return `# Written by Gantry's installation. Without this file the kubelet is as it was.
[Service]
ExecStart=
ExecStart=${command} ${FLAG}${endpoint}
`
}
