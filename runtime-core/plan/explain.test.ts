// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { explain, printOp } from './explain.ts'
import { op, SLOTS, tolerating } from './ops.ts'

const LINES: readonly (readonly [string, Parameters<typeof printOp>[0], string])[] = [
  ['a path and an octal mode', op('mkdir_host', '/a b', 0o755), 'mkdir_host path="/a b" mode=0755'],
  ['a slot by its name', op('setns', SLOTS.podNet, 0x40000000), 'setns ns=@podNet types=net'],
  ['the plan’s own slots by name too', op('close', 17), 'close fd=@target'],
  ['a slot without a name by its number', op('close', 30), 'close fd=@30'],
  [
    'an absent slot and absent strings',
    op('mount', undefined, '/', undefined, 0x84000, undefined),
    'mount source=- target="/" type=- flags=rec|slave data=-',
  ],
  ['a flag nobody has named', op('unshare', 0x2000001), 'unshare flags=cgroup|0x1'],
  ['no flags', op('fsmount', 18, 19, 0), 'fsmount into=@mount fs=@work attributes=0'],
  [
    'attributes',
    op('mount_setattr', 18, 0x8000, 0xfn, 0n, 1n << 18n),
    'mount_setattr mount=@mount flags=0x8000 set=ro|nosuid|nodev|noexec clear=0 propagation=private',
  ],
  [
    'open flags',
    op('open', 19, '/dev/null', 0o10600002, 0),
    'open into=@work path="/dev/null" flags=rdwr|directory|nofollow|path mode=00',
  ],
  [
    'a device number',
    op('mknod_in', 16, '/dev/null', 0o20666, 0x103, 0, 0),
    'mknod_in root=@root path="/dev/null" mode=020666 device=1:3 uid=0 gid=0',
  ],
  [
    'a device number of more than eight bits',
    op('mknod_in', 16, '/dev/x', 0o60600, (0x12345n & 0xffn) | (259n << 8n) | ((0x12345n & 0xfff00n) << 12n), 0, 0),
    'mknod_in root=@root path="/dev/x" mode=060600 device=259:74565 uid=0 gid=0',
  ],
  [
    'a limit by its name, infinity as −1',
    op('set_rlimit', 7, 1024, -1),
    'set_rlimit resource=NOFILE soft=1024 hard=-1',
  ],
  ['a prctl by its name', op('prctl', 38, 1, 0, 0, 0), 'prctl option=NO_NEW_PRIVS a=1 b=0 c=0 d=0'],
  ['a prctl without a name', op('prctl', 999, 0, 0, 0, 0), 'prctl option=999 a=0 b=0 c=0 d=0'],
  [
    'data that is text',
    op('write_file', undefined, '/proc/sys/a', '1\n'),
    'write_file dir=- path="/proc/sys/a" text="1\\n"',
  ],
  ['data that is not', op('seccomp', new Uint8Array(24), 0), 'seccomp filter=<24 bytes> flags=0x0'],
  [
    'data that is long',
    op('write_file', undefined, '/x', 'y'.repeat(257)),
    'write_file dir=- path="/x" text=<257 bytes>',
  ],
  [
    'arrays, also of bytes',
    op('execve', ['/bin/sh'], ['sh', Buffer.from('-c')], []),
    'execve candidates=["/bin/sh"] argv=["sh","-c"] envp=[]',
  ],
  ['control characters in a path', op('chdir', '/a\n\u001b[31m'), 'chdir path="/a\\n\\u001b[31m"'],
  [
    'what an operation tolerates',
    tolerating(op('umount', '.', 2), 22, 2),
    'umount target="." flags=2 tolerate=EINVAL,ENOENT',
  ],
]

for (const [name, operation, line] of LINES) {
  test(`prints ${name}`, () => assert.is(printOp(operation), line))
}

const PLAN = {
  cloneFlags: 0x2002_0000n,
  prepare: [op('mkdir_host', '/cg', 0o755)],
  parent: [op('write_file', SLOTS.child, 'uid_map', '0 1000 1')],
  child: [op('sync_parent'), op('chdir', '/')],
}

test('a plan is printed by who does what', () => {
  assert.fixture(
    explain(PLAN),
    `keeper, before the clone:
  mkdir_host path="/cg" mode=0755
keeper, on sync_parent:
  write_file dir=@child path="uid_map" text="0 1000 1"
child of clone3(mount|pid):
  sync_parent
  chdir path="/"
`,
  )
})

test('a start that failed shows what each operation took, where it failed, and what never ran', () => {
  assert.fixture(
    explain(PLAN, { ns: [1500, 20_000, 1_234_567, 0], failed: { index: 2, errno: 'ECANCELED' } }),
    `keeper, before the clone:
        1.5 µs  mkdir_host path="/cg" mode=0755
keeper, on sync_parent:
       20.0 µs  write_file dir=@child path="uid_map" text="0 1000 1"
child of clone3(mount|pid):
     1234.6 µs  sync_parent   ← ECANCELED
          · µs  chdir path="/"
`,
  )
})

test.run()
