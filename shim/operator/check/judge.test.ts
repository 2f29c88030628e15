// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CgroupHost } from '../../../runtime-core/cgroup/detect.ts'
import { judgeCgroups } from './cgroups.ts'
import { failure, formatFindings, ok, warning } from './finding.ts'
import { judgeKernel, judgeNamespaces, judgeSeccomp } from './kernel.ts'
import { judgeCapabilities } from './privileges.ts'
import { judgeFilesystems, judgeSpace } from './storage.ts'

const GIB = 1024n ** 3n
const levels = (findings: readonly { level: string }[]): string[] => findings.map(({ level }) => level)

test('a current kernel is fit', () => {
  assert.equal(levels(judgeKernel('6.18.0-1-amd64')), ['ok'])
})

test('a kernel without mount_setattr is not fit, and the call is named with its release', () => {
  const [finding] = judgeKernel('5.10.0-30-amd64')
  assert.is(finding?.level, 'failure')
  assert.match(finding?.text ?? '', /mount_setattr needs 5\.12/)
  assert.not.match(finding?.text ?? '', /openat2/)
})

test('a kernel that works with something missing is told what is lost', () => {
  assert.equal(levels(judgeKernel('5.12.19')), ['warning', 'warning'])
  assert.equal(levels(judgeKernel('5.15.0')), ['warning'])
})

test('5.4 is older than 5.12: releases are numbers, not text', () => {
  assert.equal(levels(judgeKernel('5.4.0')), ['failure'])
})

test('a kernel release of an unknown form is a warning', () => {
  assert.equal(levels(judgeKernel('beta')), ['warning'])
})

test('a kernel without network namespaces is not fit', () => {
  const finding = judgeNamespaces(['mnt', 'ipc', 'uts', 'pid', 'cgroup', 'user'])
  assert.is(finding.level, 'failure')
  assert.match(finding.text, /no net$/)
})

test('a missing libseccomp says how to get it', () => {
  const status = 'Name:\tx\nSeccomp:\t0\n'
  assert.is(judgeSeccomp(status, new Error('open libseccomp')).level, 'failure')
  assert.is(judgeSeccomp(status, '2.5.4').level, 'ok')
  assert.is(judgeSeccomp('Name:\tx\n', '2.5.4').level, 'failure')
})

test('root has what is needed; an ordinary user is told what is missing', () => {
  assert.equal(levels(judgeCapabilities('CapEff:\t000001ffffffffff\n')), ['ok'])
  const [finding] = judgeCapabilities('CapEff:\t0000000000000000\n')
  assert.is(finding?.level, 'failure')
  assert.match(finding?.text ?? '', /CAP_SYS_ADMIN/)
})

test('root inside a container, without CAP_SYS_RESOURCE, gets a warning', () => {
  assert.equal(levels(judgeCapabilities('CapEff:\t000001fffeffffff\n')), ['ok', 'warning'])
})

const HOST: CgroupHost = { mode: 'v2', unifiedMount: '/sys/fs/cgroup', v1: new Map(), controllers: [], self: new Map() }

test('cgroups without the memory controller are a failure', () => {
  const [finding] = judgeCgroups({ ...HOST, controllers: ['cpu', 'pids'] })
  assert.is(finding?.level, 'failure')
  assert.match(finding?.text ?? '', /memory/)
})

test('cgroups without pids work, with a warning', () => {
  assert.equal(levels(judgeCgroups({ ...HOST, controllers: ['cpu', 'memory', 'cpuset'] })), ['ok', 'warning'])
  assert.equal(levels(judgeCgroups({ ...HOST, controllers: ['cpu', 'memory', 'cpuset', 'pids'] })), ['ok'])
})

test('a node without cgroups is not fit', () => {
  assert.equal(levels(judgeCgroups(new Error('find cgroups'))), ['failure'])
})

const SPACE = { freeBytes: 50n * GIB, totalBytes: 100n * GIB, freeInodes: 1_000_000n, totalInodes: 2_000_000n }

test('half a disk free is enough', () => {
  assert.is(judgeSpace('/r', SPACE).level, 'ok')
})

test('a disk below ten per cent is a warning, a full one a failure', () => {
  assert.is(judgeSpace('/r', { ...SPACE, freeBytes: 9n * GIB }).level, 'warning')
  assert.is(judgeSpace('/r', { ...SPACE, freeBytes: 1n }).level, 'failure')
})

test('a disk with room and without inodes is a failure', () => {
  assert.is(judgeSpace('/r', { ...SPACE, freeInodes: 3n }).level, 'failure')
  assert.is(judgeSpace('/r', { ...SPACE, freeInodes: 100_000n }).level, 'warning')
})

test('a file system that does not count inodes is not out of them', () => {
  const finding = judgeSpace('/r', { ...SPACE, freeInodes: 0n, totalInodes: 0n })
  assert.is(finding.level, 'ok')
  assert.not.match(finding.text, /inodes/)
})

test('without unshare the list of file systems decides', () => {
  assert.is(judgeFilesystems('nodev\tsysfs\nnodev\toverlay\n\text4\n').level, 'warning')
  assert.is(judgeFilesystems('nodev\tsysfs\n\text4\n').level, 'failure')
})

test('each finding is one line, with its hint, and the last line is the verdict', () => {
  const text = formatFindings([ok('a', 'fine'), warning('longer', 'odd', 'look'), failure('c', 'bad', 'mend')])
  assert.is(
    text,
    'ok       a       fine\nwarning  longer  odd (look)\nfailure  c       bad (mend)\nthis node is not fit: 1 failure, 1 warning\n',
  )
})

test('warnings alone leave a node fit', () => {
  assert.match(
    formatFindings([ok('a', 'fine'), warning('b', 'odd', 'look')]),
    /this node is fit: 0 failures, 1 warning\n$/,
  )
})

test.run()
