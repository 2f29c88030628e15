// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerSecurityContext, SupplementalGroupsPolicy } from '../../cri-proto/index.ts'
import { refused } from './refused.ts'
import { requestedUser, resolveUser, type UserInput } from './user.ts'

const PASSWD = `root:x:0:0:root:/root:/bin/sh
# a comment
broken
neg:x:-1:5::/:/bin/sh
huge:x:4294967295:5::/:
app:x:1000:1001:App:/home/app:/bin/sh
1234:x:77:78:digits:/home/digits:
nohome:x:1002:1003:::
relhome:x:1004:1004::home:
app:x:9999:9999:second:/nowhere:/bin/sh
default-user:x:1005:1005::/home/default:`
const GROUP = `root:x:0:
wheel:x:10:root,app
app:x:1001:app
extra:x:2000:app,other
more:x:2001:other,app
dup:x:2000:app
broken:x:no:app
default-user:x:1005:default-user`

const resolve = (over: Partial<UserInput>) =>
  resolveUser({
    runAsUsername: '',
    supplementalGroups: [],
    policy: SupplementalGroupsPolicy.Merge,
    imageUser: '',
    passwdText: PASSWD,
    groupText: GROUP,
    ...over,
  })

const CASES: readonly [string, Partial<UserInput>, number, number, readonly number[], string][] = [
  ['nobody says anything: root with its groups', {}, 0, 0, [0, 10], '/root'],
  ['the image names a user', { imageUser: 'app' }, 1000, 1001, [1001, 10, 2000, 2001], '/home/app'],
  ['the image gives a uid that is in passwd', { imageUser: '1000' }, 1000, 1001, [1001, 10, 2000, 2001], '/home/app'],
  ['the image gives a uid that is not', { imageUser: '4242' }, 4242, 0, [0], '/'],
  ['the image gives uid:gid', { imageUser: '1000:5' }, 1000, 5, [5, 10, 2000, 2001], '/home/app'],
  ['the image gives user:group', { imageUser: 'app:wheel' }, 1000, 10, [10, 2000, 2001], '/home/app'],
  ['the image gives user:gid', { imageUser: 'app:7' }, 1000, 7, [7, 10, 2000, 2001], '/home/app'],
  ['the image gives uid:group', { imageUser: '4242:wheel' }, 4242, 10, [10], '/'],
  ['the image gives user and an empty group', { imageUser: 'app:' }, 1000, 1001, [1001, 10, 2000, 2001], '/home/app'],
  ['digits are an id, not a name', { imageUser: '1234' }, 1234, 0, [0], '/'],
  ['the request gives a uid', { runAsUser: 1000n, imageUser: 'root' }, 1000, 1001, [1001, 10, 2000, 2001], '/home/app'],
  ['the request gives a uid not in passwd', { runAsUser: 4242n }, 4242, 0, [0], '/'],
  ['the request gives uid and gid', { runAsUser: 1000n, runAsGroup: 5n }, 1000, 5, [5, 10, 2000, 2001], '/home/app'],
  ['the request gives uid 0 over the image', { runAsUser: 0n, imageUser: 'app' }, 0, 0, [0, 10], '/root'],
  ['the request gives a name', { runAsUsername: 'app' }, 1000, 1001, [1001, 10, 2000, 2001], '/home/app'],
  [
    'the request gives a name and a gid',
    { runAsUsername: 'app', runAsGroup: 9n },
    1000,
    9,
    [9, 10, 2000, 2001],
    '/home/app',
  ],
  ['an entry without home', { imageUser: 'nohome' }, 1002, 1003, [1003], '/'],
  ['an entry with a relative home', { imageUser: 'relhome' }, 1004, 1004, [1004], '/'],
  ['no passwd at all', { passwdText: undefined, groupText: undefined, runAsUser: 1000n }, 1000, 0, [0], '/'],
  ['no passwd and nothing asked', { passwdText: undefined, groupText: undefined }, 0, 0, [0], '/'],
  ['the last id there is', { runAsUser: 4294967294n }, 4294967294, 0, [0], '/'],
]

for (const [title, input, uid, gid, additionalGids, home] of CASES) {
  test(`user: ${title}`, () => assert.equal(resolve(input), { uid, gid, additionalGids, home }))
}

test('Merge adds the listed groups to those of the image, each once', () => {
  const { additionalGids } = resolve({ runAsUser: 1000n, supplementalGroups: [3000n, 2000n, 3000n, 1001n] })
  assert.equal(additionalGids, [1001, 10, 2000, 2001, 3000])
})

test('Strict takes the primary and the listed groups only', () => {
  const policy = SupplementalGroupsPolicy.Strict
  assert.equal(resolve({ runAsUser: 1000n, supplementalGroups: [3000n], policy }).additionalGids, [1001, 3000])
  assert.equal(resolve({ runAsUser: 1000n, policy }).additionalGids, [1001])
})

const CONTEXT = 'config.linux.security_context'
const REFUSED: readonly [string, Partial<UserInput>, ...string[]][] = [
  ['a group without a user', { runAsGroup: 5n }, `${CONTEXT}.run_as_group`, '5'],
  ['a group without a user, whatever the image', { runAsGroup: 0n, imageUser: 'app' }, `${CONTEXT}.run_as_group`],
  ['uid and name together', { runAsUser: 1n, runAsUsername: 'app' }, `${CONTEXT}.run_as_username`],
  [
    'a name the image does not have',
    { runAsUsername: 'ghost' },
    `${CONTEXT}.run_as_username`,
    '"ghost"',
    '/etc/passwd',
  ],
  ['a name without passwd', { runAsUsername: 'app', passwdText: undefined }, `${CONTEXT}.run_as_username`],
  ['a negative uid', { runAsUser: -1n }, `${CONTEXT}.run_as_user`, '-1'],
  ['the uid that means none', { runAsUser: 4294967295n }, `${CONTEXT}.run_as_user`],
  ['a gid out of range', { runAsUser: 1n, runAsGroup: 2n ** 40n }, `${CONTEXT}.run_as_group`],
  ['a supplemental group out of range', { supplementalGroups: [-5n] }, `${CONTEXT}.supplemental_groups`, '-5'],
  ['an image user that is not in passwd', { imageUser: 'ghost' }, 'image.config.User', '"ghost"'],
  ['an image group that is not in group', { imageUser: 'app:ghosts' }, 'image.config.User', '"ghosts"', '/etc/group'],
  ['an image user of three parts', { imageUser: 'a:b:c' }, 'image.config.User', '"a:b:c"'],
  ['an image group without user', { imageUser: ':wheel' }, 'image.config.User'],
  ['an image uid out of range', { imageUser: '99999999999999999999' }, 'image.config.User'],
  ['an entry of passwd with an id out of range', { imageUser: 'huge' }, 'image.config.User'],
]

for (const [title, input, ...fragments] of REFUSED) {
  test(`refused: ${title}`, () => refused(() => resolve(input), 'invalid_argument', ...fragments))
}

test('the request is read from the security context, or is nothing', () => {
  const context = LinuxContainerSecurityContext.fromPartial({
    runAsUser: { value: 7n },
    runAsGroup: { value: 0n },
    supplementalGroups: [1n],
    supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict,
  })
  assert.equal(resolveUser({ ...requestedUser(context), imageUser: '' }), {
    uid: 7,
    gid: 0,
    additionalGids: [0, 1],
    home: '/',
  })
  assert.is(resolveUser({ ...requestedUser(undefined), imageUser: '3:4' }).gid, 4)
})

test.run()
