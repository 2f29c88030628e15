// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, GantryError } from '../errors.ts'
import { defineCommand } from './command.ts'
import { exampleSpec } from './example-spec.ts'

export const command = defineCommand({
  usage: '',
  about: 'write an example config.json',
  options: {
    bundle: { kind: 'text', short: 'b', value: 'DIR', about: 'where to (default: the working directory)' },
    rootless: { kind: 'switch', about: 'one that needs no root' },
  },
  args: { min: 0, max: 0 },
  run({ options }) {
    const path = join(options.bundle ?? '.', 'config.json')
    const ids = options.rootless ? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } : undefined
    try {
      writeFileSync(path, `${JSON.stringify(exampleSpec(ids), null, '\t')}\n`, { flag: 'wx', mode: 0o666 })
    } catch (cause) {
      if (errnoOf(cause) !== 'EEXIST') throw cause
      throw new GantryError('already_exists', { action: `File ${path} exists. Remove it first` })
    }
    return 0
  },
})
