// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { Check } from './check.ts'

/** Programs that compare what they generate with what stands in the repository, and how it is made again. */
const GENERATORS = [
  {
    file: 'runtime-core/keeper/ops.gen.h',
    check: ['runtime-core/keeper/generate.ts', '--check'],
    again: 'node runtime-core/keeper/generate.ts',
  },
  {
    file: 'deploy/chart/gantry',
    check: ['deploy/chart/write-files.ts', '--check'],
    again: 'node deploy/chart/write-files.ts',
  },
]

export const generatedFiles: Check = {
  name: 'generated files are in step with their sources',
  findProblems: async (root) => {
    const checked = GENERATORS.map(async ({ file, check, again }) =>
      (await succeeds(root, check)) ? [] : [`${file} is not what its generator makes: run ${again}`],
    )
    return (await Promise.all(checked)).flat()
  },
}

function succeeds(root: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(join(root, 'node_modules/.bin/node'), args, { cwd: root }, (error) => resolve(error === null))
  })
}
