// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { errnoOf } from '../../runtime-core/errors.ts'
import type { HostLsm } from '../translate/host-facts.ts'

const PROFILE_NAME = 'gantry-default'
const ENABLED = '/sys/module/apparmor/parameters/enabled'
const PROFILES = '/sys/kernel/security/apparmor/profiles'
const PARSER = 'apparmor_parser'
const PARSER_TIMEOUT_MS = 20_000

/**
 * What this node offers of AppArmor. Where it is enabled, the default profile is loaded, replacing that of an earlier
 * release; without apparmor_parser there is none, as under every peer, and profiles that others loaded still serve.
 */
export async function readAppArmor(): Promise<HostLsm> {
  const enabled = (await readIfThere(ENABLED))?.startsWith('Y') ?? false
  // Not there without securityfs, or where this is a container without access to it.
  if (!enabled || (await readIfThere(PROFILES)) === undefined) return {}
  const problem = await loadProfile(DEFAULT_PROFILE)
  const loaded = { has: isLoaded }
  return { apparmor: problem === undefined ? { defaultProfile: PROFILE_NAME, loaded } : { loaded, problem } }
}

/**
 * Read anew each time, for operators load profiles while the daemon runs. The kernel makes the list in memory: a tenth
 * of a millisecond.
 */
function isLoaded(name: string): boolean {
  const lines = readFileSync(PROFILES, 'utf8').split('\n')
  return lines.some((line) => line.startsWith(name) && /^ \([a-z]+\)$/.test(line.slice(name.length)))
}

/** Undefined when it is loaded, else why not. */
async function loadProfile(profile: string): Promise<string | undefined> {
  const child = spawn(PARSER, ['--replace', '--skip-cache', '--quiet'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: PARSER_TIMEOUT_MS,
    // Where every distribution has it, and a user's PATH may not lead.
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  })
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) =>
      resolve(errnoOf(error) === 'ENOENT' ? `${PARSER} is not installed` : `${PARSER}: ${error.message}`),
    )
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : `${PARSER} ended with ${code ?? signal}`))
  })
  // It may end before it has read everything; its exit code tells.
  child.stdin.on('error', () => undefined)
  child.stdin.end(profile)
  const [problem, said] = await Promise.all([ended, text(child.stderr).catch(() => '')])
  const detail = said.trim().split('\n').at(-1) ?? ''
  return problem === undefined || detail === '' ? problem : `${problem}: ${detail}`
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined
    throw error
  }
}

/**
 * What containers may not do to the host even as root, beyond what namespaces and capabilities keep from them: mount,
 * write to /proc and /sys outside of what is theirs, and trace or signal processes of others. It includes nothing, so
 * that it loads on hosts that lack the distribution's abstractions.
 */
const DEFAULT_PROFILE = `
profile ${PROFILE_NAME} flags=(attach_disconnected,mediate_deleted) {
  network,
  unix,
  capability,
  file,
  umount,

  signal (receive) peer=unconfined,
  signal (send, receive) peer=${PROFILE_NAME},
  ptrace (readby, tracedby),
  ptrace (read, trace) peer=${PROFILE_NAME},

  deny mount,

  # Of /proc only the directories of processes, and of /proc/sys only kernel/shm*.
  deny /proc/* w,
  deny /proc/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9]*}/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kmem rwklx,
  deny /proc/kcore rwklx,
  deny /proc/mem rwklx,

  # Of /sys only the cgroups.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`
