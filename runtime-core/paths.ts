// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'

/** A unix socket's path has 107 bytes; ids in directory names are cut to this many characters. */
const SHORT_ID = 24

/** Where the runtime state of pods and containers is: one directory each, on a tmpfs. */
export class StatePaths {
  readonly root: string

  constructor(stateDirectory: string) {
    this.root = stateDirectory
  }

  get pods(): string {
    return join(this.root, 'pods')
  }

  pod(podId: string): string {
    return join(this.pods, podId.slice(0, SHORT_ID))
  }

  keeperSocket(podId: string): string {
    return join(this.pod(podId), 'keeper.sock')
  }

  exitRecord(podId: string, containerId: string): string {
    return join(this.pod(podId), 'exits', containerId)
  }

  /** The directory that stands for the pod's /dev/shm. */
  shm(podId: string): string {
    return join(this.pod(podId), 'shm')
  }

  bundle(podId: string, containerId: string): string {
    return join(this.pod(podId), 'c', containerId.slice(0, SHORT_ID))
  }

  /** Where the root is mounted, in the container's own mount namespace. */
  mountPoint(podId: string, containerId: string): string {
    return join(this.bundle(podId, containerId), 'rootfs')
  }
}
