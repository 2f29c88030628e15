// SPDX-License-Identifier: Apache-2.0
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PodSandboxConfig, type RunPodSandboxRequest } from '../../cri-proto/index.ts'
import { cgroupRoots } from '../../runtime-core/cgroup/driver.ts'
import { parentPathOf } from '../../runtime-core/cgroup/path.ts'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'
import { Pod } from '../../runtime-core/pod.ts'
import { servedHandlers } from '../node/handlers.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateSandbox } from '../node/update.ts'
import { podHostname } from '../pod-files/hostname.ts'
import type { CallContext } from '../server/grpc.ts'
import { withRollback } from '../store/rollback.ts'
import { cgroupsPath } from '../translate/cgroups-path.ts'
import { type PodNamespaces, podNamespaces } from '../translate/namespaces.ts'
import { podSysctls } from '../translate/sysctls.ts'
import { writeFilesOf } from './files.ts'
import { attachNetwork, detachNetwork } from './network.ts'
import { type Sandbox, type SandboxRecord, sandboxUniqueName } from './sandbox.ts'
import { requireMetadata } from './validate.ts'

const SHM_SIZE_BYTES = 64 << 20

/**
 * RunPodSandbox (CRI v1): returns when the pod is ready. Repeated for a pod that is being made, it joins; for one that
 * is there and the same, it returns its id.
 */
export async function runPodSandbox(
  node: RuntimeNode,
  request: RunPodSandboxRequest,
  context: CallContext,
): Promise<string> {
  const config = requireMetadata(request.config)
  requireHandler(node, request.runtimeHandler)
  const uniqueName = sandboxUniqueName(config)
  const id = await node.creations.join(uniqueName, async () => {
    const existing = node.objects.sandboxByName(uniqueName)
    if (existing !== undefined) return joinExisting(existing, request)
    return create(node, config, uniqueName, request.runtimeHandler, context)
  })
  // The one that was joined may have been asked for another pod of this name.
  const made = node.objects.sandboxes.get(id)
  if (made !== undefined && !isSame(made, request)) throw nameTaken(made, 'it has another configuration')
  return id
}

function requireHandler({ config }: RuntimeNode, handler: string): void {
  const handlers = servedHandlers(config)
  if (handlers.includes(handler)) return
  throw new GantryError('invalid_argument', {
    action: 'run sandbox',
    reason: `runtime_handler "${handler}" is not configured, expected ${handlers.map((name) => `"${name}"`).join(' or ')}`,
  })
}

function joinExisting(sandbox: Sandbox, request: RunPodSandboxRequest): string {
  const { id, state } = sandbox.record
  if (state !== 'ready') throw nameTaken(sandbox, 'it is stopped, and attempt is the same')
  if (!isSame(sandbox, request)) throw nameTaken(sandbox, 'it has another configuration')
  return id
}

function isSame({ record }: Sandbox, { config, runtimeHandler }: RunPodSandboxRequest): boolean {
  if (record.runtimeHandler !== runtimeHandler || config === undefined) return false
  return Buffer.compare(PodSandboxConfig.encode(record.config).finish(), PodSandboxConfig.encode(config).finish()) === 0
}

function nameTaken({ record: { id, uniqueName } }: Sandbox, why: string): GantryError {
  const reason = `sandbox ${id}: ${why}`
  return new GantryError('already_exists', { action: 'run sandbox', subject: uniqueName, reason })
}

async function create(
  node: RuntimeNode,
  config: PodSandboxConfig,
  uniqueName: string,
  runtimeHandler: string,
  context: CallContext,
): Promise<string> {
  const id = node.newId()
  const namespaces = podNamespaces(config.linux?.securityContext?.namespaceOptions)
  requireUserNamespaces(node, namespaces)
  const sysctls = podSysctls(config.linux?.sysctls ?? {}, namespaces)
  const hostname = podHostname({
    requested: config.hostname,
    network: namespaces.network,
    hostHostname: node.hostname,
    sandboxId: id,
  })
  // Refused here rather than at the first container, where the kubelet would only see it much later.
  cgroupsPath(node.config.cgroupDriver, config.linux?.cgroupParent ?? '', id)
  const record: SandboxRecord = {
    id,
    uniqueName,
    state: 'creating',
    config,
    runtimeHandler,
    createdAtNs: node.now(),
    hostname,
    ips: [],
    attached: false,
    ownsCgroupParent: !(await cgroupExists(node, config.linux?.cgroupParent ?? '')),
  }
  const sandbox: Sandbox = { record, pod: undefined }
  await withRollback(async (rollback) => {
    node.sandboxTable.insert(record)
    node.objects.sandboxes.set(id, sandbox)
    rollback.onFailure(() => forgetFailed(node, sandbox))
    const pod = await Pod.create(
      id,
      {
        network: namespaces.network === 'pod',
        ipc: namespaces.ipc === 'pod',
        uts: namespaces.network === 'pod',
        user: namespaces.user,
        hostname,
        sysctls,
        sharedPid: namespaces.pid === 'pod',
        shmSizeBytes: namespaces.ipc === 'pod' ? SHM_SIZE_BYTES : undefined,
      },
      node.pods,
    )
    sandbox.pod = pod
    rollback.onFailure(() => pod.shutdown())
    if (namespaces.network === 'pod') {
      rollback.onFailure(() => detachNetwork(node, sandbox, node.config.cniTimeoutMs))
      await attachNetwork(node, sandbox, pod, context)
    }
    await writeFilesOf(node, sandbox, namespaces)
    if (config.logDirectory !== '') await mkdir(config.logDirectory, { recursive: true, mode: 0o755 })
    context.signal.throwIfAborted()
    updateSandbox(node, sandbox, { state: 'ready' })
  })
  return id
}

/** What could not be detached stays visible as a stopped pod, so that the kubelet removes it and DEL is tried again. */
async function forgetFailed(node: RuntimeNode, sandbox: Sandbox): Promise<void> {
  const { id, attached } = sandbox.record
  sandbox.pod = undefined
  await rm(node.pods.paths.pod(id), { recursive: true, force: true })
  if (attached) {
    updateSandbox(node, sandbox, { state: 'notready', ips: [] })
    return
  }
  node.sandboxTable.remove(id)
  node.objects.sandboxes.delete(id)
}

/** Linux 5.19: overlayfs with id-mapped layers. Without it a pod's files would all belong to nobody. */
function requireUserNamespaces(node: RuntimeNode, { user }: PodNamespaces): void {
  if (user === undefined || node.host.userNamespaces) return
  throw new GantryError('failed_precondition', {
    action: 'run sandbox',
    reason: `namespace_options.userns_options asks for a user namespace, which needs Linux 5.19, this is ${node.host.kernelRelease}`,
  })
}

/** Whether the pod's cgroup is there before us: the kubelet makes it, other clients leave it to the runtime. */
async function cgroupExists(node: RuntimeNode, parent: string): Promise<boolean> {
  if (parent === '') return false
  try {
    await stat(join(cgroupRoots(node.cgroupHost)[0] ?? '/', parentPathOf(parent)))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Takes away the pod's cgroup where we made it, with those of its ancestors that are empty then. */
export async function removeCgroupParent(node: RuntimeNode, record: SandboxRecord): Promise<void> {
  if (record.ownsCgroupParent) await node.cgroups.removeParent(record.config.linux?.cgroupParent ?? '')
}
