// SPDX-License-Identifier: Apache-2.0
import type { ContainerConfig, LinuxContainerSecurityContext, PodSandboxConfig } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { OciLinux, OciProcess, OciRlimit, OciSeccomp, OciSpec } from '../../runtime-core/spec/types.ts'
import { containerAnnotations } from './annotations.ts'
import { containerCapabilities } from './capabilities.ts'
import { type CgroupDriver, cgroupsPath } from './cgroups-path.ts'
import { containerDevices, type ResolvedDevice } from './devices.ts'
import type { HostFacts, ImageConfig } from './host-facts.ts'
import { appArmorProfile, checkSelinuxOptions } from './lsm.ts'
import { containerMounts, type ImageVolume, type MountSource, type PodPaths } from './mounts.ts'
import {
  containerNamespaces,
  containerPid,
  type NamespacePaths,
  type PodNamespaces,
  podNamespaces,
} from './namespaces.ts'
import { processArgs, processCwd, processEnv } from './process.ts'
import { ociResources, oomScoreAdj } from './resources.ts'
import { seccompChoice } from './seccomp-choice.ts'
import { defaultSeccomp } from './seccomp-default.ts'
import { parseSeccompProfile } from './seccomp-profile.ts'
import { hiddenPaths, isPrivileged } from './security.ts'
import type { ResolvedUser } from './user.ts'

const OCI_VERSION = '1.3.0'

/** All that a container's specification depends on; what must be looked up on the node has been. */
export interface ContainerSpecInput {
  readonly containerId: string
  readonly sandboxId: string
  readonly sandbox: PodSandboxConfig
  readonly container: ContainerConfig
  readonly image: ImageConfig
  readonly imageName: string
  /** Of the root filesystem, absolute or relative to the bundle. */
  readonly rootPath: string
  /** Of the pod; the node's where the pod is on the host network. */
  readonly hostname: string
  readonly user: ResolvedUser
  readonly podPaths: PodPaths
  readonly nsPaths: NamespacePaths
  /** One for each of the container's mounts. */
  readonly mountSources: readonly (MountSource | undefined)[]
  readonly imageVolumes: readonly ImageVolume[]
  readonly devices: readonly ResolvedDevice[]
  /** Text of the file that {@link seccompChoice} names. */
  readonly seccompText?: string
  readonly rlimits: readonly OciRlimit[]
  readonly cgroupDriver: CgroupDriver
  readonly host: HostFacts
}

/**
 * The OCI specification of a container.
 *
 * @throws GantryError invalid_argument that names the field, its value and what was expected; failed_precondition where
 * this node cannot do what is asked; unimplemented for an image as a volume that has no source.
 */
export function containerSpec(input: ContainerSpecInput): OciSpec {
  const { sandbox, container, host } = input
  const context = container.linux?.securityContext
  const privileged = isPrivileged(context, sandbox.linux?.securityContext)
  const pod = podNamespaces(sandbox.linux?.securityContext?.namespaceOptions)
  const { mounts, rootfsPropagation } = containerMounts({
    requested: container.mounts,
    sources: input.mountSources,
    podPaths: input.podPaths,
    imageVolumes: input.imageVolumes,
    readonlyRootfs: context?.readonlyRootfs ?? false,
    privileged,
    pod,
    recursiveReadOnly: host.recursiveReadOnly,
  })
  const process = ociProcess(input, context, privileged)
  const seccomp = seccompOf(input, process.capabilities?.bounding ?? [])
  checkSelinuxOptions(context?.selinuxOptions, host.lsm.selinux)
  return {
    ociVersion: OCI_VERSION,
    root: { path: input.rootPath, readonly: context?.readonlyRootfs ?? false },
    mounts,
    process,
    annotations: containerAnnotations({ ...input, containerName: container.metadata?.name ?? '' }),
    linux: {
      ...ociLinux(input, pod, privileged),
      ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  }
}

function ociProcess(
  { container, image, hostname, user, rlimits, host }: ContainerSpecInput,
  context: LinuxContainerSecurityContext | undefined,
  privileged: boolean,
): OciProcess {
  const apparmorProfile = appArmorProfile(context, privileged, host.lsm)
  return {
    terminal: container.tty,
    cwd: processCwd(container.workingDir, image),
    args: processArgs(container, image),
    env: processEnv({
      tty: container.tty,
      hostname,
      imageEnv: image.Env ?? [],
      envs: container.envs,
      home: user.home,
    }),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    capabilities: containerCapabilities({ request: context?.capabilities, privileged, lastCap: host.lastCap }),
    rlimits,
    noNewPrivileges: context?.noNewPrivs ?? false,
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    oomScoreAdj: oomScoreAdj(container.linux?.resources),
  }
}

function ociLinux(input: ContainerSpecInput, pod: PodNamespaces, privileged: boolean): OciLinux {
  const { sandbox, container, host } = input
  const context = container.linux?.securityContext
  const { devices, rules } = containerDevices(input.devices, host.devices, privileged)
  return {
    namespaces: containerNamespaces({
      pod,
      pid: containerPid(context?.namespaceOptions, pod),
      paths: input.nsPaths,
      cgroupVersion: host.cgroupVersion,
      privileged,
    }),
    ...(pod.user === undefined ? {} : { uidMappings: pod.user.uids, gidMappings: pod.user.gids }),
    devices,
    cgroupsPath: cgroupsPath(input.cgroupDriver, sandbox.linux?.cgroupParent ?? '', input.containerId),
    resources: { ...ociResources(container.linux?.resources, host), devices: rules },
    ...hiddenPaths(context, privileged),
  }
}

function seccompOf(input: ContainerSpecInput, capabilities: readonly string[]): OciSeccomp | undefined {
  const choice = seccompChoice(input.container.linux?.securityContext)
  if (choice.kind === 'unconfined') return undefined
  const target = { arch: input.host.arch, kernelRelease: input.host.kernelRelease, capabilities }
  if (choice.kind === 'default') return defaultSeccomp(target)
  if (input.seccompText === undefined) {
    throw new GantryError('internal', { action: 'read seccomp profile', subject: choice.path, reason: 'not handed in' })
  }
  return parseSeccompProfile(input.seccompText, choice.path, target)
}
