// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../../runtime-core/errors.ts'
import { CHECKS } from './index.ts'
import { REPOSITORY } from './source-tree.ts'

async function main(): Promise<void> {
  for (const { name, findProblems } of CHECKS) {
    const problems = await findProblems(REPOSITORY)
    process.stdout.write(`${problems.length === 0 ? '✓' : '✗'} ${name}\n`)
    for (const problem of problems) process.stdout.write(`    ${problem}\n`)
    if (problems.length > 0) process.exitCode = 1
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`check: ${messageOf(error)}\n`)
  process.exitCode = 1
})
