// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { ContainerConfig, type CreateContainerRequest } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Pod } from '../../runtime-core/pod.ts'
import type { OciSpec } from '../../runtime-core/spec/types.ts'
import { withCdiDevices } from '../cdi/inject.ts'
import type { ResolvedImage } from '../image/index.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateContainer } from '../node/update.ts'
import { filesOf, giveToRootOf } from '../pod/files.ts'
import type { Sandbox } from '../pod/sandbox.ts'
import { withRollback } from '../store/rollback.ts'
import { settled } from '../store/settle.ts'
import { containerSpec } from '../translate/container-spec.ts'
import type { ImageConfig } from '../translate/host-facts.ts'
import { invalidField } from '../translate/invalid-field.ts'
import { checkMounts, type ImageVolume, imageVolumePaths, type PodPaths } from '../translate/mounts.ts'
import {
  containerPid,
  type NamespacePaths,
  type PodNamespaces,
  podNamespaces,
  type UserMappings,
} from '../translate/namespaces.ts'
import { refuseWindows } from '../translate/not-for-linux.ts'
import { checkResourceClasses } from '../translate/resource-classes.ts'
import { seccompChoice } from '../translate/seccomp-choice.ts'
import { stopSignal } from '../translate/stop-signal.ts'
import { type ResolvedUser, requestedUser, resolveUser } from '../translate/user.ts'
import { type Container, type ContainerRecord, containerOf, containerUniqueName } from './container.ts'
import { removeContainerFiles } from './end.ts'
import { readSeccompFile, resolveDevices, resolveMountSources } from './host-paths.ts'
import { imageConfigOf } from './image-config.ts'
import { imageMountSource, imageVolumeChains, releaseLayers, retainLayers } from './image-mounts.ts'

const MAX_PASSWD_BYTES = 4 << 20

/**
 * CreateContainer (CRI v1): makes everything of a container but its process. Repeated for one that is being made it
 * joins; for one that is there and the same it returns its id. On failure nothing remains.
 */
export async function createContainer(node: RuntimeNode, request: CreateContainerRequest): Promise<string> {
  const config = requireConfig(request.config)
  const sandbox = node.objects.sandbox(request.podSandboxId)
  const uniqueName = containerUniqueName(sandbox.record.id, config)
  const id = await node.creations.join(uniqueName, async () => {
    const existing = node.objects.containerByName(uniqueName)
    return existing === undefined ? create(node, sandbox, config, uniqueName) : joinExisting(existing, config)
  })
  // The one that was joined may have been asked for another container of this name.
  const made = node.objects.containers.get(id)
  if (made !== undefined && !isSame(made, config)) throw nameTaken(made, 'another configuration')
  return id
}

function joinExisting(container: Container, config: ContainerConfig): string {
  const { id, state } = container.record
  if (!isSame(container, config)) throw nameTaken(container, 'another configuration')
  if (state !== 'created') throw nameTaken(container, `is ${state}`)
  return id
}

function isSame({ record }: Container, config: ContainerConfig): boolean {
  return Buffer.compare(ContainerConfig.encode(record.config).finish(), ContainerConfig.encode(config).finish()) === 0
}

function nameTaken({ record: { id, config } }: Container, but: string): GantryError {
  return new GantryError('already_exists', {
    action: 'create container',
    subject: `${config.metadata?.name}, attempt ${config.metadata?.attempt}`,
    reason: `container ${id} has this name and ${but}`,
  })
}

function requireConfig(config: ContainerConfig | undefined): ContainerConfig {
  if (config === undefined) throw invalidField('config', undefined, 'a ContainerConfig')
  const name = config.metadata?.name ?? ''
  if (name === '' || name.includes('\0')) throw invalidField('config.metadata.name', name, 'a name')
  if ((config.image?.image ?? '') === '') throw invalidField('config.image.image', '', 'an image id or reference')
  if (isAbsolute(config.logPath) || config.logPath.split('/').includes('..')) {
    throw invalidField('config.log_path', config.logPath, 'a path below the pod’s log directory')
  }
  refuseWindows('config.windows', config.windows)
  return config
}

function readyPod(sandbox: Sandbox): Pod {
  if (sandbox.pod !== undefined && sandbox.record.state === 'ready') return sandbox.pod
  throw new GantryError('failed_precondition', {
    action: 'create container',
    reason: `sandbox "${sandbox.record.id}" is not ready`,
  })
}

async function create(
  node: RuntimeNode,
  sandbox: Sandbox,
  config: ContainerConfig,
  uniqueName: string,
): Promise<string> {
  const pod = readyPod(sandbox)
  checkMounts(config.mounts, node.host.recursiveReadOnly)
  checkResourceClasses(
    {
      containerName: config.metadata?.name ?? '',
      containerAnnotations: config.annotations,
      podAnnotations: sandbox.record.config.annotations,
    },
    { blockio: node.config.ignoreBlockioNotEnabledErrors, rdt: node.config.ignoreRdtNotEnabledErrors },
  )
  const image = node.images.resolve(config.image?.image ?? '')
  const imageConfig = imageConfigOf(image)
  const { logDirectory } = sandbox.record.config
  const record: ContainerRecord = {
    id: node.newId(),
    uniqueName,
    sandboxId: sandbox.record.id,
    state: 'creating',
    config,
    spec: undefined,
    imageId: image.id,
    imageName: config.image?.userSpecifiedImage || image.tags[0] || (config.image?.image ?? ''),
    imageRef: image.digests[0] ?? image.id,
    chain: image.chain,
    rootfs: undefined,
    imageVolumes: [],
    volumeChains: imageVolumeChains(node, config.mounts),
    createdAtNs: node.now(),
    startedAtNs: 0n,
    finishedAtNs: 0n,
    exitCode: 0,
    reason: '',
    message: '',
    pid: 0,
    logPath: logDirectory === '' || config.logPath === '' ? '' : join(logDirectory, config.logPath),
    stopSignal: stopSignal(config.stopSignal, imageConfig.StopSignal),
  }
  const container = { ...containerOf(record), hasCgroup: false }
  await withRollback(async (rollback) => {
    node.containerTable.insert(record)
    node.objects.containers.set(record.id, container)
    retainLayers(node, record)
    rollback.onFailure(async () => {
      await removeContainerFiles(node, container)
      await releaseLayers(node, record)
      node.containerTable.remove(record.id)
      node.objects.containers.delete(record.id)
    })
    const { user } = podNamespaces(sandbox.record.config.linux?.securityContext?.namespaceOptions)
    const volumes = await makeImageVolumes(node, record.id, imageVolumePaths(imageConfig, config.mounts), user)
    const [root, spec] = await settled([
      node.images.snapshots.prepare(record.id, image.layerDirectories, false),
      buildSpec({ node, sandbox, pod, record, image, imageConfig, volumes }),
    ])
    const { lowerdirs, upperdir, workdir } = root
    const rootfs = { lowerdirs: [...lowerdirs, node.mountPointLayer], upperdir, workdir }
    await pod.writeBundle(record.id, spec)
    // A stop may have come in between: what is created in a stopped sandbox would never be seen to.
    readyPod(sandbox)
    updateContainer(node, container, {
      state: 'created',
      spec,
      rootfs,
      imageVolumes: volumes.map(({ hostPath }) => hostPath),
    })
  })
  return record.id
}

interface SpecParts {
  readonly node: RuntimeNode
  readonly sandbox: Sandbox
  readonly pod: Pod
  readonly record: ContainerRecord
  readonly image: ResolvedImage
  readonly imageConfig: ImageConfig
  readonly volumes: readonly ImageVolume[]
}

async function buildSpec({ node, sandbox, pod, record, image, imageConfig, volumes }: SpecParts): Promise<OciSpec> {
  const { config, id } = record
  const sandboxConfig = sandbox.record.config
  const namespaces = podNamespaces(sandboxConfig.linux?.securityContext?.namespaceOptions)
  const choice = seccompChoice(config.linux?.securityContext)
  const [mountSources, devices, seccompText, user] = await Promise.all([
    resolveMountSources(config.mounts, (mount) => imageMountSource(node, mount)),
    resolveDevices(config.devices),
    choice.kind === 'file' ? readSeccompFile(choice.path) : undefined,
    resolveContainerUser(node, config, image, imageConfig),
  ])
  const spec = containerSpec({
    containerId: id,
    sandboxId: record.sandboxId,
    sandbox: sandboxConfig,
    container: config,
    image: imageConfig,
    imageName: record.imageName,
    rootPath: 'rootfs',
    hostname: sandbox.record.hostname,
    user,
    podPaths: podPaths(node, pod, record.sandboxId),
    nsPaths: namespacePaths(node, pod, record, namespaces),
    mountSources,
    imageVolumes: volumes,
    devices,
    ...(seccompText === undefined ? {} : { seccompText }),
    rlimits: node.rlimits,
    cgroupDriver: node.config.cgroupDriver,
    host: node.host,
  })
  return withCdiDevices(spec, config, {
    directories: node.config.cdiSpecDirs.split(':'),
    ignoreRdt: node.config.ignoreRdtNotEnabledErrors,
  })
}

function podPaths(node: RuntimeNode, pod: Pod, sandboxId: string): PodPaths {
  const files = filesOf(node, sandboxId)
  return {
    hostnameFile: files.hostname,
    hostsFile: files.hosts,
    resolvConfFile: files.resolvConf,
    shm: pod.shmPath ?? '/dev/shm',
  }
}

function namespacePaths(
  node: RuntimeNode,
  pod: Pod,
  record: ContainerRecord,
  namespaces: PodNamespaces,
): NamespacePaths {
  const pid = containerPid(record.config.linux?.securityContext?.namespaceOptions, namespaces)
  if (typeof pid === 'string') return pod.namespacePaths
  const target = node.objects.container(pid.targetId).record
  if (target.sandboxId !== record.sandboxId || target.state !== 'running') {
    throw new GantryError('failed_precondition', {
      action: 'join process namespace of container',
      subject: pid.targetId,
      reason:
        target.sandboxId === record.sandboxId ? `it is ${target.state}, expected running` : 'it is in another pod',
    })
  }
  return { ...pod.namespacePaths, pid: `/proc/${target.pid}/ns/pid` }
}

/** The image's own user data base; a name it does not have is an error of the request. */
async function resolveContainerUser(
  node: RuntimeNode,
  config: ContainerConfig,
  image: ResolvedImage,
  imageConfig: ImageConfig,
): Promise<ResolvedUser> {
  const limit = { limitBytes: MAX_PASSWD_BYTES }
  const [passwd, group] = await Promise.all([
    node.images.readFile(image, 'etc/passwd', limit),
    node.images.readFile(image, 'etc/group', limit),
  ])
  return resolveUser({
    ...requestedUser(config.linux?.securityContext),
    imageUser: imageConfig.User ?? '',
    passwdText: passwd?.toString('utf8'),
    groupText: group?.toString('utf8'),
  })
}

/** A directory for each volume that the image declares; it goes with the container. */
async function makeImageVolumes(
  node: RuntimeNode,
  containerId: string,
  paths: readonly string[],
  user: UserMappings | undefined,
): Promise<ImageVolume[]> {
  const base = join(node.images.snapshots.directoryOf(containerId), 'volumes')
  return Promise.all(
    paths.map(async (containerPath, index) => {
      const hostPath = join(base, String(index))
      await mkdir(hostPath, { recursive: true, mode: 0o755 })
      if (user !== undefined) await giveToRootOf(user, hostPath)
      return { containerPath, hostPath }
    }),
  )
}
