// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { messageOf } from '../../runtime-core/errors.ts'
import { findCniPlugins, writeBridgeConfig } from '../harness/cni-config.ts'
import { GantrydProcess } from '../harness/gantryd-process.ts'
import { runCommand } from '../images/command.ts'
import { installAppArmor } from './install-apparmor.ts'

/**
 * Run inside the guest: a gantryd of its own on the guest's disk, and critest against it. Arguments go to critest.ts,
 * its exit code is ours; what the daemon had to complain about is printed last.
 */
async function main(): Promise<void> {
  const directory = '/tmp/critest-guest'
  const at = (name: string) => join(directory, name)
  await mkdir(at('net.d'), { recursive: true })
  await installAppArmor(at('bin'))
  // There before critest looks at the machine: the plugin makes it with the first pod and never removes it.
  await runCommand('ip', ['link', 'add', 'gvm0', 'type', 'bridge'])
  await writeBridgeConfig(at('net.d'), { bridge: 'gvm0', subnet: '10.88.79.0/24', ipamDirectory: at('ipam') })
  const endpoint = `unix://${at('g.sock')}`
  const gantryd = new GantrydProcess(directory, at('g.sock'), [
    `--listen=${endpoint}`,
    `--root=${at('root')}`,
    `--state=${at('state')}`,
    `--cni-conf-dir=${at('net.d')}`,
    `--cni-bin-dir=${await findCniPlugins()}`,
    `--registry-config-dir=${at('certs.d')}`,
    `--metrics-listen=unix:${at('metrics.sock')}`,
  ])
  await gantryd.start()
  const critest = [resolve(import.meta.dirname, '../critest.ts'), '--runtime-endpoint', endpoint]
  critest.push('--certs-d', at('certs.d'), '--report-dir', at('report'), ...process.argv.slice(2))
  const child = spawn(process.execPath, critest, { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  process.exitCode = code ?? 1
  await gantryd.kill('SIGTERM')
  const complaints = (await gantryd.log()).split('\n').filter((line) => !/"level":(10|20|30)\b/.test(line))
  process.stdout.write(`gantryd's complaints:\n${complaints.slice(-200).join('\n')}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`critest-guest: ${messageOf(error)}\n`)
  // A daemon that did not get ready in time would keep this process, and with it the machine.
  process.exit(1)
})
