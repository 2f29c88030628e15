// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../errors.ts'
import { parseProcess, parseSpec, specFields, validateSpec } from './validate.ts'

const ROOT = { ociVersion: '1.3.0', root: { path: 'rootfs' } }

function reasonOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof GantryError && error.code === 'invalid_argument') return error.message
    throw error
  }
  return 'it was taken'
}

/** A config.json that is refused, by an error that names the field. */
function refused(change: object, message: string): void {
  test(`${JSON.stringify(change).slice(0, 120)} is refused`, () => {
    const expected = `read config.json ${message}`
    const said = reasonOf(() => validateSpec({ ...ROOT, ...change }))
    assert.ok(said.startsWith(expected), `${said}\nexpected: ${expected}`)
  })
}

const linux = (part: object): object => ({ linux: part })
const process = (part: object): object => ({ process: { cwd: '/', ...part } })
const resources = (part: object): object => linux({ resources: part })

refused({ ociVersion: undefined }, '"ociVersion": it is missing')
refused({ ociVersion: '2.0.0' }, '"ociVersion": is "2.0.0", expected a version 1.x.y')
refused({ ociVersion: '1.0' }, '"ociVersion": is "1.0"')
refused({ ociVersion: 1 }, '"ociVersion": is 1, expected a string')
refused({ root: undefined }, '"root": it is missing')
refused({ root: {} }, '"root.path": it is missing')
refused({ root: { path: 'r', readonly: 'yes' } }, '"root.readonly": is "yes", expected true or false')
refused({ mounts: {} }, '"mounts": is {}, expected an array')
refused({ mounts: [{ type: 'tmpfs' }] }, '"mounts[0].destination": it is missing')
refused({ mounts: [{ destination: '' }] }, '"mounts[0].destination": is "", expected a string that is not empty')
refused(
  { mounts: [{ destination: '/a\0b' }] },
  '"mounts[0].destination": is "/a\\u0000b", expected a string without NUL',
)
const MAP = [{ containerID: 0, hostID: 1000, size: 1 }]
refused({ mounts: [{ destination: '/a', uidMappings: MAP }] }, '"mounts[0].gidMappings": it is missing, expected both')
refused({ mounts: [{ destination: '/a', gidMappings: MAP }] }, '"mounts[0].uidMappings": it is missing, expected both')
refused({ process: {} }, '"process.cwd": it is missing')
refused({ process: { cwd: 'tmp' } }, '"process.cwd": is "tmp", expected an absolute path')
refused(process({ args: 'sh' }), '"process.args": is "sh", expected an array')
refused(process({ args: [1] }), '"process.args[0]": is 1, expected a string')
refused(process({ env: ['PATH'] }), '"process.env[0]": is "PATH", expected NAME=value')
refused(process({ env: ['=x'] }), '"process.env[0]": is "=x", expected NAME=value')
refused(process({ user: { uid: 0 } }), '"process.user.gid": it is missing')
refused(process({ user: { uid: -1, gid: 0 } }), '"process.user.uid": is -1, expected a whole number from 0')
refused(process({ user: { uid: 0, gid: 0, umask: 0o1000 } }), '"process.user.umask": is 512')
refused(
  process({ user: { uid: 0, gid: 0, additionalGids: [2 ** 32] } }),
  '"process.user.additionalGids[0]": is 4294967296',
)
const NOFILE = { type: 'RLIMIT_NOFILE', soft: 1, hard: 2 }
refused(
  process({ rlimits: [{ ...NOFILE, type: 'NOFILE' }] }),
  '"process.rlimits[0].type": is "NOFILE", expected one of',
)
refused(
  process({ rlimits: [NOFILE, NOFILE] }),
  '"process.rlimits[1].type": is "RLIMIT_NOFILE", expected each only once',
)
refused(process({ rlimits: [{ ...NOFILE, soft: 3 }] }), '"process.rlimits[0].soft": is 3, expected at most')
refused(process({ rlimits: [{ ...NOFILE, soft: -1 }] }), '"process.rlimits[0].soft": is -1, expected a whole number')
refused(process({ oomScoreAdj: 1001 }), '"process.oomScoreAdj": is 1001, expected a whole number from -1000 to 1000')
refused(process({ scheduler: {} }), '"process.scheduler.policy": it is missing')
refused(
  process({ scheduler: { policy: 'FIFO' } }),
  '"process.scheduler.policy": is "FIFO", expected one of SCHED_OTHER',
)
refused(
  process({ scheduler: { policy: 'SCHED_OTHER', priority: 1 } }),
  '"process.scheduler.priority": is 1, expected it only',
)
refused(
  process({ scheduler: { policy: 'SCHED_FIFO' } }),
  '"process.scheduler.priority": it is missing, expected 1 to 99',
)
refused(process({ scheduler: { policy: 'SCHED_RR', priority: 1, nice: 3 } }), '"process.scheduler.nice": is 3')
refused(process({ scheduler: { policy: 'SCHED_OTHER', nice: 20 } }), '"process.scheduler.nice": is 20')
refused(
  process({ scheduler: { policy: 'SCHED_BATCH', runtime: 5 } }),
  '"process.scheduler.runtime": is 5, expected it only',
)
refused(process({ scheduler: { policy: 'SCHED_DEADLINE' } }), '"process.scheduler.runtime": it is missing')
refused(process({ scheduler: { policy: 'SCHED_IDLE', flags: ['RESET'] } }), '"process.scheduler.flags[0]": is "RESET"')
refused(process({ ioPriority: { class: 'BE', priority: 1 } }), '"process.ioPriority.class": is "BE"')
refused(process({ ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 8 } }), '"process.ioPriority.priority": is 8')
refused(process({ execCPUAffinity: { initial: 'all' } }), '"process.execCPUAffinity.initial": is "all"')
refused(process({ consoleSize: { height: 1 } }), '"process.consoleSize.width": it is missing')
refused({ hooks: { prestart: [{ path: 'sh' }] } }, '"hooks.prestart[0].path": is "sh", expected an absolute path')
refused({ hooks: { poststop: [{ path: '/sh', timeout: 0 }] } }, '"hooks.poststop[0].timeout": is 0')
refused({ annotations: { '': 'x' } }, '"annotations": is {"":"x"}, expected keys that are not empty')
refused({ annotations: { a: 1 } }, '"annotations[\\"a\\"]": is 1, expected a string')
refused({ hostname: 'a' }, '"hostname": is "a", expected a UTS namespace')
refused({ domainname: 'a' }, '"domainname": is "a", expected a UTS namespace')
refused(linux({ namespaces: [{ type: 'net' }] }), '"linux.namespaces[0].type": is "net", expected one of pid, network')
refused(
  linux({ namespaces: [{ type: 'pid' }, { type: 'pid' }] }),
  '"linux.namespaces[1].type": is "pid", expected each',
)
refused(
  linux({ namespaces: [{ type: 'pid', path: 'ns/pid' }] }),
  '"linux.namespaces[0].path": is "ns/pid", expected an absolute',
)
refused(linux({ uidMappings: MAP }), '"linux.uidMappings": is [')
refused(linux({ namespaces: [{ type: 'user' }] }), '"linux.uidMappings": it is missing')
refused(linux({ namespaces: [{ type: 'user' }], uidMappings: MAP }), '"linux.gidMappings": it is missing')
refused(linux({ uidMappings: [{ containerID: 0, hostID: 0, size: 0 }] }), '"linux.uidMappings[0].size": is 0')
refused(
  linux({ uidMappings: [...MAP, { containerID: 5, hostID: 1000, size: 2 }] }),
  '"linux.uidMappings[1].hostID": is 1000, expected an id outside of linux.uidMappings[0]',
)
refused(linux({ uidMappings: [{ containerID: 0, hostID: 4294967295, size: 2 }] }), '"linux.uidMappings[0].size": is 2')
refused(linux({ timeOffsets: { realtime: {} } }), '"linux.timeOffsets[\\"realtime\\"]": is "realtime", expected one of')
refused(linux({ timeOffsets: { boottime: { secs: 1 } } }), '"linux.timeOffsets": is {')
refused(
  linux({ timeOffsets: { boottime: { nanosecs: 1e9 } } }),
  '"linux.timeOffsets[\\"boottime\\"].nanosecs": is 1000000000',
)
refused(linux({ devices: [{ type: 'x', path: '/dev/x' }] }), '"linux.devices[0].type": is "x"')
refused(linux({ devices: [{ type: 'c', path: 'dev/x', major: 1, minor: 1 }] }), '"linux.devices[0].path": is "dev/x"')
refused(linux({ devices: [{ type: 'c', path: '/dev/x' }] }), '"linux.devices[0].major": it is missing')
refused(linux({ devices: [{ type: 'b', path: '/dev/x', major: 1 }] }), '"linux.devices[0].minor": it is missing')
refused(linux({ netDevices: { eth1: {} } }), '"linux.netDevices": is {"eth1":{}}, expected a network namespace')
refused(linux({ netDevices: { 'a/b': {} } }), '"linux.netDevices[\\"a/b\\"]": is "a/b"')
refused(
  linux({ netDevices: { eth1: { name: 'x'.repeat(16) } } }),
  '"linux.netDevices[\\"eth1\\"].name": is "xxxxxxxxxxxxxxxx"',
)
refused(linux({ rootfsPropagation: 'none' }), '"linux.rootfsPropagation": is "none", expected one of shared')
refused(linux({ maskedPaths: ['proc'] }), '"linux.maskedPaths[0]": is "proc"')
refused(linux({ readonlyPaths: ['proc'] }), '"linux.readonlyPaths[0]": is "proc"')
refused(linux({ personality: { domain: 'BSD' } }), '"linux.personality.domain": is "BSD"')
refused(linux({ personality: { domain: 'LINUX', flags: ['X'] } }), '"linux.personality.flags": is ["X"], expected none')
refused(linux({ intelRdt: { closID: 'a/b' } }), '"linux.intelRdt.closID": is "a/b"')
refused(linux({ intelRdt: { closID: '..' } }), '"linux.intelRdt.closID": is ".."')
refused(linux({ intelRdt: { schemata: ['a\nb'] } }), '"linux.intelRdt.schemata[0]": is "a\\nb"')
refused(linux({ memoryPolicy: { nodes: '0' } }), '"linux.memoryPolicy.mode": it is missing')
refused(linux({ memoryPolicy: { mode: 'BIND' } }), '"linux.memoryPolicy.mode": is "BIND"')
refused(linux({ memoryPolicy: { mode: 'MPOL_BIND', flags: ['X'] } }), '"linux.memoryPolicy.flags[0]": is "X"')
refused(linux({ sysctl: { 'net.x': 1 } }), '"linux.sysctl[\\"net.x\\"]": is 1')
refused(linux({ seccomp: {} }), '"linux.seccomp.defaultAction": it is missing')
refused(linux({ seccomp: { defaultAction: 'ALLOW' } }), '"linux.seccomp.defaultAction": is "ALLOW", expected one of')
const ALLOW = { defaultAction: 'SCMP_ACT_ALLOW' }
refused(linux({ seccomp: { ...ALLOW, flags: ['LOG'] } }), '"linux.seccomp.flags[0]": is "LOG"')
refused(linux({ seccomp: { ...ALLOW, listenerMetadata: 'x' } }), '"linux.seccomp.listenerMetadata": is "x"')
refused(linux({ seccomp: { ...ALLOW, listenerPath: 'x' } }), '"linux.seccomp.listenerPath": is "x"')
const rule = (part: object): object =>
  linux({ seccomp: { ...ALLOW, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', ...part }] } })
refused(rule({ names: [] }), '"linux.seccomp.syscalls[0].names": is [], expected at least one')
refused(rule({ action: 'DENY' }), '"linux.seccomp.syscalls[0].action": is "DENY"')
refused(rule({ args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] }), '"linux.seccomp.syscalls[0].args[0].index": is 6')
refused(rule({ args: [{ index: 0, value: 1, op: '==' }] }), '"linux.seccomp.syscalls[0].args[0].op": is "=="')
refused(
  rule({ args: [{ index: 0, value: '1', op: 'SCMP_CMP_EQ' }] }),
  '"linux.seccomp.syscalls[0].args[0].value": is "1"',
)
refused(resources({ devices: [{ type: 'c' }] }), '"linux.resources.devices[0].allow": it is missing')
refused(resources({ devices: [{ allow: true, type: 'p' }] }), '"linux.resources.devices[0].type": is "p"')
refused(resources({ devices: [{ allow: true, access: 'x' }] }), '"linux.resources.devices[0].access": is "x"')
refused(resources({ memory: { limit: -2 } }), '"linux.resources.memory.limit": is -2')
refused(resources({ memory: { swappiness: 101 } }), '"linux.resources.memory.swappiness": is 101')
refused(resources({ cpu: { idle: 2 } }), '"linux.resources.cpu.idle": is 2')
refused(resources({ cpu: { cpus: '0-' } }), '"linux.resources.cpu.cpus": is "0-"')
refused(resources({ cpu: { shares: 1.5 } }), '"linux.resources.cpu.shares": is 1.5')
refused(resources({ blockIO: { weight: 5 } }), '"linux.resources.blockIO.weight": is 5, expected 10 to 1000')
refused(
  resources({ blockIO: { throttleReadBpsDevice: [{ major: 8 }] } }),
  '"linux.resources.blockIO.throttleReadBpsDevice[0].minor": it is missing',
)
refused(
  resources({ hugepageLimits: [{ pageSize: '2', limit: 1 }] }),
  '"linux.resources.hugepageLimits[0].pageSize": is "2"',
)
refused(resources({ network: { classID: -1 } }), '"linux.resources.network.classID": is -1')
refused(resources({ rdma: { mlx5: { hcaHandles: -1 } } }), '"linux.resources.rdma[\\"mlx5\\"].hcaHandles": is -1')
refused(resources({ unified: { 'memory.high': 1 } }), '"linux.resources.unified[\\"memory.high\\"]": is 1')

test('unknown properties are ignored, null is absent, and a relative destination begins at the root', () => {
  const spec = validateSpec({
    ...ROOT,
    vm: { kernel: {} },
    process: { cwd: '/', args: null, capabilities: null },
    mounts: [{ destination: 'proc', type: 'proc', options: null }],
    linux: { resources: null, namespaces: [{ type: 'pid', path: '' }], unknown: 1 },
  })
  assert.equal(spec, {
    ...ROOT,
    process: { cwd: '/' },
    mounts: [{ destination: '/proc', type: 'proc' }],
    linux: { namespaces: [{ type: 'pid' }] },
  })
})

test('limits beyond 2^53 are read exactly', () => {
  const rlimits = '[{"type":"RLIMIT_CORE","soft":18446744073709551614,"hard":18446744073709551615}]'
  const { process: decoded } = parseSpec(
    `{"ociVersion":"1.3.0","root":{"path":"r"},"process":{"cwd":"/","rlimits":${rlimits}}}`,
  )
  assert.equal(decoded?.rlimits, [{ type: 'RLIMIT_CORE', soft: 18446744073709551614n, hard: 18446744073709551615n }])
})

test('an amount beyond what the kernel counts stays below where its parser would wrap around', () => {
  const spec = parseSpec(
    '{"ociVersion":"1.0.2","root":{"path":"r"},"linux":{"resources":{"hugepageLimits":[{"pageSize":"2MB","limit":18446744073709551615}],"memory":{"limit":9223372036854775807}}}}',
  )
  const { hugepageLimits = [], memory } = spec.linux?.resources ?? {}
  assert.ok((hugepageLimits[0]?.limit ?? 0) > 2 ** 62 && (hugepageLimits[0]?.limit ?? 0) < 2 ** 63)
  assert.ok((memory?.limit ?? 0) > 2 ** 62 && (memory?.limit ?? 0) < 2 ** 63)
})

test('a text that is no JSON is refused as such', () => {
  assert.match(
    reasonOf(() => parseSpec('{')),
    /^read config\.json: /,
  )
  assert.match(
    reasonOf(() => parseProcess('{')),
    /^read process: /,
  )
  assert.match(
    reasonOf(() => parseProcess('{"cwd":"x"}')),
    /"process\.cwd": is "x"/,
  )
})

test('a key that every object has is a key like any other', () => {
  const spec = parseSpec('{"ociVersion":"1.3.0","root":{"path":"r"},"annotations":{"__proto__":"x","constructor":"y"}}')
  assert.equal(Object.keys(spec.annotations ?? {}).sort(), ['__proto__', 'constructor'])
})

test('versions of the runtime-spec with a suffix are taken', () => {
  for (const ociVersion of ['1.0.0-rc5', '1.0.2-dev', '1.2.0+dev', '1.3.0']) {
    assert.is(validateSpec({ ...ROOT, ociVersion }).ociVersion, ociVersion)
  }
})

test('the list of fields has what the types have', () => {
  const fields = new Set(specFields())
  for (const field of [
    'ociVersion',
    'root.readonly',
    'mounts[].uidMappings[].hostID',
    'process.execCPUAffinity.final',
    'process.rlimits[].soft',
    'hooks.poststop[].timeout',
    'linux.namespaces[].path',
    'linux.resources.blockIO.throttleWriteIOPSDevice[].rate',
    'linux.seccomp.syscalls[].args[].valueTwo',
    'linux.memoryPolicy.flags',
    'linux.netDevices[].name',
    'linux.resources.rdma[].hcaObjects',
    'linux.resources.unified',
  ]) {
    assert.ok(fields.has(field), `${field} in ${[...fields].join(' ')}`)
  }
})

test.run()
