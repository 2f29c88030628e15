// SPDX-License-Identifier: Apache-2.0
import type { Check } from './check.ts'
import { criDocs } from './cri-docs.ts'
import { dependencyDocs } from './dependency-docs.ts'
import { fileLength } from './file-length.ts'
import { generatedFiles } from './generated-files.ts'
import { importCycles } from './import-cycles.ts'
import { importDirection } from './import-direction.ts'
import { lonelyTests } from './lonely-tests.ts'
import { namedPaths } from './named-paths.ts'
import { ociDocs } from './oci-docs.ts'
import { securityDocs } from './security-docs.ts'
import { spdxLines } from './spdx.ts'
import { unservedRpcs } from './unserved-rpcs.ts'

/** Every rule that is a program. */
export const CHECKS: readonly Check[] = [
  importDirection,
  importCycles,
  generatedFiles,
  spdxLines,
  fileLength,
  dependencyDocs,
  namedPaths,
  unservedRpcs,
  criDocs,
  ociDocs,
  securityDocs,
  lonelyTests,
]
