// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ContainerFilter, ContainerState } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { podConfig, scriptConfig } from '../harness/workloads.ts'

const specifications = await mkdtemp(join(tmpdir(), 'ge-cdi-'))
const [fixed, dynamic] = [join(specifications, 'etc'), join(specifications, 'run')]
await mkdir(fixed)
await mkdir(dynamic)
const daemon = await DaemonUnderTest.start({
  network: 'none',
  pull: [IMAGES.busybox],
  flags: { 'cdi-spec-dirs': `${fixed}:${dynamic}` },
})
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'devices')
const podSandboxId = await workloads.runPod(pod)
/** One that opens without hardware, and is not among the devices that every container has. */
const FUSE = '/dev/fuse'

test.after(async () => {
  await rm(specifications, { recursive: true, force: true })
  await daemon[Symbol.asyncDispose]()
})

/** For what the peer of Debian 12 does not know. */
const own = daemon.isPeer ? test.skip : test
type Change = NonNullable<Parameters<typeof scriptConfig>[2]>

async function run(script: string, change: Change): Promise<string> {
  const config = scriptConfig(workloads.name('c'), script, change)
  const { stdout, stderr } = await workloads.runToEnd(podSandboxId, config, pod)
  return stdout + stderr
}

async function refuses(change: Change, code: Parameters<typeof expectFailure>[1], ...parts: (string | RegExp)[]) {
  const config = scriptConfig(workloads.name('c'), 'true', change)
  await expectFailure(runtime.createContainer({ podSandboxId, config, sandboxConfig: pod }), code, ...parts)
}

const device = (hostPath: string, containerPath: string, permissions: string) => ({
  devices: [{ hostPath, containerPath, permissions }],
})

test('a device is there under its new name, and may be used as it was allowed', async () => {
  const all = '(: < /dev/myfuse) && echo read; (: > /dev/myfuse) && echo wrote'
  assert.match(await run(all, device(FUSE, '/dev/myfuse', 'rwm')), /read\nwrote/)
  const text = await run(all, device(FUSE, '/dev/myfuse', 'r'))
  assert.match(text, /^read$/m)
  assert.not.match(text, /^wrote$/m)
  assert.match(text, /Operation not permitted/)
})

test('a directory stands for the devices below it', async () => {
  assert.match(
    await run('ls /dev/all; (: < /dev/all/tun) && echo read', device('/dev/net', '/dev/all', 'rw')),
    /tun\nread/,
  )
})

test('letters that are no permission are refused', () =>
  refuses(device(FUSE, '/dev/x', 'rx'), daemon.isPeer ? ['UNKNOWN', 'INVALID_ARGUMENT'] : 'INVALID_ARGUMENT', 'rx'))

const edits = (containerEdits: object, kind = 'vendor.example/gpu') => ({
  cdiVersion: '0.7.0',
  kind,
  containerEdits: { env: ['VENDOR=yes'] },
  devices: [{ name: '0', containerEdits }],
})
const cdi = (...names: string[]): Change => ({ CDIDevices: names.map((name) => ({ name })) })
const putJson = (directory: string, name: string, content: object) =>
  writeFile(join(directory, name), JSON.stringify(content))

own('a CDI device brings its node, variables, mounts and groups', async () => {
  const library = join(specifications, 'libgpu.so')
  await writeFile(library, 'library')
  await putJson(
    fixed,
    'gpu.json',
    edits({
      env: ['GPU=0', 'PATH=/bin:/gpu/bin'],
      deviceNodes: [{ path: '/dev/gpu0', hostPath: FUSE, permissions: 'r' }],
      mounts: [{ hostPath: library, containerPath: '/lib/libgpu.so', options: ['ro', 'nosuid', 'rbind'] }],
      additionalGids: [4242],
    }),
  )
  const script = `echo $VENDOR $GPU $PATH; id -G; (: < /dev/gpu0) && echo read; (: > /dev/gpu0) || echo no
    cat /lib/libgpu.so; echo; touch /lib/libgpu.so; stat -c %u:%g /dev/gpu0`
  const securityContext = { runAsUser: { value: 1234n }, runAsGroup: { value: 99n } }
  const text = await run(script, { ...cdi('vendor.example/gpu=0'), linux: { securityContext } })
  assert.match(text, /^yes 0 \/bin:\/gpu\/bin\n99 4242\nread\nno\nlibrary\n1234:99$/m)
  assert.match(text, /Read-only file system/)
})

own('an annotation asks for a CDI device as the field does, and a device asked for twice comes once', async () => {
  await putJson(fixed, 'nic.json', edits({ env: ['NIC=0'] }, 'vendor.example/nic'))
  const annotations = { 'cdi.k8s.io/plugin_0': 'vendor.example/nic=0' }
  assert.match(await run('echo $NIC', { annotations }), /^0$/m)
  assert.match(await run('env | grep -c NIC', { ...cdi('vendor.example/nic=0'), annotations }), /^1$/m)
})

own('a CDI specification may be YAML, and the directory for what comes and goes wins', async () => {
  await putJson(fixed, 'fpga.json', edits({ env: ['FPGA=fixed'] }, 'vendor.example/fpga'))
  assert.match(await run('echo $FPGA', cdi('vendor.example/fpga=0')), /^fixed$/m)
  const yaml =
    'cdiVersion: 0.7.0\nkind: vendor.example/fpga\ndevices:\n- name: "0"\n  containerEdits: {env: [FPGA=yaml]}\n'
  await writeFile(join(dynamic, 'fpga.yaml'), yaml)
  assert.match(await run('echo $FPGA', cdi('vendor.example/fpga=0')), /^yaml$/m)
})

own('a CDI device that nobody has is refused by its name, and nothing is left of the container', async () => {
  await writeFile(join(fixed, 'broken.json'), '{')
  await refuses(cdi('vendor.example/gpu=7'), 'NOT_FOUND', 'vendor.example/gpu=7', fixed, dynamic, 'broken.json')
  await rm(join(fixed, 'broken.json'))
  await refuses(cdi('gpu'), 'INVALID_ARGUMENT', 'CDI_devices[0]', 'gpu')
  await refuses({ annotations: { 'cdi.k8s.io/x': 'no' } }, 'INVALID_ARGUMENT', 'cdi.k8s.io/x')
  await putJson(fixed, 'missing.json', edits({ deviceNodes: [{ path: '/dev/no-such-gpu' }] }, 'vendor.example/missing'))
  await refuses(cdi('vendor.example/missing=0'), 'INVALID_ARGUMENT', '/dev/no-such-gpu', 'ENOENT')
  await putJson(
    fixed,
    'library.json',
    edits({ mounts: [{ hostPath: '/no/such/lib.so', containerPath: '/lib/x.so' }] }, 'vendor.example/library'),
  )
  await refuses(cdi('vendor.example/library=0'), 'INVALID_ARGUMENT', '/no/such/lib.so', 'ENOENT')
  const { containers } = await runtime.listContainers({
    filter: ContainerFilter.fromPartial({ state: { state: ContainerState.CONTAINER_CREATED } }),
  })
  assert.equal(containers, [])
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
