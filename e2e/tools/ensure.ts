// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { runCommand } from '../images/command.ts'

/** Where build.sh puts what it builds. */
export const TOOLS = join(import.meta.dirname, '../.cache/bin')

/** Makes sure that crictl, critest and ginkgo are built as go.mod pins them. Instant when they are. */
export async function ensureTools(): Promise<void> {
  await runCommand('sh', [join(import.meta.dirname, 'build.sh')])
}
