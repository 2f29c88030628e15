// SPDX-License-Identifier: Apache-2.0
import type { OptionTable, OptionValues } from './arguments.ts'
import type { CreateRequest } from './container-start.ts'

/** Options of every command that starts a process with a terminal or inherited descriptors. */
export const PROCESS_OPTIONS = {
  'console-socket': { kind: 'text', value: 'PATH', about: 'unix socket to which the master of the terminal is sent' },
  'pidfd-socket': { kind: 'text', value: 'PATH', about: 'unix socket to which a pidfd of the process is sent' },
  'pid-file': { kind: 'text', value: 'FILE', about: 'write the pid of the process to this file' },
  'preserve-fds': { kind: 'number', value: 'N', about: 'hand on N more descriptors, from 3 (after LISTEN_FDS)' },
} as const satisfies OptionTable

/** Options of create and run. */
export const CREATE_OPTIONS = {
  bundle: { kind: 'text', short: 'b', value: 'DIR', about: 'the bundle (default: the working directory)' },
  ...PROCESS_OPTIONS,
  'no-pivot': { kind: 'switch', about: 'move the root in place of pivot_root, where the host runs from a ramdisk' },
  'no-new-keyring': { kind: 'switch', about: 'stay in the session keyring of the caller' },
} as const satisfies OptionTable

/** What {@link CREATE_OPTIONS} say of a container to be made. */
export function requestOf(id: string, options: OptionValues<typeof CREATE_OPTIONS>) {
  return {
    ...options,
    id,
    bundle: options.bundle ?? '.',
    noPivot: options['no-pivot'],
    noNewKeyring: options['no-new-keyring'],
  } satisfies Partial<CreateRequest>
}
