// SPDX-License-Identifier: Apache-2.0
import type { Descriptor, ImageConfig, Layer, LayoutBuilder } from '../../deploy/image/build-layout.ts'
import { hostPlatform } from '../../deploy/image/build-layout.ts'
import type { LayerEntry } from '../../deploy/image/tar.ts'
import { compileProgram } from './compile.ts'
import { DebianFiles } from './debian.ts'
import { accounts, busyboxRootfs, textFile } from './rootfs.ts'
import { nginxLayer } from './web-server.ts'

const E2E = 'registry.k8s.io/e2e-test-images'
const STAGING = 'gcr.io/k8s-staging-cri-tools'
const BENCHMARK = 'public.ecr.aws/docker/library'
const PATH_ENV = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const PAUSE_TAGS = ['3.5', '3.6', '3.7', '3.8', '3.9', '3.10', '3.10.1']

/** The registries whose names the images of critest carry. */
export const CRITEST_REGISTRIES: readonly string[] = ['registry.k8s.io', 'gcr.io', 'k8s.gcr.io', 'public.ecr.aws']

/**
 * Adds every image that critest v1.36 pulls, each under its own name (cri-tools pkg/framework/util.go,
 * pkg/validate/consts.go, pkg/benchmark/image.go). The one it asks for by a fixed digest cannot be rebuilt.
 */
export async function addCritestImages(layout: LayoutBuilder, workDirectory: string): Promise<void> {
  const debian = await DebianFiles.fetch(['busybox', 'nginx', 'procps', 'util-linux'], `${workDirectory}/debian`)
  const base = await layout.addLayer(await busyboxRootfs(debian))
  await addBusybox(layout, base)
  await addWebServers(layout, base, debian)
  await addPauses(layout, await compileProgram('pause', workDirectory))
  await addNoNewPrivileges(layout, await compileProgram('nonewprivs', workDirectory))
  await addPlainImages(layout, base)
  await addImagesWithUser(layout, base)
}

async function addBusybox(layout: LayoutBuilder, base: Layer): Promise<void> {
  const config: ImageConfig = { Env: [PATH_ENV], Cmd: ['sh'] }
  await addMultiPlatform(layout, base, config, [`${E2E}/busybox:1.29-2`])
  for (const tag of ['1', '1-glibc', '1-musl', '1-uclibc', '1.35.0-glibc']) {
    const labels = { Labels: { tag } }
    await layout.addImage({ layers: [base], config: { ...config, ...labels }, names: [`${BENCHMARK}/busybox:${tag}`] })
  }
}

async function addWebServers(layout: LayoutBuilder, base: Layer, debian: DebianFiles): Promise<void> {
  const server = await layout.addLayer(await nginxLayer(debian, 80))
  const onHost = await layout.addLayer(await nginxLayer(debian, 12003))
  const nginx = ['nginx', '-g', 'daemon off;']
  const config: ImageConfig = { Env: [PATH_ENV], ExposedPorts: { '80/tcp': {} }, StopSignal: 'SIGQUIT' }
  const add = (layer: Layer, command: readonly string[], name: string): Promise<Descriptor> =>
    layout.addImage({ layers: [base, layer], config: { ...config, Cmd: command }, names: [name] })
  await add(server, nginx, `${E2E}/nginx:1.14-2`)
  await add(server, ['httpd-foreground'], `${E2E}/httpd:2.4.39-4`)
  await add(onHost, nginx, `${STAGING}/hostnet-nginx-${hostPlatform().architecture}:latest`)
}

// Runtimes with a sandbox image keep one of these; a spec that removes another must not meet the same content.
async function addPauses(layout: LayoutBuilder, program: Uint8Array): Promise<void> {
  for (const tag of PAUSE_TAGS) {
    const layer = await layout.addLayer([
      { kind: 'file', path: '/pause', mode: 0o755, content: program },
      textFile('/version', [tag]),
    ])
    const names = [`registry.k8s.io/pause:${tag}`]
    if (tag === '3.9') names.push('k8s.gcr.io/pause:3.9')
    await addMultiPlatform(layout, layer, { Env: [PATH_ENV], Entrypoint: ['/pause'], User: '65535:65535' }, names)
  }
}

async function addNoNewPrivileges(layout: LayoutBuilder, program: Uint8Array): Promise<void> {
  const layer = await layout.addLayer([{ kind: 'file', path: '/nnp', mode: 0o4755, content: program }])
  await layout.addImage({ layers: [layer], config: { Entrypoint: ['/nnp'] }, names: [`${E2E}/nonewprivs:1.3`] })
}

// Images that are only pulled, listed and removed: one id each, except that the three tags of test-image-tags share one.
async function addPlainImages(layout: LayoutBuilder, base: Layer): Promise<void> {
  const plain: Readonly<Record<string, readonly string[]>> = {
    'test-image-1': ['test-image-1:latest'],
    'test-image-2': ['test-image-2:latest'],
    'test-image-3': ['test-image-3:latest'],
    'test-image-all': ['test-image-tag:all'],
    'test-image-digest': ['test-image-digest:latest'],
    'test-image-latest': ['test-image-latest:latest'],
    'test-image-tag': ['test-image-tag:test'],
    'test-image-tags': ['test-image-tags:1', 'test-image-tags:2', 'test-image-tags:3'],
  }
  for (const [content, names] of Object.entries(plain)) {
    const mark = await layout.addLayer([textFile(`/${content}`, [content])])
    const config = { Env: [PATH_ENV], Cmd: ['sh'] }
    await layout.addImage({ layers: [base, mark], config, names: names.map((name) => `${STAGING}/${name}`) })
  }
}

async function addImagesWithUser(layout: LayoutBuilder, base: Layer): Promise<void> {
  const users: Readonly<Record<string, string>> = {
    'test-image-user-uid': '1002',
    'test-image-user-username': 'www-data',
    'test-image-user-uid-group': '1003:users',
    'test-image-user-username-group': 'www-data:100',
  }
  const config = { Env: [PATH_ENV], Cmd: ['sh'] }
  for (const [name, User] of Object.entries(users)) {
    await layout.addImage({ layers: [base], config: { ...config, User }, names: [`${STAGING}/${name}:latest`] })
  }
  // The supplemental-groups specs count on this membership.
  const members: LayerEntry[] = accounts({
    passwd: ['default-user:x:1000:1000::/home/default-user:/bin/sh'],
    group: ['default-user:x:1000:', 'group-defined-in-image:x:50000:default-user'],
  })
  const layers = [base, await layout.addLayer(members)]
  const names = [`${STAGING}/test-image-predefined-group:latest`]
  await layout.addImage({ layers, config: { ...config, User: '1000' }, names })
}

// As the originals are: an index, with an entry for another platform that must not be taken.
async function addMultiPlatform(
  layout: LayoutBuilder,
  layer: Layer,
  config: ImageConfig,
  names: readonly string[],
): Promise<void> {
  const foreign = { os: 'linux', architecture: 's390x' }
  const decoyLayer = await layout.addLayer([textFile('/decoy', ['for another machine'])])
  const decoy = await layout.addImage({ layers: [decoyLayer], config, platform: foreign })
  await layout.addIndex([decoy, await layout.addImage({ layers: [layer], config })], names)
}
