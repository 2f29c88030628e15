// SPDX-License-Identifier: Apache-2.0
import { access, constants, readdir, readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { readCgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { KEEPER_PROGRAM } from '../../runtime-core/keeper/spawn.ts'
import { loadLibseccomp } from '../../runtime-core/kernel/libseccomp.ts'
import { judgeCgroups } from './check/cgroups.ts'
import { type Finding, failure, formatFindings, ok } from './check/finding.ts'
import { judgeKernel, judgeNamespaces, judgeSeccomp } from './check/kernel.ts'
import { checkNetwork } from './check/network.ts'
import { judgeCapabilities } from './check/privileges.ts'
import { checkStorage } from './check/storage.ts'
import { daemonConfiguration } from './daemon-configuration.ts'

/**
 * `gantry check`: whether this node can run pods, one line a subject. Needs no daemon; the flags are gantryd's.
 *
 * @param flags gantryd's flags by name, `config` among them.
 * @throws GantryError `invalid_argument` for a configuration that gantryd would not take either.
 */
export async function check(
  flags: Readonly<Record<string, string | undefined>>,
): Promise<{ findings: Finding[]; text: string }> {
  const config = daemonConfiguration(flags)
  const [status, namespaces] = await Promise.all([readFile('/proc/self/status', 'utf8'), readdir('/proc/self/ns')])
  const findings = [
    ...judgeKernel(release()),
    judgeNamespaces(namespaces),
    ...judgeCgroups(await readCgroupHost().catch(asError)),
    judgeSeccomp(status, libseccompVersion()),
    ...judgeCapabilities(status),
    await checkKeeper(),
    ...(await checkNetwork(config.cniConfDir, config.cniBinDir)),
    ...(await checkStorage(config.root)),
  ]
  return { findings, text: formatFindings(findings) }
}

async function checkKeeper(): Promise<Finding> {
  const built = await access(KEEPER_PROGRAM, constants.X_OK).then(
    () => true,
    () => false,
  )
  if (built) return ok('keeper', KEEPER_PROGRAM)
  return failure('keeper', `${KEEPER_PROGRAM} is not there`, 'build it: runtime-core/keeper/build.sh')
}

function libseccompVersion(): string | Error {
  try {
    return loadLibseccomp().version
  } catch (error) {
    return asError(error)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
