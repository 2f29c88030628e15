// SPDX-License-Identifier: Apache-2.0
import { Message } from './wire.ts'

/** Values of `criu_cg_mode` by the names of the command line (criu(8), --manage-cgroups). */
export const CGROUP_MODES = { ignore: 0, none: 1, props: 2, soft: 3, full: 4, strict: 5 } as const
export type CgroupMode = keyof typeof CGROUP_MODES

/** Namespaces that `--empty-ns` knows, as clone flags. */
export const EMPTY_NAMESPACES = { network: 0x4000_0000 } as const

const REQUEST_TYPES = { dump: 1, restore: 2, 'pre-dump': 4 } as const
export type RequestType = keyof typeof REQUEST_TYPES

/** What CRIU is asked to do and to leave, for dump and restore alike: `criu_opts` of its rpc.proto. */
export interface CriuOptions {
  /** Dump: the root of the process tree. */
  readonly pid?: number
  readonly leaveRunning?: boolean
  readonly extUnixSk?: boolean
  readonly tcpEstablished?: boolean
  readonly tcpSkipInFlight?: boolean
  readonly shellJob?: boolean
  readonly fileLocks?: boolean
  readonly linkRemap?: boolean
  readonly lazyPages?: boolean
  readonly autoDedup?: boolean
  /** Memory is tracked, so that the next dump has only what changed. */
  readonly trackMemory?: boolean
  /** Images of an earlier dump, relative to the new ones. */
  readonly parentImages?: string
  readonly pageServer?: { readonly address: string; readonly port: number }
  /** A byte is written to it, in CRIU, when it is ready to serve pages. */
  readonly statusFd?: number
  readonly cgroupMode?: CgroupMode
  /** Where the container's cgroups are to be, whatever they were. */
  readonly cgroupRoot?: string
  readonly freezeCgroup?: string
  readonly emptyNamespaces?: number
  /** `mnt[…]`, `net[…]:key`, `file[…]`. */
  readonly external?: readonly string[]
  /** Descriptors of the CRIU process that stand for what was external. */
  readonly inherit?: readonly { readonly key: string; readonly fd: number }[]
  readonly join?: readonly { readonly namespace: string; readonly path: string }[]
  /** Restore: an existing mount. */
  readonly root?: string
  /** Restore: what is restored becomes a child of CRIU's parent. */
  readonly sibling?: boolean
  readonly lsmProfile?: string
  readonly lsmMountContext?: string
  /** A file with further options of criu(8). */
  readonly configFile?: string
  /** A plain name in the directory of the logs. */
  readonly logFile: string
}

/** The most CRIU says: what it did on the way to an error is in its log. */
const LOG_LEVEL = 4
/** Deleted files up to this size are kept in the images; CRIU's own 1 MiB is less than many a log or temporary file. */
const GHOST_LIMIT_BYTES = 16 * 1024 * 1024

/**
 * A request to `criu swrk` (rpc.proto, `criu_req`). The directories of images and logs are descriptors, and are added by
 * who sends it (keeper/criu.c).
 */
export function criuRequest(type: RequestType, options: CriuOptions): Uint8Array {
  return new Message().number(1, REQUEST_TYPES[type]).message(2, criuOptions(options)).bytes()
}

/** Numbers are those of `criu_opts`. */
function criuOptions(options: CriuOptions): Message {
  // Required; replaced by the descriptor that is added.
  const message = new Message().number(1, -1)
  flags(message, options)
  const number = (field: number, value: number | undefined) => value !== undefined && message.number(field, value)
  const text = (field: number, value: string | undefined) => value !== undefined && message.text(field, value)
  number(2, options.pid)
  number(9, LOG_LEVEL)
  text(10, options.logFile)
  if (options.pageServer !== undefined) {
    message.message(11, new Message().text(1, options.pageServer.address).number(2, options.pageServer.port))
  }
  text(13, options.root)
  text(14, options.parentImages)
  if (options.cgroupRoot !== undefined) message.message(25, new Message().text(2, options.cgroupRoot))
  for (const { key, fd } of options.inherit ?? []) message.message(27, new Message().text(1, key).number(2, fd))
  number(34, options.cgroupMode === undefined ? undefined : CGROUP_MODES[options.cgroupMode])
  number(35, GHOST_LIMIT_BYTES)
  for (const external of options.external ?? []) message.text(37, external)
  number(38, options.emptyNamespaces)
  for (const { namespace, path } of options.join ?? []) {
    message.message(39, new Message().text(1, namespace).text(2, path))
  }
  text(44, options.freezeCgroup)
  number(49, options.statusFd)
  text(51, options.configFile)
  text(53, options.lsmProfile)
  text(63, options.lsmMountContext)
  return message
}

function flags(message: Message, options: CriuOptions): void {
  const flag = (field: number, value: boolean | undefined) => message.flag(field, value === true)
  flag(3, options.leaveRunning)
  flag(4, options.extUnixSk)
  flag(5, options.tcpEstablished)
  flag(7, options.shellJob)
  flag(8, options.fileLocks)
  // Namespaces are set up by hooks, the terminal's master and the pid are told by notifications.
  flag(12, true)
  flag(15, options.trackMemory)
  flag(16, options.autoDedup)
  flag(18, options.linkRemap)
  flag(26, options.sibling)
  flag(46, options.tcpSkipInFlight)
  flag(48, options.lazyPages)
  // A container's terminal has its master with the keeper, or whoever has the console socket.
  flag(50, true)
}
