// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildHeader, buildMember, buildTar, type Member, paxRecord, sealHeader } from '../testing/tar-builder.ts'
import { parsePaxTime } from './pax.ts'
import { TarReader } from './tar.ts'
import type { TarEntry } from './tar-entry.ts'

interface Read extends TarEntry {
  readonly data: string
}

/** All members, the archive fed in pieces of `piece` bytes. */
function read(archive: Buffer, piece = archive.length): Read[] {
  const members: Read[] = []
  let current: { entry: TarEntry; data: Buffer[] } | undefined
  const reader = new TarReader({
    begin: (entry) => {
      current = { entry, data: [] }
    },
    data: (bytes) => current?.data.push(Buffer.from(bytes)),
    end: () => {
      if (current !== undefined)
        members.push({ ...current.entry, data: Buffer.concat(current.data).toString('latin1') })
    },
  })
  for (let at = 0; at < archive.length; at += piece) reader.feed(archive.subarray(at, at + piece))
  reader.finish()
  return members
}

function refusal(archive: Buffer): string {
  try {
    read(archive)
  } catch (error) {
    return String(error)
  }
  throw new Error('it was accepted')
}

const MEMBERS: readonly Member[] = [
  { name: 'dir/', type: '5', mode: 0o1777, uid: 3, gid: 4, mtime: 12 },
  { name: 'dir/file', data: 'x'.repeat(1000), mode: 0o4755 },
  { name: 'empty', data: '' },
  { name: 'link', type: '2', linkName: '../dir/file' },
  { name: 'hard', type: '1', linkName: 'dir/file', size: 1000, data: '' },
  { name: 'null', type: '3', major: 1, minor: 3 },
  { name: 'pipe', type: '6' },
]

test('members of every kind are read the same however the archive is cut', () => {
  const archive = buildTar(MEMBERS.filter(({ name }) => name !== 'hard'))
  const whole = read(archive)
  assert.equal(
    whole.map(({ kind, path }) => `${kind} ${path}`),
    ['dir dir/', 'file dir/file', 'file empty', 'symlink link', 'char null', 'fifo pipe'],
  )
  assert.is(whole[1]?.data, 'x'.repeat(1000))
  assert.equal([whole[0]?.mode, whole[0]?.uid, whole[0]?.gid, whole[0]?.mtime], [0o1777, 3, 4, [12, 0]])
  for (const piece of [1, 7, 511, 512, 513, 1500]) assert.equal(read(archive, piece), whole, `pieces of ${piece}`)
})

test('a hard link has no data even where its header states a size', () => {
  const archive = buildTar([
    { name: 'a', data: 'hello' },
    { name: 'b', type: '1', linkName: 'a', size: 5 },
    { name: 'c', data: 'z' },
  ])
  assert.equal(
    read(archive).map(({ path, data }) => `${path}=${data}`),
    ['a=hello', 'b=', 'c=z'],
  )
})

test('an extended header overrides names, owners, size, times and brings attributes', () => {
  const long = `${'d/'.repeat(200)}ü`
  const pax = {
    path: Buffer.from(long).toString('latin1'),
    uid: '4000000',
    gid: '5000000',
    mtime: '1700000000.123456789',
    'SCHILY.xattr.user.x': 'a\0b=c\n',
  }
  const [entry] = read(buildTar([{ name: 'short', data: 'q', pax }]), 100)
  assert.is(Buffer.from(entry?.path ?? '', 'latin1').toString(), long)
  assert.equal([entry?.uid, entry?.gid, entry?.mtime], [4000000, 5000000, [1700000000, 123456789]])
  assert.equal(entry?.xattrs, [['user.x', Buffer.from('a\0b=c\n')]])
})

test('an extended header holds for one member and a global one for none', () => {
  const global = Buffer.concat(buildMember({ name: 'g', type: 'g', data: paxRecord('path', 'evil') }))
  const archive = Buffer.concat([global, buildTar([{ name: 'a', pax: { path: 'b' } }, { name: 'c' }])])
  assert.equal(
    read(archive).map(({ path }) => path),
    ['b', 'c'],
  )
})

test('GNU long names and links are read', () => {
  const name = `${'n'.repeat(300)}\0`
  const archive = Buffer.concat([
    ...buildMember({ name: '././@LongLink', type: 'L', data: name }),
    ...buildMember({ name: '././@LongLink', type: 'K', data: `t${name}` }),
    buildTar([{ name: 'cut', type: '2', linkName: 'cut' }]),
  ])
  const [entry] = read(archive, 333)
  assert.is(entry?.path, 'n'.repeat(300))
  assert.is(entry?.linkPath, `t${'n'.repeat(300)}`)
})

test('numbers in base 256 are read, negative times included', () => {
  const header = buildHeader({ name: 'big', size: 0 })
  header.fill(0, 108, 116)
  header.writeUInt8(0x80, 108)
  header.writeUInt32BE(3_000_000_000, 112)
  header.fill(0xff, 136, 148)
  const [entry] = read(Buffer.concat([sealHeader(header), Buffer.alloc(1024)]))
  assert.is(entry?.uid, 3_000_000_000)
  assert.equal(entry?.mtime, [-1, 0])
})

test('all three extended forms of sparse files are understood', () => {
  const old = { 'GNU.sparse.size': '100', 'GNU.sparse.numblocks': '2' }
  // Form 0.0 repeats keys, which an object cannot hold.
  const records = [
    paxRecord('GNU.sparse.size', '100'),
    ...['0', '2', '50', '3'].map((value, index) =>
      paxRecord(index % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes', value),
    ),
  ]
  const form00 = [
    ...buildMember({ name: 'x', type: 'x', data: Buffer.concat(records) }),
    ...buildMember({ name: 's00', data: 'abcde' }),
  ]
  const form01 = buildMember({ name: 's01', data: 'abcde', pax: { ...old, 'GNU.sparse.map': '0,2,50,3' } })
  const map = Buffer.alloc(512)
  map.write('2\n0\n2\n50\n3\n')
  const pax = {
    'GNU.sparse.major': '1',
    'GNU.sparse.minor': '0',
    'GNU.sparse.name': 'real',
    'GNU.sparse.realsize': '100',
  }
  const form10 = buildMember({ name: 'GNUSparseFile.0/real', data: Buffer.concat([map, Buffer.from('abcde')]), pax })
  const entries = read(Buffer.concat([...form00, ...form01, ...form10, Buffer.alloc(1024)]), 700)
  assert.equal(
    entries.map(({ path }) => path),
    ['s00', 's01', 'real'],
  )
  for (const entry of entries) {
    assert.equal(
      entry.extents,
      [
        { offset: 0, length: 2 },
        { offset: 50, length: 3 },
      ],
      entry.path,
    )
    assert.is(entry.size, 100, entry.path)
    assert.is(entry.data, 'abcde', entry.path)
  }
})

const plain = buildTar([{ name: 'a', data: 'x'.repeat(600) }])
const BROKEN: readonly (readonly [string, Buffer, string])[] = [
  ['a wrong checksum', Buffer.concat([Buffer.from('b'), plain.subarray(1)]), 'wrong checksum'],
  ['an end inside a member', plain.subarray(0, 700), 'truncated'],
  ['an end inside a header', plain.subarray(0, 100), 'truncated'],
  [
    'an extended header and nothing after it',
    Buffer.concat(buildMember({ name: 'x', type: 'x', data: paxRecord('path', 'y') })),
    'truncated',
  ],
  ['an unknown type', buildTar([{ name: 'a', type: 'Q' }]), 'unknown type "Q"'],
  ['a huge extended header', buildTar([{ name: 'a', type: 'x', size: 2 ** 30 }]), 'larger than'],
  ['an extended record without a length', buildTar([{ name: 'a', type: 'x', data: 'hello' }]), 'no length'],
  [
    'an extended record that lies about its length',
    buildTar([{ name: 'a', type: 'x', data: '99 a=b\n' }]),
    'wrong length',
  ],
  ['a name with NUL', buildTar([{ name: 'a', pax: { path: 'a\0b' } }]), 'NUL'],
  ['a negative size', buildTar([{ name: 'a', pax: { size: '-5' } }]), 'malformed'],
  ['the owner nobody can be', buildTar([{ name: 'a', pax: { uid: '4294967295' } }]), 'owner'],
  [
    'a sparse map out of order',
    buildTar([{ name: 'a', data: 'ab', pax: { 'GNU.sparse.map': '5,1,0,1', 'GNU.sparse.size': '9' } }]),
    'out of order',
  ],
  [
    'a sparse map that is larger than its file',
    buildTar([{ name: 'a', data: 'ab', pax: { 'GNU.sparse.map': '5,2', 'GNU.sparse.size': '6' } }]),
    'out of the file',
  ],
  [
    'a sparse map that never ends',
    buildTar([{ name: 'a', data: '9'.repeat(5000), pax: { 'GNU.sparse.major': '1' } }]),
    'map is malformed',
  ],
]
for (const [what, archive, why] of BROKEN) {
  test(`an archive with ${what} is refused`, () => {
    assert.match(refusal(archive), why)
  })
}

test('random damage is read or refused, never worse', () => {
  const good = buildTar([...MEMBERS, { name: 'p', data: 'd', pax: { path: 'q', mtime: '1.5' } }])
  let seed = 1
  const random = (limit: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % limit
  }
  for (let round = 0; round < 2000; round++) {
    const damaged = Buffer.from(good)
    for (let i = 0; i < 3; i++) damaged[random(damaged.length)] = random(256)
    if (round % 2 === 0) {
      const at = random(good.length / 512) * 512
      sealHeader(damaged.subarray(at, at + 512))
    }
    try {
      read(damaged, 1 + random(2000))
    } catch (error) {
      assert.match(String(error), /^GantryError: read tar/)
    }
  }
})

test('times before 1970 and with few digits are exact', () => {
  assert.equal(parsePaxTime('-1.25'), [-2, 750_000_000])
  assert.equal(parsePaxTime('5.1'), [5, 100_000_000])
  assert.equal(parsePaxTime('-7'), [-7, 0])
})

test.run()
