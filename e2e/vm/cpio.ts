// SPDX-License-Identifier: Apache-2.0

/** One entry of an archive; parents come before what they hold. */
export type CpioEntry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'device'; readonly path: string; readonly major: number; readonly minor: number }

const TYPE = { file: 0o100000, directory: 0o040000, symlink: 0o120000, device: 0o020000 } as const
const TRAILER = 'TRAILER!!!'

/**
 * An archive as the kernel unpacks it into its first root file system (Documentation/driver-api/early-userspace/
 * buffer-format.rst): "newc", uncompressed, everything root's, without times, so that equal entries make equal bytes.
 */
export function packCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => {
    const device = entry.kind === 'device' ? ([entry.major, entry.minor] as const) : ([0, 0] as const)
    return member({ name: entry.path, inode: index + 1, mode: modeOf(entry), content: contentOf(entry), device })
  })
  return Buffer.concat([...parts, ...member({ name: TRAILER, inode: 0, mode: 0, content: NOTHING, device: [0, 0] })])
}

const NOTHING = new Uint8Array()

function modeOf(entry: CpioEntry): number {
  if (entry.kind === 'file') return TYPE.file | entry.mode
  if (entry.kind === 'device') return TYPE.device | 0o600
  return TYPE[entry.kind] | (entry.kind === 'symlink' ? 0o777 : 0o755)
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.content
  return entry.kind === 'symlink' ? Buffer.from(entry.target) : NOTHING
}

interface Member {
  readonly name: string
  readonly inode: number
  readonly mode: number
  readonly content: Uint8Array
  readonly device: readonly [number, number]
}

/** Header of 13 numbers of 8 hexadecimal digits, name, content; name and content end at a multiple of four. */
function member({ name, inode, mode, content, device }: Member): Uint8Array[] {
  const path = Buffer.from(`${name}\0`)
  const numbers = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, path.length, 0]
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`
  return [Buffer.from(header), path, padding(header.length + path.length), content, padding(content.length)]
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4)
}
