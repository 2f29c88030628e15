// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { compileExec } from '../plan/compile/exec.ts'
import { userNamespaceOf } from '../plan/compile/user-namespace.ts'
import { op } from '../plan/ops.ts'
import { readInit } from '../state/container-record.ts'
import { defineCommand } from './command.ts'
import { type FoundContainer, findContainer, forbidden, readConfig } from './container.ts'
import { filterDirectory } from './container-start.ts'
import { checkTerminal, inheritDescriptors, linkOps } from './descriptors.ts'
import { EXEC_OPTIONS, execCgroup, readExecProcess } from './exec-process.ts'
import { withHome } from './home.ts'
import { readHostFacts } from './host.ts'
import { launch } from './launch.ts'
import { compileFilter } from './seccomp.ts'

export const command = defineCommand({
  usage: '<container-id> <command> [argument...] | -p process.json <container-id>',
  about: 'run a further program in a running container',
  options: EXEC_OPTIONS,
  args: { min: 1, max: Number.POSITIVE_INFINITY },
  passesOn: true,
  failureStatus: 255,
  async run({ global, options, args: [id = '', ...args] }) {
    const container = findContainer(global.root, id)
    const init = readInit(container.files)
    checkStatus(container, options['ignore-paused'])
    if (init === undefined) throw forbidden('cannot exec in a stopped container')
    const spec = readConfig(container.files)
    const wanted = readExecProcess(spec, options, args)
    checkTerminal(wanted.terminal === true, options.detach, options['console-socket'])
    const inherited = inheritDescriptors(
      withHome(wanted, `/proc/${init.pid}/root`),
      options['preserve-fds'],
      process.env,
    )
    const host = readHostFacts()
    const cgroup = execCgroup(container.record.cgroup, host.cgroup, options.cgroup)
    const seccomp = spec.linux?.seccomp
    const plan = compileExec({
      process: inherited.process,
      spec,
      identity: { id, bundle: container.record.bundle },
      seccomp: seccomp === undefined ? undefined : await compileFilter(seccomp, filterDirectory(global)),
      cgroup: { ...cgroup, directories: [], writes: [], warnings: [] },
      host,
      stdio: 'inherit',
      user: userNamespaceOf(spec.linux ?? {}, new Map()),
      pidNamespace: spec.linux?.namespaces?.some(({ type }) => type === 'pid') === true,
      init,
      ...(spec.linux === undefined ? {} : { linux: spec.linux }),
      lifecycle: {
        gate: undefined,
        keyring: `_ses.${id}`,
        preservedFds: inherited.count,
        whenReady: linkOps(options),
        afterwards: options.detach ? [] : [op('await_exit')],
        hookState: () => new Uint8Array(),
      },
    })
    const path = join(container.files.directory, `exec.${process.pid}`)
    return await launch(plan, {
      plan: path,
      preservedFds: inherited.count,
      terminal: !options.detach && wanted.terminal === true,
      reapOrphans: !options.detach && !options['no-subreaper'],
      after: { task: 'exec', global, id, plan: path, keep: true },
    })
  },
})

function checkStatus({ status }: FoundContainer, ignorePaused: boolean): void {
  if (status === 'stopped' || status === 'creating') throw forbidden(`cannot exec in a stopped container`)
  if (status === 'paused' && !ignorePaused) {
    throw forbidden('cannot exec in a paused container (use --ignore-paused to override)')
  }
}
