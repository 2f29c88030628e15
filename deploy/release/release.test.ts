// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { appendFile, chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256Of, verifyRelease } from '../node/manifest.ts'
import { rejects } from '../testing/rejects.ts'
import { buildTestRelease, TEST_VERSION, unpackRelease } from '../testing/test-release.ts'
import { architectureOf } from './architecture.ts'

/** A release as it is shipped: built, unpacked and run. */

const run = promisify(execFile)
const scratch = await mkdtemp(join(tmpdir(), 'gantry-release-'))
test.after(() => rm(scratch, { recursive: true }))

const host = architectureOf(process.arch)
const built = await buildTestRelease(host, join(scratch, 'one'))
const release = await unpackRelease(built, join(scratch, 'release'))

test('the same sources give the same archive and bill of materials, byte for byte', async () => {
  const umask = process.umask(0o077)
  const again = await buildTestRelease(host, join(scratch, 'two'))
  process.umask(umask)
  assert.is(await sha256Of(again.archive), await sha256Of(built.archive))
  assert.is(await sha256Of(again.sbom), await sha256Of(built.sbom))
})

test('entries are sorted, of root, and of the time that was given', async () => {
  const { stdout } = await run('tar', ['--numeric-owner', '--utc', '-tvzf', built.archive], { maxBuffer: 1 << 24 })
  const lines = stdout.trim().split('\n')
  for (const line of lines) assert.match(line, /^\S+ 0\/0 +\d+ 2023-11-14 22:13 /)
  const paths = lines.map((line) => line.split(/ 22:13 /)[1]?.replace(/ -> .*|\/$/, '') ?? '')
  assert.equal(paths, [...paths].sort())
})

test('programs of an unpacked release run without the repository, and tell its version', async () => {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  const said = async (program: string, ...args: string[]) =>
    (await run(join(release, 'bin', program), args, { env, cwd: '/' })).stdout
  assert.is(await said('gantryd', '--version'), `gantryd ${TEST_VERSION}\n`)
  assert.match(await said('gantry', 'version'), new RegExp(`^gantry +${TEST_VERSION}\\n`))
  assert.match(await said('gantry-oci', '--version'), new RegExp(`^gantry-oci version ${TEST_VERSION}\\n`))
})

test('a release that is as it was built, and has run, is accepted', async () => {
  assert.is((await verifyRelease(release)).version, TEST_VERSION)
})

test('a release in which anything differs is refused, with the name of what differs', async () => {
  const damaged = await unpackRelease(built, join(scratch, 'damaged'))
  const keeper = join(damaged, 'runtime-core/keeper/build/gantry-keeper')
  const content = await readFile(keeper)
  const changes: [() => Promise<void>, () => Promise<void>, RegExp][] = [
    [() => appendFile(keeper, 'x'), () => writeFile(keeper, content), /gantry-keeper": has \d+ bytes, not/],
    [
      () => writeFile(keeper, Buffer.from(content).fill(1, 100, 101)),
      () => writeFile(keeper, content),
      /gantry-keeper": has sha256 /,
    ],
    [() => chmod(keeper, 0o4755), () => chmod(keeper, 0o755), /has mode 4755, not 0755/],
    [
      () => writeFile(join(damaged, 'shim/extra.ts'), ''),
      () => rm(join(damaged, 'shim/extra.ts')),
      /extra\.ts": is not in the manifest/,
    ],
    [() => rm(join(damaged, 'LICENSE')), () => Promise.resolve(), /LICENSE": is missing/],
  ]
  for (const [damage, repair, text] of changes) {
    await damage()
    await rejects(verifyRelease(damaged), 'failed_precondition', text)
    await repair()
  }
})

test('a link to another place is refused', async () => {
  const damaged = await unpackRelease(built, join(scratch, 'linked'))
  const link = join(damaged, 'node_modules/.bin/node')
  await rm(link)
  await symlink('/usr/bin/env', link)
  await rejects(verifyRelease(damaged), 'failed_precondition', /\.bin\/node": \/usr\/bin\/env in place of a link/)
})

test('no test, tool or package of development is shipped', () => {
  const paths = built.contents.manifest.files.map(({ path }) => path)
  assert.equal(
    paths.filter((path) => /\.test\.ts$|\/testing\/|^e2e\/|@biomejs|typescript|uvu|client-node|@types/.test(path)),
    [],
  )
})

test('the bill of materials accounts for each file and package, and says nothing twice', async () => {
  const sbom = JSON.parse(await readFile(built.sbom, 'utf8'))
  const ids: string[] = [...sbom.packages, ...sbom.files].map(({ SPDXID }: { SPDXID: string }) => SPDXID)
  assert.is(new Set(ids).size, ids.length)
  const known = new Set([...ids, 'SPDXRef-DOCUMENT'])
  for (const { spdxElementId, relatedSpdxElement } of sbom.relationships) {
    assert.ok(known.has(spdxElementId) && known.has(relatedSpdxElement), `${spdxElementId} ${relatedSpdxElement}`)
  }
  const { files } = built.contents.manifest
  assert.equal(
    sbom.files.map(({ fileName }: { fileName: string }) => fileName),
    files.map(({ path }) => `./${path}`),
  )
  const names = new Set(sbom.packages.map(({ name }: { name: string }) => name))
  for (const name of ['gantry', 'pino', 'koffi', 'glibc', `node-linux-${host.node}`]) assert.ok(names.has(name), name)
  assert.not.ok(names.has('typescript'))
})

test.run()
