// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { REPOSITORY } from '../checks/source-tree.ts'

/**
 * The OCI runtime that the callers of these suites are given. With GANTRY_E2E_OCI_RUNTIME=/usr/bin/crun another one takes
 * its place: a test that it fails is probably wrong itself.
 */
export const RUNTIME = process.env['GANTRY_E2E_OCI_RUNTIME'] ?? join(REPOSITORY, 'bin/gantry-oci')
