// SPDX-License-Identifier: Apache-2.0

import { checkContainerId } from '../state/container-record.ts'
import { CRIU_OPTIONS, notBuiltYet } from './checkpoint.ts'
import { defineCommand } from './command.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'start a container from the images of a checkpoint',
  options: {
    ...CRIU_OPTIONS,
    'console-socket': { kind: 'text', value: 'PATH', about: 'unix socket to which the master of the terminal is sent' },
    bundle: { kind: 'text', short: 'b', value: 'DIR', about: 'the bundle (default: the working directory)' },
    detach: { kind: 'switch', short: 'd', about: 'do not wait for its end' },
    'pid-file': { kind: 'text', value: 'FILE', about: 'write the pid of the process to this file' },
    'no-subreaper': { kind: 'switch', about: 'leave processes without a parent to the caller' },
    'no-pivot': { kind: 'switch', about: 'do not use pivot_root' },
    'lsm-profile': { kind: 'text', value: 'TYPE:NAME', about: 'another AppArmor or SELinux label' },
    'lsm-mount-context': { kind: 'text', value: 'CONTEXT', about: 'another SELinux label of mounts' },
  },
  args: { min: 1, max: 1 },
  run({ args: [id = ''] }) {
    checkContainerId(id)
    throw notBuiltYet('restore')
  },
})
