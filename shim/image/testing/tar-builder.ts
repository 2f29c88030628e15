// SPDX-License-Identifier: Apache-2.0

/** A member to write, hostile ones too: nothing is checked. */
export interface Member {
  readonly name: string
  readonly type?: string
  readonly data?: Buffer | string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: number
  readonly linkName?: string
  readonly major?: number
  readonly minor?: number
  /** Records of an extended header before the member. */
  readonly pax?: Readonly<Record<string, string>>
  /** Stated size, where it shall differ from the data's. */
  readonly size?: number
}

const BLOCK = 512

/** A tar archive of the members. */
export function buildTar(members: readonly Member[]): Buffer {
  return Buffer.concat([...members.flatMap(buildMember), Buffer.alloc(2 * BLOCK)])
}

/** The blocks of one member, its extended header first. */
export function buildMember(member: Member): Buffer[] {
  const blocks: Buffer[] = []
  if (member.pax !== undefined) {
    const records = Object.entries(member.pax).map(([key, value]) => paxRecord(key, value))
    blocks.push(...buildMember({ name: 'PaxHeaders/x', type: 'x', data: Buffer.concat(records) }))
  }
  const data = Buffer.from(member.data ?? '')
  blocks.push(buildHeader({ ...member, size: member.size ?? data.length }), pad(data))
  return blocks
}

/** One header block with a right checksum. */
export function buildHeader(member: Member): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(member.name, 0, 100, 'latin1')
  octal(block, 100, 8, member.mode ?? (member.type === '5' ? 0o755 : 0o644))
  octal(block, 108, 8, member.uid ?? 0)
  octal(block, 116, 8, member.gid ?? 0)
  octal(block, 124, 12, member.size ?? 0)
  octal(block, 136, 12, member.mtime ?? 1_000_000_000)
  block.write(member.type ?? '0', 156, 1, 'latin1')
  block.write(member.linkName ?? '', 157, 100, 'latin1')
  block.write('ustar\x0000', 257, 8, 'latin1')
  octal(block, 329, 8, member.major ?? 0)
  octal(block, 337, 8, member.minor ?? 0)
  return sealHeader(block)
}

/** Puts the right checksum into a header. */
export function sealHeader(block: Buffer): Buffer {
  block.fill(0x20, 148, 156)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1')
  return block
}

/** `<length> <key>=<value>\n`, the length counting itself. */
export function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`, 'latin1')
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function octal(block: Buffer, at: number, width: number, value: number): void {
  block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, width, 'latin1')
}

function pad(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)])
}
