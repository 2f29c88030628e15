// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { explainPull } from './explain-pull.ts'

const root = mkdtempSync(join(tmpdir(), 'gantry-explain-pull-'))
test.after(() => rmSync(root, { recursive: true }))

function hosts(registry: string, text: string): string {
  mkdirSync(join(root, registry), { recursive: true })
  writeFileSync(join(root, registry, 'hosts.toml'), text)
  return join(root, registry, 'hosts.toml')
}

test('mirrors come before the registry, with what each is asked for and what is unusual about it', async () => {
  const file = hosts(
    'docker.io',
    `server = "https://registry-1.docker.io"
[host."https://mirror.local:5000"]
capabilities = ["pull"]
skip_verify = true
dial_timeout = "2s"
[host."https://mirror.local:5000".header]
Authorization = "Bearer secret"
`,
  )
  const { explanation, text } = await explainPull('busybox', [root])
  assert.equal(explanation, {
    reference: 'docker.io/library/busybox:latest',
    decidedBy: file,
    steps: [
      {
        url: 'https://mirror.local:5000/v2/library/busybox/manifests/latest?ns=docker.io',
        for: ['pull'],
        notes: ['certificate not verified', 'headers authorization', 'gives up connecting after 2000 ms'],
      },
      {
        url: 'https://registry-1.docker.io/v2/library/busybox/manifests/latest',
        for: ['resolve', 'pull'],
        notes: [],
      },
    ],
  })
  assert.not.match(text, /secret/)
  assert.match(text, /^docker\.io\/library\/busybox:latest\ndecided by .*hosts\.toml\n\nTURN .*\n1 .*\n2 .*\n$/)
})

test('without a file the rules that are built in are said to have decided', async () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const { explanation, text } = await explainPull(`quay.io/a/b@${digest}`, [root, '/no/such/place'])
  assert.is(explanation.decidedBy, undefined)
  assert.equal(
    explanation.steps.map(({ url }) => url),
    [`https://quay.io/v2/a/b/manifests/${digest}`],
  )
  assert.match(text, /decided by built-in rules: no directory for quay\.io and no _default in .* or \/no\/such\/place/)
})

test('the file for all registries is named where it decides', async () => {
  const file = hosts('_default', '[host."http://all.local"]\n')
  assert.is((await explainPull('ghcr.io/x/y', [root])).explanation.decidedBy, file)
})

test('a file that cannot be used is the answer', async () => {
  const file = hosts('bad.local', 'server = 5\n')
  const error = await explainPull('bad.local/x', [root]).catch((failure: unknown) => failure)
  assert.ok(hasCode(error, 'failed_precondition') && error.message.includes(file), String(error))
})

test.run()
