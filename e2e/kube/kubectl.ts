// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { programPath } from './programs.ts'

/** How a kubectl that has ended did. */
export interface KubectlResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What a run of kubectl is given beside its arguments. */
export interface KubectlInput {
  readonly stdin?: string
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 90_000

/** kubectl for one cluster and one namespace. */
export class Kubectl {
  readonly #kubeconfig: string
  readonly #namespace: string

  constructor(kubeconfig: string, namespace: string) {
    this.#kubeconfig = kubeconfig
    this.#namespace = namespace
  }

  /** Runs it to its end; returns its standard output. @throws Error with what it said where it does not end with 0. */
  async run(args: readonly string[], input: KubectlInput = {}): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, input)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}: ${stderr.trim() || stdout.trim()}`)
    return stdout
  }

  /** Runs it to its end, whatever that is. */
  async try(args: readonly string[], { stdin, timeoutMs = TIMEOUT_MS }: KubectlInput = {}): Promise<KubectlResult> {
    const child = this.start(args)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.stdin.end(stdin)
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    clearTimeout(timer)
    return { code, stdout, stderr }
  }

  /** Starts it; the caller ends it. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn(programPath('kubectl'), [
      `--kubeconfig=${this.#kubeconfig}`,
      `--namespace=${this.#namespace}`,
      ...args,
    ])
    // Whoever ended before it had read everything is known by its exit code.
    child.stdin.on('error', () => undefined)
    return child
  }
}
