// SPDX-License-Identifier: Apache-2.0

/** What the options of one OCI mount come to (config.md §mounts, the list of options that must work). */
export interface MountOptions {
  readonly bind: 'no' | 'bind' | 'rbind'
  /** MOUNT_ATTR_* to set and to clear on the mount itself. */
  readonly set: bigint
  readonly clear: bigint
  /** The same for the whole tree (`rro`, `rnosuid`, …). */
  readonly recursiveSet: bigint
  readonly recursiveClear: bigint
  readonly propagation: { readonly flag: bigint; readonly recursive: boolean } | undefined
  /** Change the options of what is mounted there already. */
  readonly remount: boolean
  /** tmpcopyup: fill the new tmpfs with what the image has there. */
  readonly copyUp: boolean
  readonly idmap: 'no' | 'idmap' | 'ridmap'
  /** Of the super block, in their order: `sync`, `lazytime`. A bind has none of its own. */
  readonly superFlags: readonly string[]
  /** What the runtime-spec does not know: it is for the file system, flags and key=value pairs. */
  readonly data: readonly string[]
}

export const ATTR = {
  rdonly: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
  atimeMask: 0x70n,
  relatime: 0x0n,
  noatime: 0x10n,
  strictatime: 0x20n,
  nodiratime: 0x80n,
  nosymfollow: 0x200000n,
} as const

export const PROPAGATION = {
  unbindable: 1n << 17n,
  private: 1n << 18n,
  slave: 1n << 19n,
  shared: 1n << 20n,
} as const

interface Change {
  readonly set?: bigint
  readonly clear?: bigint
}

const ATTRIBUTES: ReadonlyMap<string, Change> = new Map<string, Change>(
  Object.entries({
    ro: { set: ATTR.rdonly },
    rw: { clear: ATTR.rdonly },
    nosuid: { set: ATTR.nosuid },
    suid: { clear: ATTR.nosuid },
    nodev: { set: ATTR.nodev },
    dev: { clear: ATTR.nodev },
    noexec: { set: ATTR.noexec },
    exec: { clear: ATTR.noexec },
    noatime: { set: ATTR.noatime, clear: ATTR.atimeMask },
    atime: { clear: ATTR.atimeMask },
    relatime: { clear: ATTR.atimeMask },
    norelatime: { clear: ATTR.atimeMask },
    strictatime: { set: ATTR.strictatime, clear: ATTR.atimeMask },
    nostrictatime: { clear: ATTR.atimeMask },
    nodiratime: { set: ATTR.nodiratime },
    diratime: { clear: ATTR.nodiratime },
    nosymfollow: { set: ATTR.nosymfollow },
    symfollow: { clear: ATTR.nosymfollow },
  }),
)

/** Options of the super block; the new mount API takes them as flags of the file system. */
const SUPER_FLAGS = new Set([
  'sync',
  'async',
  'dirsync',
  'lazytime',
  'nolazytime',
  'mand',
  'nomand',
  'iversion',
  'noiversion',
])
const WITHOUT_EFFECT = new Set(['defaults', 'silent', 'loud'])

/** Every option that is understood, in alphabetical order: `features` shows it. */
export function mountOptionNames(): readonly string[] {
  const propagations = ['private', 'shared', 'slave', 'unbindable']
  const single = ['bind', 'rbind', 'remount', 'tmpcopyup', 'idmap', 'ridmap', ...SUPER_FLAGS, ...WITHOUT_EFFECT]
  const doubled = [...ATTRIBUTES.keys(), ...propagations].flatMap((name) => [name, `r${name}`])
  return [...single, ...doubled].sort()
}

/** Sorts the options of a mount. What is not known to the specification is data for the file system. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const found = {
    bind: 'no' as MountOptions['bind'],
    remount: false,
    copyUp: false,
    idmap: 'no' as MountOptions['idmap'],
  }
  const flat = { set: 0n, clear: 0n }
  const recursive = { set: 0n, clear: 0n }
  let propagation: MountOptions['propagation']
  const superFlags: string[] = []
  const data: string[] = []
  for (const option of options) {
    const attribute = ATTRIBUTES.get(option)
    const recursiveAttribute = option.startsWith('r') ? ATTRIBUTES.get(option.slice(1)) : undefined
    if (option === 'bind' || option === 'rbind') found.bind = option
    else if (option === 'remount') found.remount = true
    else if (option === 'tmpcopyup') found.copyUp = true
    else if (option === 'idmap' || option === 'ridmap') found.idmap = option
    else if (attribute !== undefined) apply(flat, attribute)
    else if (isPropagation(option)) propagation = readPropagation(option)
    else if (recursiveAttribute !== undefined) apply(recursive, recursiveAttribute)
    else if (SUPER_FLAGS.has(option)) superFlags.push(option)
    else if (!WITHOUT_EFFECT.has(option)) data.push(option)
  }
  return {
    ...found,
    ...flat,
    recursiveSet: recursive.set,
    recursiveClear: recursive.clear,
    propagation,
    superFlags,
    data,
  }
}

/** What a mount without others below it gets: an option of the tree is one of the mount, and stands for the mount's own. */
export function attributesOfOne({ set, clear, recursiveSet, recursiveClear }: MountOptions): bigint {
  const one = { set, clear }
  apply(one, { set: recursiveSet, clear: recursiveClear })
  return one.set
}

function apply(to: { set: bigint; clear: bigint }, { set = 0n, clear = 0n }: Change): void {
  to.set = (to.set & ~clear) | set
  to.clear = (to.clear & ~set) | clear
}

function isPropagation(option: string): boolean {
  return /^r?(private|shared|slave|unbindable)$/.test(option)
}

/** `rslave` and its kin, as the flag of mount(2) and mount_setattr(2). */
export function readPropagation(option: string): { flag: bigint; recursive: boolean } {
  const recursive = !(option in PROPAGATION)
  const name = (recursive ? option.slice(1) : option) as keyof typeof PROPAGATION
  return { flag: PROPAGATION[name], recursive }
}
