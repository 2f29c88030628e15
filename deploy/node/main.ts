// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'smol-toml'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { activate } from './activate.ts'
import { METRICS_SOCKET } from './health.ts'
import { type Host, hostAt } from './host.ts'
import { endpointState, keepEndpoint, restoreEndpoint, tryEndpoint } from './kubelet.ts'
import { currentVersion, installedVersions, installRelease } from './releases.ts'
import { removeGantry } from './remove.ts'
import { configText, type DaemonConfig } from './service.ts'

/** The release that this file is part of. */
const SOURCE = resolve(import.meta.dirname, '../..')
const ENDPOINT = 'unix:///run/gantry/gantry.sock'

const USAGE = `usage: gantry-node COMMAND [flags]

  install           copies this release to /opt/gantry/releases, beside those that are there; nothing runs from it yet
  activate          makes the installed release of --version (this one's by default) the one that runs; one whose daemon
                    does not become healthy is taken back
  try-endpoint      starts the kubelet with Gantry's endpoint; undone by itself after --revert-after seconds
  keep-endpoint     makes that last
  restore-endpoint  gives the kubelet the endpoint back that it had
  remove            takes all of Gantry off the node, images too
  status            what is installed and what runs

  --root DIRECTORY       the root of the node, where this does not run on it (/)
  --config FILE          for activate: keys of gantryd.toml, as gantryd --help names them
  --version VERSION      for activate
  --timeout SECONDS      for activate: within which the daemon must answer (60)
  --kubelet UNIT         for the endpoint (kubelet.service)
  --revert-after SECONDS (180)
  --help                 this text
`

interface Flags {
  readonly root: string
  readonly config?: string | undefined
  readonly version?: string | undefined
  readonly timeout: string
  readonly kubelet: string
  readonly 'revert-after': string
}

const COMMANDS: Readonly<Record<string, (host: Host, flags: Flags) => Promise<string>>> = {
  install: async (host) => `release ${await installRelease(host, SOURCE)} is installed`,
  activate: activateRelease,
  'try-endpoint': async (host, flags) => {
    await tryEndpoint(host, { service: flags.kubelet, endpoint: ENDPOINT }, seconds(flags, 'revert-after'))
    return `the kubelet has ${ENDPOINT} for ${flags['revert-after']} s; gantry-node keep-endpoint makes it last`
  },
  'keep-endpoint': async (host, { kubelet }) => {
    await keepEndpoint(host, kubelet)
    return `the kubelet keeps ${ENDPOINT}`
  },
  'restore-endpoint': async (host, { kubelet }) =>
    (await restoreEndpoint(host, kubelet))
      ? 'the kubelet has its old endpoint again'
      : 'the kubelet had its own already',
  remove: async (host, { kubelet }) => {
    await restoreEndpoint(host, kubelet)
    await removeGantry(host)
    return 'nothing of Gantry is left on the node'
  },
  status: async (host, { kubelet }) => {
    const versions = (await installedVersions(host)).join(', ') || 'none'
    const current = (await currentVersion(host)) ?? 'none'
    return `installed ${versions}\ncurrent   ${current}\nkubelet   ${await endpointState(host, kubelet)}`
  },
}

async function activateRelease(host: Host, flags: Flags): Promise<string> {
  const version = flags.version ?? JSON.parse(await readFile(resolve(SOURCE, 'package.json'), 'utf8')).version
  const given = flags.config === undefined ? {} : (parse(await readFile(flags.config, 'utf8')) as DaemonConfig)
  const config = configText({ ...given, 'metrics-listen': `unix:${METRICS_SOCKET}` })
  const outcome = await activate(host, { version, config }, seconds(flags, 'timeout') * 1000)
  if (outcome.kind === 'active') return `release ${version} runs`
  throw new GantryError('failed_precondition', {
    action: 'activate release',
    subject: version,
    reason: `${outcome.reason}; ${outcome.back === undefined ? 'nothing runs' : `${outcome.back} runs again`}`,
    hint: 'journalctl -u gantryd has its last words',
  })
}

function seconds(flags: Flags, name: 'timeout' | 'revert-after'): number {
  const value = Number(flags[name])
  if (Number.isInteger(value) && value > 0) return value
  throw new GantryError('invalid_argument', {
    action: 'read command line',
    subject: `--${name}`,
    reason: `${flags[name]} is no number of seconds`,
  })
}

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      root: { ...text, default: '/' },
      config: text,
      version: text,
      timeout: { ...text, default: '60' },
      kubelet: { ...text, default: 'kubelet.service' },
      'revert-after': { ...text, default: '180' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return void process.stdout.write(USAGE)
  const command = COMMANDS[positionals[0] ?? '']
  if (command === undefined || positionals.length !== 1) {
    process.stderr.write(USAGE)
    process.exitCode = 2
    return
  }
  process.stdout.write(`${await command(hostAt(values.root), values)}\n`)
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const hint = error instanceof GantryError && error.hint !== undefined ? ` (${error.hint})` : ''
  process.stderr.write(`gantry-node: ${messageOf(error)}${hint}\n`)
  process.exitCode = 1
})
