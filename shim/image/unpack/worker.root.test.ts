// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildTar, type Member } from '../testing/tar-builder.ts'
import { unpack } from '../testing/unpack.ts'

const run = (program: string, ...args: string[]) => execFileSync(program, args, { maxBuffer: 1 << 28 })

async function refusal(members: readonly Member[], limits = {}): Promise<string> {
  return unpack(buildTar(members), limits).then(
    (layer) => {
      layer[Symbol.dispose]()
      return 'it was accepted'
    },
    (error) => String(error),
  )
}

const xattr = (file: string, name: string) =>
  run(
    'python3',
    '-c',
    'import os,sys; sys.stdout.write(os.getxattr(sys.argv[1], sys.argv[2], follow_symlinks=False).decode("latin1"))',
    file,
    name,
  ).toString()

test('whiteouts take the form overlayfs knows', async () => {
  using layer = await unpack(
    buildTar([
      { name: 'a/', type: '5' },
      { name: 'a/.wh.gone', uid: 7, gid: 8 },
      { name: 'b/', type: '5' },
      { name: 'b/kept', data: 'k' },
      { name: 'b/.wh..wh..opq' },
      { name: '.wh..wh.plnk/1.2', data: 'x' },
      { name: 'new/.wh.inside' },
    ]),
  )
  const gone = lstatSync(path.join(layer.directory, 'a/gone'))
  assert.ok(gone.isCharacterDevice())
  assert.equal([gone.rdev, gone.uid, gone.gid], [0, 7, 8])
  assert.is(xattr(path.join(layer.directory, 'b'), 'trusted.overlay.opaque'), 'y')
  assert.equal(readdirSync(path.join(layer.directory, 'b')), ['kept'])
  assert.equal(readdirSync(layer.directory).sort(), ['a', 'b', 'new'])
  assert.equal(layer.implicit, ['', 'new'])
})

test('a whiteout hides lower layers only, in whatever order it comes', async () => {
  using layer = await unpack(
    buildTar([
      { name: 'file', data: 'mine' },
      { name: '.wh.file' },
      { name: '.wh.late' },
      { name: 'late', data: 'mine too' },
      { name: '.wh.dir' },
      { name: 'dir/', type: '5' },
      { name: 'dir/x', data: 'x' },
      { name: 'other/', type: '5' },
      { name: '.wh.other' },
    ]),
  )
  assert.is(readFileSync(path.join(layer.directory, 'file'), 'utf8'), 'mine')
  assert.is(readFileSync(path.join(layer.directory, 'late'), 'utf8'), 'mine too')
  assert.is(xattr(path.join(layer.directory, 'dir'), 'trusted.overlay.opaque'), 'y')
  assert.is(xattr(path.join(layer.directory, 'other'), 'trusted.overlay.opaque'), 'y')
})

test('owners, set-id bits, capabilities, attributes and exact times survive', async () => {
  // vfs_cap_data revision 2, effective, cap_net_raw.
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex').toString('latin1')
  using layer = await unpack(
    buildTar([
      { name: 'd/', type: '5', mode: 0o3775, uid: 10, gid: 20, mtime: 1000 },
      { name: 'd/su', data: 's', mode: 0o6755, uid: 30, gid: 40, pax: { mtime: '1234567890.987654321' } },
      {
        name: 'd/ping',
        data: 'p',
        mode: 0o755,
        pax: { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.user.note': 'n' },
      },
      { name: 'd/link', type: '2', linkName: 'su', uid: 50, mtime: 77 },
      { name: 'd/hard', type: '1', linkName: './d/su' },
    ]),
  )
  const at = (name: string) => path.join(layer.directory, name)
  const su = lstatSync(at('d/su'), { bigint: true })
  assert.equal([su.mode & 0o7777n, su.uid, su.gid, su.mtimeNs, su.nlink], [0o6755n, 30n, 40n, 1234567890987654321n, 2n])
  const directory = lstatSync(at('d'))
  assert.equal([directory.mode & 0o7777, directory.uid, directory.gid, directory.mtimeMs], [0o3775, 10, 20, 1000_000])
  assert.match(run('getcap', at('d/ping')).toString(), 'cap_net_raw')
  assert.is(xattr(at('d/ping'), 'user.note'), 'n')
  const link = lstatSync(at('d/link'))
  assert.equal([link.uid, link.mtimeMs, readlinkSync(at('d/link'))], [50, 77_000, 'su'])
})

test('devices and pipes are made and cannot be opened by the unpacking process', async () => {
  using layer = await unpack(
    buildTar([
      { name: 'dev/sda', type: '4', major: 254, minor: 0, mode: 0o660 },
      { name: 'p', type: '6' },
    ]),
  )
  const device = lstatSync(path.join(layer.directory, 'dev/sda'))
  assert.ok(device.isBlockDevice())
  assert.is(device.rdev, 254 << 8)
  assert.ok(lstatSync(path.join(layer.directory, 'p')).isFIFO())
})

test('a path through the layer’s own links stays in the layer', async () => {
  const name = `gantry-escape-${process.pid}`
  using layer = await unpack(
    buildTar([
      { name: 'up', type: '2', linkName: '../../../../../../tmp' },
      { name: 'abs', type: '2', linkName: '/tmp' },
      { name: 'chain', type: '2', linkName: 'abs/../up' },
      { name: `up/${name}1`, data: 'x' },
      { name: `abs/${name}2`, data: 'x' },
      { name: `chain/${name}3`, data: 'x' },
    ]),
  )
  for (const n of [1, 2, 3]) {
    assert.not.ok(existsSync(`/tmp/${name}${n}`), 'it escaped')
    assert.ok(existsSync(path.join(layer.directory, 'tmp', `${name}${n}`)), `file ${n} is in the layer's own tmp`)
  }
})

test('a member replaces what stands at its place and never writes through a link', async () => {
  const victim = path.join(mkdtempSync(path.join(tmpdir(), 'gantry-victim-')), 'f')
  writeFileSync(victim, 'untouched')
  using layer = await unpack(
    buildTar([
      { name: 'x', type: '2', linkName: victim },
      { name: 'x', data: 'new' },
      { name: 'tree/', type: '5' },
      { name: 'tree/a/', type: '5' },
      { name: 'tree/a/b', data: 'b' },
      { name: 'tree', data: 'now a file' },
      { name: 'again', data: '1' },
      { name: 'again/', type: '5' },
      { name: 'again/in', data: '2' },
    ]),
  )
  assert.is(readFileSync(victim, 'utf8'), 'untouched')
  rmSync(path.dirname(victim), { recursive: true })
  assert.is(readFileSync(path.join(layer.directory, 'x'), 'utf8'), 'new')
  assert.is(readFileSync(path.join(layer.directory, 'tree'), 'utf8'), 'now a file')
  assert.is(readFileSync(path.join(layer.directory, 'again/in'), 'utf8'), '2')
})

test('a whiteout is not led elsewhere by a link', async () => {
  using layer = await unpack(
    buildTar([
      { name: 'etc/', type: '5' },
      { name: 'l', type: '2', linkName: 'etc' },
      { name: 'l/.wh.passwd' },
      { name: 'l/.wh..wh..opq' },
    ]),
  )
  assert.equal(readdirSync(path.join(layer.directory, 'etc')), [])
})

test('attributes of overlayfs itself are not taken from an archive', async () => {
  using layer = await unpack(
    buildTar([
      {
        name: 'd/',
        type: '5',
        pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/../../etc', 'SCHILY.xattr.user.overlay.opaque': 'y' },
      },
    ]),
  )
  assert.throws(() => xattr(path.join(layer.directory, 'd'), 'trusted.overlay.redirect'))
  assert.throws(() => xattr(path.join(layer.directory, 'd'), 'user.overlay.opaque'))
})

const HOSTILE: readonly (readonly [string, readonly Member[], string])[] = [
  ['climbs', [{ name: '../../etc/passwd', data: 'x' }], 'climbs out'],
  ['climbs in its middle', [{ name: 'a/../../b', data: 'x' }], 'climbs out'],
  ['hides nothing', [{ name: 'a/.wh.' }], 'names nothing'],
  ['hides its parent', [{ name: 'a/.wh...' }], 'names nothing'],
  ['puts files below a whiteout', [{ name: '.wh.a/b', data: 'x' }], "whiteout's name"],
  ['links to the outside', [{ name: 'h', type: '1', linkName: '../../etc/shadow' }], 'outside the layer'],
  ['links to what is not there', [{ name: 'h', type: '1', linkName: 'etc/shadow' }], 'not in the layer'],
  [
    'links to a directory',
    [
      { name: 'd/', type: '5' },
      { name: 'h', type: '1', linkName: 'd' },
    ],
    'is a directory',
  ],
  [
    'has a file for a parent',
    [
      { name: 'f', data: '' },
      { name: 'f/g', data: 'x' },
    ],
    'is not a directory',
  ],
  [
    'runs in circles',
    [
      { name: 'a', type: '2', linkName: 'b' },
      { name: 'b', type: '2', linkName: 'a' },
      { name: 'a/f', data: '' },
    ],
    'too many symbolic links',
  ],
  ['has a name no file system takes', [{ name: 'x', pax: { path: 'n'.repeat(300) } }], 'ENAMETOOLONG'],
  ['is endlessly deep', [{ name: 'x', pax: { path: 'd/'.repeat(5000) } }], 'deep'],
  ['makes the root a file', [{ name: './', data: '' }], 'root is not a directory'],
]
for (const [what, members, why] of HOSTILE) {
  test(`a layer that ${what} is refused`, async () => {
    const text = await refusal(members)
    assert.match(text, why)
    assert.match(text, 'unpack: "')
  })
}

test('a layer larger than allowed is refused before it fills the disk', async () => {
  assert.match(
    await refusal([{ name: 'a', data: 'x'.repeat(100_000) }], { limitBytes: 50_000 }),
    'more than 50000 bytes',
  )
  assert.match(await refusal([{ name: 'a' }, { name: 'b' }], { limitEntries: 1 }), 'more than 1 members')
})

test('names that are not UTF-8 keep their bytes', async () => {
  using layer = await unpack(
    buildTar([
      { name: 'caf\xe9/', type: '5' },
      { name: 'caf\xe9/\xff\xfe', data: 'x' },
    ]),
  )
  const names = readdirSync(Buffer.from(`${layer.directory}/caf\xe9`, 'latin1'), 'buffer')
  assert.equal(names, [Buffer.from('\xff\xfe', 'latin1')])
})

test('the process sees nothing but its directory and can start nothing', async () => {
  const probe = `
    import { confine } from ${JSON.stringify(new URL('./confine.ts', import.meta.url).href)}
    import { openKernel } from ${JSON.stringify(new URL('./kernel.ts', import.meta.url).href)}
    import { readdirSync, readFileSync } from 'node:fs'
    import { spawnSync } from 'node:child_process'
    import { Worker } from 'node:worker_threads'
    const status = readFileSync('/proc/self/status', 'utf8')
    confine(openKernel(process.arch), process.argv[1], process.arch)
    const attempt = (work) => { try { work(); return 'done' } catch (error) { return error.code ?? error.message } }
    console.log(JSON.stringify({
      capabilities: /CapEff:\\s*(\\S+)/.exec(status)[1],
      root: readdirSync('/'),
      up: attempt(() => readFileSync('/../../etc/passwd')),
      run: spawnSync('/bin/true').error?.code,
      kill: attempt(() => process.kill(1, 0)),
    }))`
  const directory = mkdtempSync(path.join(tmpdir(), 'gantry-confine-'))
  const bounding = ['--bounding-set', '-all,+chown,+dac_override,+fowner,+fsetid,+mknod,+setfcap,+sys_admin']
  const args = [
    '--mount',
    '--net',
    '--',
    'setpriv',
    '--no-new-privs',
    ...bounding,
    '--',
    process.execPath,
    '--input-type=module',
    '-e',
    probe,
    directory,
  ]
  const seen = JSON.parse(run('unshare', ...args).toString())
  rmSync(directory, { recursive: true })
  assert.equal(seen.root, [])
  assert.is(seen.up, 'ENOENT')
  assert.ok(seen.run === 'EPERM' || seen.run === 'ENOENT', seen.run)
  assert.is(seen.kill, 'EPERM')
  assert.is(
    Number.parseInt(seen.capabilities, 16),
    [0, 1, 3, 4, 21, 27, 31].reduce((sum, bit) => sum + 2 ** bit, 0),
  )
})

test('random trees come back from GNU tar as they were, in every format', async () => {
  const source = mkdtempSync(path.join(tmpdir(), 'gantry-tree-'))
  try {
    let seed = 42
    const random = (limit: number) => {
      seed = (seed * 48271) % 2147483647
      return seed % limit
    }
    growTree(source, random)
    for (const format of ['gnu', 'pax', 'posix', 'ustar']) {
      const sparse = format === 'ustar' ? [] : ['--sparse']
      const extra = format === 'pax' || format === 'posix' ? ['--xattrs', '--xattrs-include=*'] : []
      for (const version of format === 'pax' ? ['0.0', '0.1', '1.0'] : ['1.0']) {
        const options = sparse.length > 0 && format !== 'gnu' ? [...sparse, `--sparse-version=${version}`] : sparse
        const names = format === 'ustar' ? ['--exclude=long*'] : []
        const archive = run('tar', '-C', source, `--format=${format}`, ...options, ...extra, ...names, '-cf', '-', '.')
        using layer = await unpack(archive)
        assert.equal(describe(layer.directory, format), describe(source, format), `${format} ${version}`)
      }
    }
  } finally {
    rmSync(source, { recursive: true, force: true })
  }
})

function growTree(root: string, random: (limit: number) => number): void {
  const directories = [root]
  const files: string[] = []
  for (let i = 0; i < 300; i++) {
    const parent = directories[random(directories.length)] ?? root
    const at = path.join(parent, `${i % 17 === 0 ? `long${'n'.repeat(150)}` : 'n'}${i}${i % 23 === 0 ? 'ü ñ\n' : ''}`)
    const kind = random(8)
    if (kind < 2) {
      mkdirSync(at)
      directories.push(at)
    } else if (kind === 2 && i % 2 === 0) symlinkSync('../../x', at)
    else if (kind === 2) symlinkSync(`/abs/${'t'.repeat(random(180))}`, path.join(parent, `long${i}`))
    else if (kind === 3 && files.length > 0) linkSync(files[random(files.length)] ?? '', at)
    else {
      writeFileSync(at, Buffer.alloc(random(20_000), String(i)))
      if (i % 11 === 0) {
        truncateSync(at, 500_000 + random(1000))
        writeFileSync(at, 'tail', { flag: 'a' })
      }
      chmodSync(at, 0o400 + random(0o377))
      utimesSync(at, 1e9 + random(1e8), 1e9 + random(1e8) + 0.25)
      files.push(at)
    }
  }
  for (const directory of directories.reverse()) utimesSync(directory, 5, 1e9 + random(1e8))
}

/** One line a file: what the format can keep. ustar has no long names, only the pax formats have parts of seconds. */
function describe(root: string, format: string): string[] {
  const isUstar = format === 'ustar'
  const isExact = format === 'pax' || format === 'posix'
  const lines: string[] = []
  const walk = (directory: string, relative: string) => {
    for (const name of readdirSync(directory).sort()) {
      if (isUstar && name.startsWith('long')) continue
      const at = path.join(directory, name)
      const stats = lstatSync(at)
      const content = stats.isSymbolicLink()
        ? readlinkSync(at)
        : stats.isFile()
          ? readFileSync(at).toString('base64url').slice(-60)
          : ''
      const links = stats.isFile() && !isUstar ? stats.nlink : ''
      const seconds = isExact ? stats.mtimeMs : Math.floor(stats.mtimeMs / 1000)
      lines.push(
        `${relative}/${name} ${stats.mode.toString(8)} ${stats.uid}:${stats.gid} ${stats.isDirectory() ? '' : stats.size} ${seconds} ${links} ${content}`,
      )
      if (stats.isDirectory()) walk(at, `${relative}/${name}`)
    }
  }
  walk(root, '')
  return lines
}

test.run()
