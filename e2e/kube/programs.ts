// SPDX-License-Identifier: Apache-2.0
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'

/** Programs that build.sh builds, and one of the distribution. */
export type ProgramName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubectl'
  | 'kubelet'
  | 'helm'
  | 'grpc-health'
  | 'prometheus'

const DIRECTORY = resolve(import.meta.dirname, '../.cache/bin')

/** The path of a program, or its name where it is looked for in PATH. */
export function programPath(name: ProgramName): string {
  return name === 'prometheus' ? name : join(DIRECTORY, name)
}

/** @throws GantryError `failed_precondition` where the programs have not been built. */
export async function requirePrograms(): Promise<void> {
  await access(programPath('kubelet')).catch((cause: unknown) => {
    const hint = 'sh e2e/kube/build.sh'
    throw new GantryError('failed_precondition', { action: 'find kubelet', subject: DIRECTORY, cause, hint })
  })
}
