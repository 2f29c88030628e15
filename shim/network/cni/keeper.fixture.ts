// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { connect } from 'node:net'

/** Runs a command to its end and returns what it printed. */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' })
}

/** A namespace held as the keeper does it: by nothing but a descriptor of a process in the node's own namespace. */
export class Keeper {
  readonly netnsPath: string
  readonly #child: ChildProcess
  readonly #servers: ChildProcess[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    this.netnsPath = `/proc/${child.pid}/fd/7`
  }

  static async create(): Promise<Keeper> {
    const first = spawn('unshare', ['--net', 'sh', '-c', 'echo up; exec sleep 300'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await line(first)
    const script = `exec 7< /proc/${first.pid}/ns/net; echo up; exec sleep 300`
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await line(child)
    await end(first)
    const keeper = new Keeper(child)
    keeper.inside('ip', 'link', 'set', 'lo', 'up')
    return keeper
  }

  inside(...command: string[]): string {
    return run('nsenter', `--net=${this.netnsPath}`, ...command)
  }

  /** An HTTP server in the pod, on IPv4 and IPv6. */
  async serve(port: number, text: string): Promise<void> {
    const source = `require('node:http').createServer((_, answer) => answer.end('${text}')).listen(${port}, '::', () => console.log('up'))`
    const args = [`--net=${this.netnsPath}`, process.execPath, '-e', source]
    const server = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#servers.push(server)
    await line(server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#servers, this.#child]) await end(child)
  }
}

/** Resolves with the child's first output. */
export async function line(child: ChildProcess): Promise<void> {
  await new Promise((resolve, reject) => {
    child.stdout?.once('data', resolve)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`a helper process ended with ${code}`)))
  })
}

/** Kills the child and waits for its end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

/** What a web server answers, or the error's code. */
export async function get(host: string, port: number): Promise<string> {
  const socket = connect({ host, port, timeout: 1500 })
  return await new Promise((resolve) => {
    let text = ''
    socket.on('timeout', () => socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })))
    socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('end', () => resolve(text.slice(text.indexOf('\r\n\r\n') + 4)))
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  })
}
