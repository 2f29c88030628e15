// SPDX-License-Identifier: Apache-2.0
import type { CriClient } from '../../cri-proto/index.ts'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { check } from './check.ts'
import { type Arity, type OperatorOptions, readOperatorCommandLine } from './command-line.ts'
import { connectDaemon, isServiceError } from './daemon-client.ts'
import { daemonConfiguration } from './daemon-configuration.ts'
import { explain, explainFilter } from './explain.ts'
import { explainPull } from './explain-pull.ts'
import { images } from './images.ts'
import { inspect } from './inspect.ts'
import { ps } from './ps.ts'
import { toReadableJson } from './verbose-info.ts'
import { version } from './version.ts'

/** What a command says, and whether it found what it was to find. */
interface Outcome {
  readonly text: string
  readonly exitCode: 0 | 1
}

interface Command extends Arity {
  readonly about: string
  readonly run: (options: OperatorOptions, operands: readonly string[]) => Promise<Outcome>
}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['ps', { operands: [], about: 'pods and their containers', run: (options) => withDaemon(options, runPs) }],
  ['images', { operands: [], about: 'images on this node', run: (options) => withDaemon(options, runImages) }],
  [
    'inspect',
    {
      operands: ['ID'],
      about: 'all that is known of a container or pod, as JSON',
      run: (options, [id = '']) => withDaemon(options, async (client) => done(await inspect(client, id))),
    },
  ],
  [
    'explain',
    {
      operands: ['ID'],
      about: 'how a container was started: each operation with the time it took; --seccomp: what it may call',
      run: (options, [id = '']) =>
        withDaemon(options, async (client, { seccomp }) =>
          done(seccomp ? await explainFilter(client, id) : await explain(client, id)),
        ),
    },
  ],
  [
    'explain-pull',
    {
      operands: ['IMAGE'],
      about: 'which addresses a pull asks, in which order, and which file decided that',
      run: runExplainPull,
    },
  ],
  ['check', { operands: [], about: 'whether this node can run pods; exit code 1 if not', run: runCheck }],
  ['version', { operands: [], about: 'versions of this program, Node, kernel and daemon', run: runVersion }],
])

async function runPs(client: CriClient, { json }: OperatorOptions): Promise<Outcome> {
  const { rows, text } = await ps(client, BigInt(Date.now()) * 1_000_000n)
  return done(json ? toReadableJson(rows) : text)
}

async function runImages(client: CriClient, { json }: OperatorOptions): Promise<Outcome> {
  const { rows, text } = await images(client)
  return done(json ? toReadableJson(rows) : text)
}

async function runCheck({ json, daemon }: OperatorOptions): Promise<Outcome> {
  const { findings, text } = await check(daemon)
  const exitCode = findings.some(({ level }) => level === 'failure') ? 1 : 0
  return { text: json ? toReadableJson(findings) : text, exitCode }
}

async function runExplainPull({ json, daemon }: OperatorOptions, [image = '']: readonly string[]): Promise<Outcome> {
  const { registryConfigDir } = daemonConfiguration(daemon)
  const { explanation, text } = await explainPull(image, registryConfigDir.split(':'))
  return done(json ? toReadableJson(explanation) : text)
}

async function runVersion({ json, listen }: OperatorOptions): Promise<Outcome> {
  const { versions, text } = await version(listen)
  return done(json ? toReadableJson(versions) : text)
}

async function withDaemon(
  options: OperatorOptions,
  work: (client: CriClient, options: OperatorOptions) => Promise<Outcome>,
): Promise<Outcome> {
  const client = await connectDaemon(options.listen)
  try {
    return await work(client, options)
  } finally {
    client.close()
  }
}

function done(text: string): Outcome {
  return { text, exitCode: 0 }
}

function usage(): string {
  const lines = [...COMMANDS].map(
    ([name, { operands, about }]) => `  ${[name, ...operands].join(' ').padEnd(20)}${about}`,
  )
  return `usage: gantry COMMAND [flags]

${lines.join('\n')}

  --listen unix:///run/gantry/gantry.sock   where the daemon listens
  --json                                    JSON in place of a table
  --config, --root, --state, --cni-conf-dir, --cni-bin-dir, --registry-config-dir
                                            for check and explain-pull: as gantryd has them
  --help                                    this text
`
}

async function main(args: readonly string[]): Promise<number> {
  const line = readOperatorCommandLine(args, COMMANDS)
  if (line.kind === 'help') {
    process.stdout.write(usage())
    return 0
  }
  const command = COMMANDS.get(line.command)
  if (command === undefined) throw new TypeError(`no command ${line.command}`)
  const { text, exitCode } = await command.run(line.options, line.operands)
  process.stdout.write(text)
  return exitCode
}

// 2 is for a command line that cannot be understood, 1 for everything else that went wrong.
main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode
  },
  (error: unknown) => {
    const hint = error instanceof GantryError && error.hint !== undefined ? ` (${error.hint})` : ''
    const text = isServiceError(error) ? error.details : messageOf(error)
    process.stderr.write(`gantry: ${text}${hint}\n`)
    const misuse = error instanceof GantryError && error.action === 'read command line'
    process.exitCode = misuse ? 2 : 1
  },
)

// `gantry ps | head`: whoever reads has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
