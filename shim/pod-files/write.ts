// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'

/** The texts of the files every container of a pod shares. */
export interface PodFileTexts {
  readonly hostname: string
  readonly hosts: string
  readonly resolvConf: string
}

/** Where they are on the host, to be mounted to /etc/hostname, /etc/hosts, /etc/resolv.conf. */
export interface PodFilePaths {
  readonly hostname: string
  readonly hosts: string
  readonly resolvConf: string
}

const fileNames: PodFilePaths = { hostname: 'hostname', hosts: 'hosts', resolvConf: 'resolv.conf' }
const maxHostFileBytes = 1024 * 1024

/** Where the pod's files are below `dir`, whether they exist or not. */
export function podFilePaths(dir: string): PodFilePaths {
  return {
    hostname: join(dir, fileNames.hostname),
    hosts: join(dir, fileNames.hosts),
    resolvConf: join(dir, fileNames.resolvConf),
  }
}

/**
 * Writes the pod's files into `dir`, which is created if need be, each atomically and with mode 0644. To be called
 * before the first container mounts them: a later call replaces the files, not what is mounted.
 * Throws resource_exhausted for a full disk, else internal, naming the file.
 */
export async function writePodFiles(dir: string, texts: PodFileTexts): Promise<PodFilePaths> {
  const paths = podFilePaths(dir)
  await prepareDirectory(dir)
  await Promise.all([
    replace(paths.hostname, texts.hostname),
    replace(paths.hosts, texts.hosts),
    replace(paths.resolvConf, texts.resolvConf),
  ])
  return paths
}

async function prepareDirectory(dir: string): Promise<void> {
  try {
    const created = await mkdir(dir, { recursive: true })
    // a container in a user namespace has to pass through to mount the files; set apart, the umask would narrow it
    if (created !== undefined) await chmod(dir, 0o711)
  } catch (cause) {
    throw writeError(dir, cause)
  }
}

/** A file of the host that pods get a copy of; an absent one is empty. Throws when it is larger than 1 MiB. */
export async function readHostFile(path: string): Promise<string> {
  const action = 'read host file'
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      if (size > maxHostFileBytes) {
        const reason = `${size} bytes, the limit is ${maxHostFileBytes}`
        throw new GantryError('failed_precondition', { action, subject: path, reason })
      }
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return ''
    throw cause instanceof GantryError ? cause : new GantryError('internal', { action, subject: path, cause })
  }
}

async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.tmp`
  try {
    await writeFile(draft, text)
    // set apart from the creation, which the umask would narrow
    await chmod(draft, 0o644)
    await rename(draft, path)
  } catch (cause) {
    await rm(draft, { force: true })
    throw writeError(path, cause)
  }
}

function writeError(path: string, cause: unknown): GantryError {
  const code = errnoOf(cause) === 'ENOSPC' ? 'resource_exhausted' : 'internal'
  return new GantryError(code, { action: 'write pod file', subject: path, cause })
}
