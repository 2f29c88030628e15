// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ATTR, attributesOfOne, type MountOptions, PROPAGATION, parseMountOptions } from './mount-options.ts'

const NOTHING: MountOptions = {
  bind: 'no',
  set: 0n,
  clear: 0n,
  recursiveSet: 0n,
  recursiveClear: 0n,
  propagation: undefined,
  remount: false,
  copyUp: false,
  idmap: 'no',
  superFlags: [],
  data: [],
}

/** Every option of config.md §mounts that is not data for the file system, and what it comes to. */
const TABLE: Readonly<Record<string, Partial<MountOptions>>> = {
  defaults: {},
  async: { superFlags: ['async'] },
  sync: { superFlags: ['sync'] },
  dirsync: { superFlags: ['dirsync'] },
  lazytime: { superFlags: ['lazytime'] },
  nolazytime: { superFlags: ['nolazytime'] },
  mand: { superFlags: ['mand'] },
  nomand: { superFlags: ['nomand'] },
  iversion: { superFlags: ['iversion'] },
  noiversion: { superFlags: ['noiversion'] },
  silent: {},
  loud: {},
  remount: { remount: true },
  bind: { bind: 'bind' },
  rbind: { bind: 'rbind' },
  tmpcopyup: { copyUp: true },
  idmap: { idmap: 'idmap' },
  ridmap: { idmap: 'ridmap' },
  ro: { set: ATTR.rdonly },
  rw: { clear: ATTR.rdonly },
  nosuid: { set: ATTR.nosuid },
  suid: { clear: ATTR.nosuid },
  nodev: { set: ATTR.nodev },
  dev: { clear: ATTR.nodev },
  noexec: { set: ATTR.noexec },
  exec: { clear: ATTR.noexec },
  nodiratime: { set: ATTR.nodiratime },
  diratime: { clear: ATTR.nodiratime },
  nosymfollow: { set: ATTR.nosymfollow },
  symfollow: { clear: ATTR.nosymfollow },
  // The times of access are one field of the kernel's: to set one value, the whole field is cleared (mount_setattr(2)).
  noatime: { set: ATTR.noatime, clear: ATTR.atimeMask },
  atime: { clear: ATTR.atimeMask },
  relatime: { clear: ATTR.atimeMask },
  norelatime: { clear: ATTR.atimeMask },
  strictatime: { set: ATTR.strictatime, clear: ATTR.atimeMask },
  nostrictatime: { clear: ATTR.atimeMask },
  rro: { recursiveSet: ATTR.rdonly },
  rrw: { recursiveClear: ATTR.rdonly },
  rnosuid: { recursiveSet: ATTR.nosuid },
  rsuid: { recursiveClear: ATTR.nosuid },
  rnodev: { recursiveSet: ATTR.nodev },
  rdev: { recursiveClear: ATTR.nodev },
  rnoexec: { recursiveSet: ATTR.noexec },
  rexec: { recursiveClear: ATTR.noexec },
  rnodiratime: { recursiveSet: ATTR.nodiratime },
  rdiratime: { recursiveClear: ATTR.nodiratime },
  rnosymfollow: { recursiveSet: ATTR.nosymfollow },
  rsymfollow: { recursiveClear: ATTR.nosymfollow },
  rnoatime: { recursiveSet: ATTR.noatime, recursiveClear: ATTR.atimeMask },
  ratime: { recursiveClear: ATTR.atimeMask },
  rrelatime: { recursiveClear: ATTR.atimeMask },
  rnorelatime: { recursiveClear: ATTR.atimeMask },
  rstrictatime: { recursiveSet: ATTR.strictatime, recursiveClear: ATTR.atimeMask },
  rnostrictatime: { recursiveClear: ATTR.atimeMask },
  private: { propagation: { flag: PROPAGATION.private, recursive: false } },
  rprivate: { propagation: { flag: PROPAGATION.private, recursive: true } },
  shared: { propagation: { flag: PROPAGATION.shared, recursive: false } },
  rshared: { propagation: { flag: PROPAGATION.shared, recursive: true } },
  slave: { propagation: { flag: PROPAGATION.slave, recursive: false } },
  rslave: { propagation: { flag: PROPAGATION.slave, recursive: true } },
  unbindable: { propagation: { flag: PROPAGATION.unbindable, recursive: false } },
  runbindable: { propagation: { flag: PROPAGATION.unbindable, recursive: true } },
  'size=64k': { data: ['size=64k'] },
  rgroup: { data: ['rgroup'] },
}

for (const [option, expected] of Object.entries(TABLE)) {
  test(`${option} is understood`, () => {
    assert.equal(parseMountOptions([option]), { ...NOTHING, ...expected })
  })
}

test('of two options that contradict each other the last one counts', () => {
  assert.equal(parseMountOptions(['ro', 'rw']), { ...NOTHING, clear: ATTR.rdonly })
  assert.equal(parseMountOptions(['rw', 'ro']), { ...NOTHING, set: ATTR.rdonly })
  assert.equal(parseMountOptions(['rro', 'rrw']), { ...NOTHING, recursiveClear: ATTR.rdonly })
  assert.equal(parseMountOptions(['noatime', 'strictatime']), {
    ...NOTHING,
    set: ATTR.strictatime,
    clear: ATTR.atimeMask,
  })
  assert.equal(parseMountOptions(['noatime', 'relatime']), { ...NOTHING, clear: ATTR.atimeMask })
  assert.equal(parseMountOptions(['rshared', 'rslave']).propagation, { flag: PROPAGATION.slave, recursive: true })
})

test('attributes of the mount and of its tree do not mix', () => {
  assert.equal(parseMountOptions(['rbind', 'ro', 'rnosuid', 'rprivate']), {
    ...NOTHING,
    bind: 'rbind',
    set: ATTR.rdonly,
    recursiveSet: ATTR.nosuid,
    propagation: { flag: PROPAGATION.private, recursive: true },
  })
})

test('a new file system has one mount: options of the tree are its own', () => {
  const of = (...options: string[]) => attributesOfOne(parseMountOptions(options))
  assert.is(of('ro', 'rnosuid'), ATTR.rdonly | ATTR.nosuid)
  assert.is(of('ro', 'rrw'), 0n)
  assert.is(of('noatime', 'rstrictatime'), ATTR.strictatime)
})

test('data for the file system keeps its order', () => {
  const data = ['mode=755', 'size=65536k', 'newinstance', 'context="a,b"']
  assert.equal(parseMountOptions(['nosuid', ...data]).data, data)
})

test('the names that every object has are data like others', () => {
  for (const option of ['constructor', 'toString', '__proto__', 'rconstructor']) {
    assert.equal(parseMountOptions([option]), { ...NOTHING, data: [option] }, option)
  }
})

test.run()
