// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from '../testing/rejects.ts'
import { findModules } from './modules.ts'

const root = await mkdtemp(join(tmpdir(), 'gantry-modules-'))
test.after(() => rm(root, { recursive: true }))

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text)
}

test('imports of every form are followed, those of types alone are not', async () => {
  await write({
    'main.ts': `import { readFile } from 'node:fs'
import type { Nothing } from './types-only.ts'
import { type Some, a } from './a.ts'
// import { old } from './commented.ts'
import * as lib from '@scope/lib/deep.js'
export * from './b.ts'
const load = () => import('./lazy.ts')
const CHILD = new URL('./child.ts', import.meta.url)
const VERSION = new URL('package.json', import.meta.url)
const KEEPER = new URL('build/keeper', import.meta.url)
`,
    'a.ts': "import 'pino'\n",
    'b.ts': "export { a } from './a.ts'\n",
    'lazy.ts': "import {\n  x,\n  y,\n} from './long.ts'\n",
    'long.ts': '',
    'child.ts': "const yaml = await import('yaml')\n",
    'package.json': '{}',
  })
  assert.equal(await findModules(root, ['main.ts'], new Set(['build/keeper'])), {
    files: ['a.ts', 'b.ts', 'child.ts', 'lazy.ts', 'long.ts', 'main.ts', 'package.json'],
    packages: ['@scope/lib', 'pino', 'yaml'],
  })
})

test('an import of a file that is not there stops the build', async () => {
  await write({ 'broken.ts': "import './gone.ts'\n" })
  await rejects(findModules(root, ['broken.ts'], new Set()), 'not_found', /gone\.ts/)
})

test.run()
