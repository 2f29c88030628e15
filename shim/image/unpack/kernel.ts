// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi'
import { GantryError } from '../../../runtime-core/errors.ts'
import { errnoName } from '../../../runtime-core/kernel/errno.ts'

/**
 * The system calls unpacking needs and Node does not have. Loaded in the unpacking child only, on its main thread.
 * Paths are Node strings (ASCII) or byte strings converted by `cPath`.
 */
export interface Kernel {
  mount(source: string, target: string, type: string, flags: bigint): void
  unmountDetached(target: string): void
  pivotRoot(newRoot: string, putOld: string): void
  mknod(path: Path, mode: number, major: number, minor: number): void
  setXattr(path: Path, name: string, value: Buffer): void
  /** Access and modification time of the path itself, never of what a link points to. */
  setTimes(path: Path, seconds: number, nanoseconds: number): void
  setTimesOfFd(fd: number, seconds: number, nanoseconds: number): void
  /** Applies a seccomp filter to every thread of this process, with no_new_privs. */
  installFilter(program: Buffer): void
}

/** An ASCII string, or bytes where the name has others. */
export type Path = string | Buffer

export const MS_NOSUID = 2n
export const MS_NODEV = 4n
export const MS_NOEXEC = 8n
export const MS_REMOUNT = 32n
export const MS_BIND = 4096n
export const MS_REC = 16384n
export const MS_PRIVATE = 1n << 18n

const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
const MNT_DETACH = 2
const PR_SET_NO_NEW_PRIVS = 38
const SECCOMP_SET_MODE_FILTER = 1
const SECCOMP_FILTER_FLAG_TSYNC = 1
const SYS_SECCOMP: Readonly<Record<string, number>> = { x64: 317, arm64: 277 }

/** Bind the calls. `machine` is `process.arch`. @throws GantryError unimplemented on a machine it does not know */
export function openKernel(machine: string): Kernel {
  const libc = koffi.load(null)
  const mount = libc.func('int mount(const char *, const char *, const char *, uint64_t, void *)')
  const umount2 = libc.func('int umount2(const char *, int)')
  const pivotRoot = libc.func('int pivot_root(const char *, const char *)')
  const mknod = libc.func('int mknod(const char *, uint32_t, uint64_t)')
  const mknodBytes = libc.func('mknod', 'int', ['void *', 'uint32_t', 'uint64_t'])
  const lsetxattr = libc.func('int lsetxattr(const char *, const char *, void *, size_t, int)')
  const lsetxattrBytes = libc.func('lsetxattr', 'int', ['void *', 'void *', 'void *', 'size_t', 'int'])
  const utimensat = libc.func('int utimensat(int, const char *, void *, int)')
  const utimensatBytes = libc.func('utimensat', 'int', ['int', 'void *', 'void *', 'int'])
  const futimens = libc.func('int futimens(int, void *)')
  const prctl = libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)')
  const syscall = libc.func('long syscall(long, unsigned long, unsigned long, void *)')
  const times = new BigInt64Array(4)

  return {
    mount: (source, target, type, flags) => check(mount(source, target, type, flags, null), 'mount', target),
    unmountDetached: (target) => check(umount2(target, MNT_DETACH), 'umount', target),
    pivotRoot: (newRoot, putOld) => check(pivotRoot(newRoot, putOld), 'pivot_root', newRoot),
    mknod: (path, mode, major, minor) => {
      const device = deviceNumber(major, minor)
      const result = typeof path === 'string' ? mknod(path, mode, device) : mknodBytes(cString(path), mode, device)
      check(result, 'mknod', path)
    },
    setXattr: (path, name, value) => {
      const result =
        typeof path === 'string' && isAscii(name)
          ? lsetxattr(path, name, value, value.length, 0)
          : lsetxattrBytes(cString(path), cString(Buffer.from(name, 'latin1')), value, value.length, 0)
      check(result, `setxattr ${name} on`, path)
    },
    setTimes: (path, seconds, nanoseconds) => {
      fill(times, seconds, nanoseconds)
      const result =
        typeof path === 'string'
          ? utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW)
          : utimensatBytes(AT_FDCWD, cString(path), times, AT_SYMLINK_NOFOLLOW)
      check(result, 'set times of', path)
    },
    setTimesOfFd: (fd, seconds, nanoseconds) => {
      fill(times, seconds, nanoseconds)
      check(futimens(fd, times), 'set times of', `fd ${fd}`)
    },
    installFilter: (program) => {
      const number = SYS_SECCOMP[machine]
      if (number === undefined) {
        throw new GantryError('unimplemented', { action: 'confine', subject: machine, reason: 'unknown machine' })
      }
      check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'set', 'no_new_privs')
      // struct sock_fprog: unsigned short len, six bytes of padding, a pointer.
      const header = Buffer.alloc(16)
      header.writeUInt16LE(program.length / 8, 0)
      header.writeBigUInt64LE(BigInt(koffi.address(program)), 8)
      check(syscall(number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, header), 'install', 'seccomp filter')
    },
  }
}

/** Reads overlayfs's mark of a directory that hides all lower ones. For the daemon: local files, no waiting. */
export function openOpaqueReader(): (directory: Buffer) => boolean {
  const lgetxattr = koffi.load(null).func('int64_t lgetxattr(void *, const char *, void *, size_t)')
  const value = Buffer.alloc(2)
  return (directory) => {
    const length = Number(lgetxattr(cString(directory), 'trusted.overlay.opaque', value, value.length))
    return length === 1 && value[0] === 0x79
  }
}

/** A byte string as the path type: ASCII stays a string, which is the quick way. */
export function cPath(bytes: string): Path {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1')
}

function check(result: number | bigint, action: string, subject: Path): void {
  if (Number(result) === 0) return
  const errno = errnoName(koffi.errno())
  const text = typeof subject === 'string' ? subject : subject.toString('utf8')
  throw new GantryError(errno === 'ENOSPC' || errno === 'EDQUOT' ? 'resource_exhausted' : 'internal', {
    action,
    subject: text,
    errno,
  })
}

function fill(times: BigInt64Array, seconds: number, nanoseconds: number): void {
  times[0] = times[2] = BigInt(seconds)
  times[1] = times[3] = BigInt(nanoseconds)
}

// glibc's gnu_dev_makedev: the kernel's own 32-bit encoding widened.
function deviceNumber(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)]
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn)
}

function cString(path: Path): Buffer {
  return Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, Buffer.of(0)])
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
