// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'

/**
 * System calls an unpacking process has no use for, by number on x86-64 and arm64 (Linux uapi, asm/unistd). Each could
 * reach beyond the layer: run something, join or make namespaces, touch other processes, the network or the kernel.
 */
const REFUSED: Readonly<Record<string, readonly [x64: number | undefined, arm64: number]>> = {
  socket: [41, 198],
  connect: [42, 203],
  bind: [49, 200],
  listen: [50, 201],
  accept: [43, 202],
  accept4: [288, 242],
  fork: [57, -1],
  vfork: [58, -1],
  execve: [59, 221],
  execveat: [322, 281],
  kill: [62, 129],
  tkill: [200, 130],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
  pidfd_send_signal: [424, 424],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  unshare: [272, 97],
  setns: [308, 268],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_by_handle_at: [304, 265],
  name_to_handle_at: [303, 264],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  // Not io_uring_enter: libuv made its ring at start and needs it. What a ring can do is bounded by the root
  // directory, the capabilities and the empty network namespace, which the process has from its start.
  io_uring_register: [427, 427],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  quotactl: [179, 60],
  acct: [163, 89],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  adjtimex: [159, 171],
  syslog: [103, 116],
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  iopl: [172, -1],
  ioperm: [173, -1],
}

const AUDIT_ARCH: Readonly<Record<string, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 }
const X32_BIT = 0x40000000

const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_GREATER_EQUAL = 0x35
const RETURN = 0x06
const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const REFUSE_EPERM = 0x00050000 | 1
const OFFSET_NUMBER = 0
const OFFSET_ARCH = 4

/**
 * The classic BPF program (seccomp(2)): another machine's calls kill, the refused ones answer EPERM, the rest pass.
 *
 * @param machine `process.arch`
 * @throws GantryError unimplemented
 */
export function assembleFilter(machine: string): Buffer {
  const arch = AUDIT_ARCH[machine]
  if (arch === undefined) {
    throw new GantryError('unimplemented', { action: 'assemble seccomp filter', subject: machine })
  }
  const column = machine === 'x64' ? 0 : 1
  const numbers = Object.values(REFUSED).flatMap((pair) => {
    const number = pair[column]
    return number === undefined || number < 0 ? [] : [number]
  })
  const program: Instruction[] = [
    [LOAD_WORD, 0, 0, OFFSET_ARCH],
    [JUMP_EQUAL, 1, 0, arch],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD_WORD, 0, 0, OFFSET_NUMBER],
  ]
  // x32 calls carry the same architecture and other numbers.
  if (machine === 'x64') program.push([JUMP_GREATER_EQUAL, 0, 1, X32_BIT], [RETURN, 0, 0, KILL_PROCESS])
  for (const number of numbers) program.push([JUMP_EQUAL, 0, 1, number], [RETURN, 0, 0, REFUSE_EPERM])
  program.push([RETURN, 0, 0, ALLOW])
  return encode(program)
}

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number]

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(([code, jumpTrue, jumpFalse, operand], index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(jumpTrue, index * 8 + 2)
    bytes.writeUInt8(jumpFalse, index * 8 + 3)
    bytes.writeUInt32LE(operand, index * 8 + 4)
  })
  return bytes
}
