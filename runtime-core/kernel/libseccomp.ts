// SPDX-License-Identifier: Apache-2.0

import { closeSync, fstatSync, readSync } from 'node:fs'
import koffi, { type LibraryHandle } from 'koffi'
import { GantryError } from '../errors.ts'
import { errnoName } from './errno.ts'

/** `SCMP_FLTATR_*` of seccomp.h (libseccomp 2.5): what can be set on a filter. */
export const SeccompAttribute = {
  badArchAction: 2,
  noNewPrivileges: 3,
  tsync: 4,
  log: 6,
  specAllow: 7,
  /** 1: a list, 2: a binary tree over the system call number. */
  optimize: 8,
} as const

export type SeccompAttributeName = keyof typeof SeccompAttribute

/** `SCMP_CMP_*` of seccomp.h. */
export type Comparison = 1 | 2 | 3 | 4 | 5 | 6 | 7

/** One condition on a system call's argument: `struct scmp_arg_cmp`. */
export interface ArgumentCondition {
  /** 0 to 5. */
  readonly index: number
  readonly operator: Comparison
  /** Unsigned 64 bit: the value, or the mask of a masked comparison. */
  readonly a: bigint
  /** Unsigned 64 bit: the value a masked argument must have. */
  readonly b: bigint
}

/** A filter under construction. Must be released, by `using` or `[Symbol.dispose]()`. */
export interface SeccompFilter extends Disposable {
  addArchitecture(token: number): void
  removeArchitecture(token: number): void
  setAttribute(name: SeccompAttributeName, value: number): void
  /**
   * Adds a rule; the conditions must all hold. `syscall` is a number of the machine's own architecture (or one of
   * libseccomp's negative pseudo numbers); libseccomp translates it to the filter's other architectures.
   */
  addRule(action: number, syscall: number, conditions: readonly ArgumentCondition[]): void
  /** The program: `struct sock_filter[]`, 8 bytes an instruction. */
  exportBpf(): Uint8Array
}

/** What Gantry uses of libseccomp. Every method is synchronous and must be called on the main thread (koffi). */
export interface Libseccomp {
  /** `2.5.4`. */
  readonly version: string
  /** What the running kernel can do, as libseccomp counts it (seccomp_api_get(3)). */
  readonly apiLevel: number
  /** AUDIT_ARCH token of this machine. */
  readonly nativeArchitecture: number
  /** The token of `x86_64`, `aarch64`, …; undefined when this libseccomp does not know the name. */
  architecture(name: string): number | undefined
  /** Number of a system call on an architecture; negative: a pseudo number, it does not exist there; undefined: unknown. */
  syscall(name: string, architecture?: number): number | undefined
  /** Begins a filter whose default action is `defaultAction` (`SCMP_ACT_*`). */
  createFilter(defaultAction: number): SeccompFilter
}

/** `__NR_SCMP_ERROR`; the pseudo numbers of calls that exist elsewhere are below it. */
const SYSCALL_UNKNOWN = -1

const CONDITION_BYTES = 24
/** A filter of 4096 instructions, the most the kernel takes, is 32 KiB; libseccomp may write more before that is noticed. */
const MAX_EXPORT_BYTES = 1024 * 1024

/**
 * Loads libseccomp. Takes 1 ms; callers do it at the first profile, for a node without profiles needs none.
 *
 * @throws GantryError failed_precondition, with a hint, when the library is not installed.
 */
export function loadLibseccomp(file = 'libseccomp.so.2'): Libseccomp {
  const calls = bind(open(file))
  const version = decodeVersion(calls.version())
  return {
    version,
    apiLevel: calls.apiGet(),
    nativeArchitecture: calls.archNative(),
    architecture: (name) => calls.archResolveName(name) || undefined,
    syscall: (name, architecture) => {
      const number = calls.syscallResolve(architecture ?? calls.archNative(), name)
      return number === SYSCALL_UNKNOWN ? undefined : number
    },
    createFilter: (defaultAction) => createFilter(calls, defaultAction),
  }
}

function open(file: string): LibraryHandle {
  try {
    return koffi.load(file)
  } catch (cause) {
    throw new GantryError('failed_precondition', {
      action: 'load library',
      subject: file,
      hint: 'install libseccomp 2.5 or newer (Debian, Ubuntu: libseccomp2; Fedora, SUSE: libseccomp)',
      cause,
    })
  }
}

type Calls = ReturnType<typeof bind>

function bind(library: LibraryHandle) {
  const libc = koffi.load(null)
  return {
    version: library.func('const uint32_t *seccomp_version(void)') as () => bigint,
    apiGet: library.func('unsigned int seccomp_api_get(void)') as () => number,
    archNative: library.func('uint32_t seccomp_arch_native(void)') as () => number,
    archResolveName: library.func('uint32_t seccomp_arch_resolve_name(const char *name)') as (name: string) => number,
    syscallResolve: library.func('int seccomp_syscall_resolve_name_arch(uint32_t arch, const char *name)') as (
      arch: number,
      name: string,
    ) => number,
    init: library.func('void *seccomp_init(uint32_t action)') as (action: number) => bigint | null,
    release: library.func('void seccomp_release(void *ctx)') as (ctx: bigint) => void,
    archAdd: library.func('int seccomp_arch_add(void *ctx, uint32_t arch)') as (ctx: bigint, arch: number) => number,
    archRemove: library.func('int seccomp_arch_remove(void *ctx, uint32_t arch)') as (
      ctx: bigint,
      arch: number,
    ) => number,
    attrSet: library.func('int seccomp_attr_set(void *ctx, int attr, uint32_t value)') as (
      ctx: bigint,
      attribute: number,
      value: number,
    ) => number,
    ruleAdd: library.func(
      'int seccomp_rule_add_array(void *ctx, uint32_t action, int syscall, unsigned int count, const void *conditions)',
    ) as (ctx: bigint, action: number, syscall: number, count: number, conditions: Uint8Array | null) => number,
    exportBpf: library.func('int seccomp_export_bpf(void *ctx, int fd)') as (ctx: bigint, fd: number) => number,
    memfdCreate: libc.func('int memfd_create(const char *name, unsigned int flags)') as (
      name: string,
      flags: number,
    ) => number,
  }
}

/** `struct scmp_version { unsigned int major, minor, micro; }` */
function decodeVersion(pointer: bigint): string {
  const parts: number[] = koffi.decode(pointer, 'uint32_t', 3)
  return Array.from(parts).join('.')
}

function createFilter(calls: Calls, defaultAction: number): SeccompFilter {
  const context = calls.init(defaultAction)
  if (context === null || context === 0n) {
    throw new GantryError('invalid_argument', {
      action: 'make seccomp filter',
      reason: `libseccomp refuses the default action 0x${defaultAction.toString(16)}`,
    })
  }
  let released = false
  return {
    addArchitecture: (token) =>
      check(calls.archAdd(context, token), 'add seccomp architecture', `0x${token.toString(16)}`, 'EEXIST'),
    removeArchitecture: (token) =>
      check(calls.archRemove(context, token), 'remove seccomp architecture', `0x${token.toString(16)}`),
    setAttribute: (name, value) =>
      check(calls.attrSet(context, SeccompAttribute[name], value), 'set seccomp attribute', name),
    addRule: (action, syscall, conditions) =>
      check(
        calls.ruleAdd(context, action, syscall, conditions.length, encodeConditions(conditions)),
        'add seccomp rule for system call',
        String(syscall),
      ),
    exportBpf: () => exportBpf(calls, context),
    [Symbol.dispose]: () => {
      if (!released) calls.release(context)
      released = true
    },
  }
}

/** libseccomp returns −errno. */
function check(result: number, action: string, subject: string, tolerated?: string): void {
  if (result >= 0) return
  const errno = errnoName(-result)
  if (errno === tolerated) return
  throw new GantryError(errno === 'ENOMEM' ? 'resource_exhausted' : 'invalid_argument', { action, subject, errno })
}

/** `struct scmp_arg_cmp { unsigned int arg; enum scmp_compare op; uint64_t datum_a, datum_b; }` */
function encodeConditions(conditions: readonly ArgumentCondition[]): Uint8Array | null {
  if (conditions.length === 0) return null
  const bytes = Buffer.alloc(conditions.length * CONDITION_BYTES)
  conditions.forEach(({ index, operator, a, b }, n) => {
    bytes.writeUInt32LE(index, n * CONDITION_BYTES)
    bytes.writeUInt32LE(operator, n * CONDITION_BYTES + 4)
    bytes.writeBigUInt64LE(a, n * CONDITION_BYTES + 8)
    bytes.writeBigUInt64LE(b, n * CONDITION_BYTES + 16)
  })
  return bytes
}

/** Through a memfd, because libseccomp before 2.6 exports to a descriptor only, and a memfd touches no disk. */
function exportBpf(calls: Calls, context: bigint): Uint8Array {
  const MFD_CLOEXEC = 1
  const fd = calls.memfdCreate('seccomp', MFD_CLOEXEC)
  if (fd < 0) throw new GantryError('internal', { action: 'memfd_create "seccomp"', errno: errnoName(koffi.errno()) })
  try {
    check(calls.exportBpf(context, fd), 'export seccomp filter', 'bpf')
    const size = fstatSync(fd).size
    if (size > MAX_EXPORT_BYTES) {
      throw new GantryError('invalid_argument', {
        action: 'export seccomp filter',
        reason: `${size} bytes is too large`,
      })
    }
    const bytes = new Uint8Array(size)
    const read = readSync(fd, bytes, 0, size, 0)
    if (read !== size)
      throw new GantryError('internal', { action: 'export seccomp filter', reason: `read ${read} of ${size} bytes` })
    return bytes
  } finally {
    closeSync(fd)
  }
}
