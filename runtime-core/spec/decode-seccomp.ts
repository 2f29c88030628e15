// SPDX-License-Identifier: Apache-2.0

import {
  absolutePath,
  also,
  array,
  type Decoder,
  integer,
  nonEmpty,
  object,
  oneOf,
  text,
  uint64,
  wrong,
} from './decode.ts'
import { SECCOMP_ACTIONS, SECCOMP_FLAGS, SECCOMP_OPERATORS } from './names.ts'
import type { OciSeccomp, OciSeccompRule } from './types.ts'

/** `linux.seccomp` (config-linux.md §seccomp). What an architecture or a call is called is libseccomp's to say. */

const action = oneOf(...SECCOMP_ACTIONS)
const errnoRet = integer(0, 0xffff)

const rule = object<OciSeccompRule>(
  {
    names: also(array(nonEmpty), (names, path) => {
      if (names.length === 0) throw wrong(path, names, 'at least one system call')
    }),
    action,
    errnoRet,
    args: array(
      object<NonNullable<OciSeccompRule['args']>[number]>(
        { index: integer(0, 5), value: uint64, valueTwo: uint64, op: oneOf(...SECCOMP_OPERATORS) },
        ['index', 'value', 'op'],
      ),
    ),
  },
  ['names', 'action'],
)

export const seccomp: Decoder<OciSeccomp> = also(
  object<OciSeccomp>(
    {
      defaultAction: action,
      defaultErrnoRet: errnoRet,
      architectures: array(text),
      flags: array(oneOf(...SECCOMP_FLAGS)),
      listenerPath: (value, path) => (value === '' ? '' : absolutePath(value, path)),
      listenerMetadata: text,
      syscalls: array(rule),
    },
    ['defaultAction'],
  ),
  ({ listenerPath, listenerMetadata }, path) => {
    if (listenerMetadata && !listenerPath) {
      throw wrong(`${path}.listenerMetadata`, listenerMetadata, 'it only with listenerPath')
    }
  },
)
