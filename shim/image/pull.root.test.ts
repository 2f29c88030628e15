// SPDX-License-Identifier: Apache-2.0
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildTar } from './testing/tar-builder.ts'
import { never, Workbench } from './testing/workbench.ts'

const BASE = buildTar([
  { name: 'etc/', type: '5' },
  { name: 'etc/passwd', data: 'root:x:0:0::/:/bin/sh\n' },
  { name: 'etc/gone', data: 'soon' },
])
const TOP = buildTar([
  { name: 'etc/.wh.gone' },
  { name: 'bin/', type: '5' },
  { name: 'bin/tool', data: 'tool', mode: 0o4755, uid: 0, gid: 5 },
])

test('an image of two layers is pulled, listed, looked through and removed', async () => {
  const bench = await new Workbench().start()
  try {
    const { id, digest } = bench.registry.addImage({
      repository: 'app',
      tag: 'v1',
      tars: [BASE, TOP],
      config: { User: '1000:5' },
    })
    const record = await bench.images.pull({ reference: bench.reference('app:v1'), signal: never() })
    assert.is(record.id, id)
    assert.equal(record.tags, [bench.reference('app:v1')])
    assert.equal(record.digests, [bench.reference(`app@${digest}`)])
    assert.is(record.uid, 1000)
    assert.ok(record.size > 0)
    const image = bench.images.resolve(id)
    assert.is(image.layerDirectories.length, 2)
    const [base = '', top = ''] = image.layerDirectories
    assert.is(readFileSync(path.join(base, 'etc/passwd'), 'utf8'), 'root:x:0:0::/:/bin/sh\n')
    assert.ok(lstatSync(path.join(top, 'etc/gone')).isCharacterDevice())
    const tool = lstatSync(path.join(top, 'bin/tool'))
    assert.is(tool.mode & 0o7777, 0o4755)
    assert.is(tool.gid, 5)
    const passwd = await bench.images.readFile(record, '/etc/passwd', { limitBytes: 1 << 20 })
    assert.is(passwd?.toString(), 'root:x:0:0::/:/bin/sh\n')
    assert.is(await bench.images.readFile(record, 'etc/gone', { limitBytes: 10 }), undefined)
    await bench.images.remove(bench.reference('app:v1'))
    assert.equal(bench.images.list(), [])
    await bench.images.settled()
    assert.equal(readdirSync(path.join(bench.root, 'layers')), [])
    assert.equal(bench.errors, [])
  } finally {
    await bench.close()
  }
})

test('a layer compressed by zstd is unpacked', async () => {
  const bench = await new Workbench().start()
  try {
    bench.registry.addImage({ repository: 'z', tag: 'latest', tars: [BASE], compress: zstdCompressSync })
    const record = await bench.images.pull({ reference: bench.reference('z'), signal: never() })
    assert.ok(existsSync(path.join(bench.images.resolve(record.id).layerDirectories[0] ?? '', 'etc/gone')))
  } finally {
    await bench.close()
  }
})

test('an image that has not changed costs one question, one that has moves its tag', async () => {
  const bench = await new Workbench().start()
  try {
    const first = bench.registry.addImage({ repository: 'app', tag: 'v1', tars: [BASE] })
    const reference = bench.reference('app:v1')
    await bench.images.pull({ reference, signal: never() })
    bench.registry.requests.length = 0
    await bench.images.pull({ reference, signal: never() })
    assert.equal(
      bench.registry.requests.map(({ method }) => method),
      ['HEAD'],
    )
    const second = bench.registry.addImage({ repository: 'app', tag: 'v1', tars: [BASE, TOP] })
    bench.registry.requests.length = 0
    await bench.images.pull({ reference, signal: never() })
    assert.is(bench.registry.count(first.layers[0] ?? ''), 0, 'the common layer is not fetched again')
    assert.equal(bench.images.status(second.id)?.tags, [reference])
    assert.equal(bench.images.status(first.id)?.tags, [])
    assert.equal(bench.images.status(first.id)?.digests, [bench.reference(`app@${first.digest}`)])
    await bench.images.remove(first.id)
    assert.ok(existsSync(bench.images.resolve(second.id).layerDirectories[0] ?? ''), 'the shared layer stays')
  } finally {
    await bench.close()
  }
})

test('every name of an image finds it and any of them removes it', async () => {
  const bench = await new Workbench().start()
  try {
    const { id, digest } = bench.registry.addImage({ repository: 'a', tag: 'latest', tars: [BASE] })
    bench.registry.addImage({ repository: 'b', tag: 'x', tars: [BASE] })
    await bench.images.pull({ reference: bench.reference('a'), signal: never() })
    await bench.images.pull({ reference: bench.reference('b:x'), signal: never() })
    await bench.images.pull({ reference: bench.reference(`a@${digest}`), signal: never() })
    assert.is(bench.images.list().length, 1)
    const names = [
      id,
      id.slice(7),
      id.slice(7, 20),
      bench.reference('a'),
      bench.reference('b:x'),
      bench.reference(`b@${digest}`),
    ]
    for (const name of names) assert.is(bench.images.status(name)?.id, id, name)
    assert.is(bench.images.status('nothing'), undefined)
    assert.equal(bench.images.status(id)?.tags, [bench.reference('a:latest'), bench.reference('b:x')])
    await Promise.all([
      bench.images.remove(bench.reference('b:x')),
      bench.images.remove(id),
      bench.images.remove('nothing'),
    ])
    assert.equal(bench.images.list(), [])
    assert.is(bench.images.fsInfo().usedBytes, 0)
  } finally {
    await bench.close()
  }
})

test('a layer that a container needs outlives its image', async () => {
  const bench = await new Workbench().start()
  try {
    const { id } = bench.registry.addImage({ repository: 'a', tag: 'v1', tars: [BASE, TOP] })
    const record = await bench.images.pull({ reference: bench.reference('a:v1'), signal: never() })
    const { layerDirectories } = bench.images.resolve(id)
    bench.images.retain(record.chain, 'container-1')
    await bench.images.remove(id)
    for (const directory of layerDirectories) assert.ok(existsSync(directory))
    const mount = await bench.images.snapshots.prepare('container-1', layerDirectories, false)
    assert.equal(mount.lowerdirs, layerDirectories.toReversed())
    assert.ok(existsSync(mount.upperdir) && existsSync(mount.workdir))
    await bench.images.snapshots.remove('container-1')
    await bench.images.release('container-1')
    for (const directory of layerDirectories) assert.not.ok(existsSync(directory))
    assert.not.ok(existsSync(mount.upperdir))
  } finally {
    await bench.close()
  }
})

test('directories a layer does not mention keep the attributes of the layer below', async () => {
  const bench = await new Workbench().start()
  try {
    const base = buildTar([
      { name: './', type: '5', mode: 0o700, uid: 9 },
      { name: 'tmp/', type: '5', mode: 0o1777, uid: 3, gid: 4 },
    ])
    bench.registry.addImage({
      repository: 'a',
      tag: 'v1',
      tars: [base, buildTar([{ name: 'tmp/new/file', data: 'x' }])],
    })
    const { id } = await bench.images.pull({ reference: bench.reference('a:v1'), signal: never() })
    const top = bench.images.resolve(id).layerDirectories[1] ?? ''
    const tmp = lstatSync(path.join(top, 'tmp'))
    assert.equal([tmp.mode & 0o7777, tmp.uid, tmp.gid], [0o1777, 3, 4])
    assert.is(lstatSync(path.join(top, 'tmp/new')).mode & 0o7777, 0o755)
    const root = lstatSync(top)
    assert.equal([root.mode & 0o7777, root.uid], [0o700, 9])
  } finally {
    await bench.close()
  }
})

test('several pulls of images that share a layer fetch it once, and one that leaves disturbs none', async () => {
  const bench = await new Workbench().start()
  try {
    const { layers } = bench.registry.addImage({ repository: 'a', tag: 'v1', tars: [BASE] })
    bench.registry.addImage({ repository: 'b', tag: 'v1', tars: [BASE, TOP] })
    const [shared = ''] = layers
    const waiting = Promise.withResolvers<void>()
    const held: (() => void)[] = []
    bench.registry.intercept = (request, response) => {
      if (!request.url?.includes(shared)) return false
      const blob = bench.registry.blobs.get(shared) ?? Buffer.alloc(0)
      response.writeHead(200, { 'content-length': blob.length })
      response.write(blob.subarray(0, 10))
      held.push(() => response.end(blob.subarray(10)))
      waiting.resolve()
      return true
    }
    const leaving = new AbortController()
    const left = bench.images.pull({ reference: bench.reference('a:v1'), signal: leaving.signal })
    await waiting.promise
    const done = Promise.withResolvers<readonly unknown[]>()
    const joined = new Promise<void>((resolve) => {
      const onProgress = ({ digest }: { digest: string }) => digest === shared && resolve()
      void Promise.all([
        bench.images.pull({ reference: bench.reference('a:v1'), signal: never(), onProgress }),
        bench.images.pull({ reference: bench.reference('b:v1'), signal: never() }),
      ]).then(done.resolve, done.reject)
    })
    await joined
    leaving.abort()
    assert.match(String(await left.catch((error) => error)), 'the caller has gone')
    for (const release of held) release()
    const records = await done.promise
    assert.is(records.length, 2)
    assert.is(bench.registry.count(shared), 1)
  } finally {
    await bench.close()
  }
})

test('a pull that nobody waits for any more leaves nothing behind', async () => {
  const bench = await new Workbench({ lingerMs: 0 }).start()
  try {
    const { layers } = bench.registry.addImage({ repository: 'a', tag: 'v1', tars: [BASE] })
    const asked = Promise.withResolvers<void>()
    bench.registry.intercept = (request, response) => {
      if (!request.url?.includes(layers[0] ?? '')) return false
      response.writeHead(200, { 'content-length': 100_000 })
      response.write('x')
      asked.resolve()
      return true
    }
    const deadline = new AbortController()
    const pull = bench.images.pull({ reference: bench.reference('a:v1'), signal: deadline.signal })
    const failure = pull.catch((reason) => reason)
    await asked.promise
    deadline.abort(new DOMException('the deadline passed', 'TimeoutError'))
    const error = await failure
    assert.is(error.code, 'deadline_exceeded')
    await bench.images.settled()
    assert.equal(readdirSync(path.join(bench.root, 'layers')), [])
    assert.equal(readdirSync(path.join(bench.root, 'staging')), [])
  } finally {
    await bench.close()
  }
})

test('images are found again after a restart, leftovers are thrown away', async () => {
  const bench = await new Workbench().start()
  try {
    const { id } = bench.registry.addImage({ repository: 'a', tag: 'v1', tars: [BASE, TOP] })
    await bench.images.pull({ reference: bench.reference('a:v1'), signal: never() })
    await bench.images.settled()
    const before = bench.images.resolve(id)
    for (const left of ['staging/w1/layer0', 'trash/x', 'layers/999/fs']) {
      mkdirSync(path.join(bench.root, left), { recursive: true })
    }
    assert.equal(await bench.restart({ bootId: 'boot-2' }), [])
    assert.equal(bench.images.resolve(id), before)
    await bench.images.settled()
    assert.equal(readdirSync(path.join(bench.root, 'staging')), [])
    assert.equal(readdirSync(path.join(bench.root, 'trash')), [])
    assert.not.ok(existsSync(path.join(bench.root, 'layers/999')))
  } finally {
    await bench.close()
  }
})

test('layers not known to be on the disk are believed after a crash of the daemon, not after one of the machine', async () => {
  const bench = await new Workbench().start()
  try {
    const { id } = bench.registry.addImage({ repository: 'a', tag: 'v1', tars: [BASE] })
    await bench.images.pull({ reference: bench.reference('a:v1'), signal: never() })
    await bench.images.settled()
    // As if the power had gone before the sync was done.
    bench.db.exec("UPDATE layers SET boot_id = 'boot-1'")
    await bench.restart({ bootId: 'boot-1' })
    assert.ok(bench.images.status(id), 'the daemon alone crashed')
    await bench.images.settled()
    bench.db.exec("UPDATE layers SET boot_id = 'boot-1'")
    assert.equal(await bench.restart({ bootId: 'boot-2' }), [id])
    assert.is(bench.images.status(id), undefined)
    await bench.images.settled()
    assert.equal(readdirSync(path.join(bench.root, 'layers')), [])
    await bench.images.pull({ reference: bench.reference('a:v1'), signal: never() })
    assert.ok(bench.images.status(id), 'it can be pulled again')
  } finally {
    await bench.close()
  }
})

test('an image whose layer has gone from the disk is dropped', async () => {
  const bench = await new Workbench().start()
  try {
    const { id } = bench.registry.addImage({ repository: 'a', tag: 'v1', tars: [BASE, TOP] })
    await bench.images.pull({ reference: bench.reference('a:v1'), signal: never() })
    rmSync(bench.images.resolve(id).layerDirectories[0] ?? '', { recursive: true })
    assert.equal(await bench.restart(), [id])
    assert.equal(bench.images.list(), [])
  } finally {
    await bench.close()
  }
})

test('pinned images say so', async () => {
  const bench = new Workbench()
  await bench.start()
  await bench.restart({ pinned: [bench.reference('keep/*')] })
  try {
    bench.registry.addImage({ repository: 'keep/me', tag: 'v1', tars: [BASE] })
    bench.registry.addImage({ repository: 'other', tag: 'v1', tars: [TOP] })
    const kept = await bench.images.pull({ reference: bench.reference('keep/me:v1'), signal: never() })
    const other = await bench.images.pull({ reference: bench.reference('other:v1'), signal: never() })
    assert.equal([kept.isPinned, other.isPinned], [true, false])
  } finally {
    await bench.close()
  }
})

test('files are found through links, whiteouts and opaque directories of the layered view, never on the host', async () => {
  const bench = await new Workbench().start()
  try {
    const lower = buildTar([
      { name: 'real/', type: '5' },
      { name: 'real/passwd', data: 'lower' },
      { name: 'real/group', data: 'group' },
      { name: 'etc', type: '2', linkName: '/real' },
      { name: 'opq/', type: '5' },
      { name: 'opq/hidden', data: 'x' },
      { name: 'escape', type: '2', linkName: '../../../../../../etc/hostname' },
      { name: 'loop', type: '2', linkName: 'loop' },
      { name: 'big', data: 'x'.repeat(100) },
      { name: 'pipe', type: '6' },
    ])
    const upper = buildTar([
      { name: 'real/', type: '5' },
      { name: 'real/passwd', data: 'upper' },
      { name: 'real/.wh.group' },
      { name: 'opq/', type: '5' },
      { name: 'opq/.wh..wh..opq' },
    ])
    bench.registry.addImage({ repository: 'a', tag: 'v1', tars: [lower, upper] })
    const record = await bench.images.pull({ reference: bench.reference('a:v1'), signal: never() })
    const read = async (file: string, limitBytes = 50) => {
      const bytes = await bench.images.readFile(record, file, { limitBytes }).catch((error) => error.code)
      return bytes === undefined ? undefined : String(bytes)
    }
    assert.is(await read('etc/passwd'), 'upper')
    assert.is(await read('/etc/../etc/./passwd'), 'upper')
    assert.is(await read('etc/group'), undefined)
    assert.is(await read('opq/hidden'), undefined)
    assert.is(await read('escape'), undefined)
    assert.is(await read('big/passwd'), undefined)
    for (const file of ['loop', 'big', 'pipe', 'real']) assert.is(await read(file), 'failed_precondition', file)
  } finally {
    await bench.close()
  }
})

test.run()
