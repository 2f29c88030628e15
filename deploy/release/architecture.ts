// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/** A machine that releases are built for, under the names it has in each world. */
export interface Architecture {
  /** Go's and the OCI's name. */
  readonly oci: 'amd64' | 'arm64'
  /** Node's and npm's. */
  readonly node: 'x64' | 'arm64'
  /** GNU's, in the names of compilers and directories. */
  readonly gnu: 'x86_64' | 'aarch64'
}

export const ARCHITECTURES: readonly Architecture[] = [
  { oci: 'amd64', node: 'x64', gnu: 'x86_64' },
  { oci: 'arm64', node: 'arm64', gnu: 'aarch64' },
]

/** @throws GantryError `invalid_argument` for a name that is none of the OCI's names above. */
export function architectureOf(name: string): Architecture {
  const found = ARCHITECTURES.find(({ oci, node }) => oci === name || node === name)
  if (found !== undefined) return found
  throw new GantryError('invalid_argument', {
    action: 'build for architecture',
    subject: name,
    reason: `known are ${ARCHITECTURES.map(({ oci }) => oci).join(', ')}`,
  })
}
