// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi'
import { GantryError } from '../errors.ts'
import { errnoName } from './errno.ts'

const lib = koffi.load('libc.so.6')

const memfd_create = lib.func('int memfd_create(const char *name, unsigned int flags)')
const socketpair = lib.func('int socketpair(int domain, int type, int protocol, void *ends)')
const socket = lib.func('int socket(int domain, int type, int protocol)')
const sendto = lib.func('long sendto(int fd, void *bytes, size_t length, int flags, void *address, uint32_t size)')
const fcntl = lib.func('int fcntl(int fd, int command, int argument)')

const MFD_CLOEXEC = 0x1
const MFD_ALLOW_SEALING = 0x2
/** Linux 6.3: asks for an executable memfd where `vm.memfd_noexec` is 1. Older kernels answer EINVAL. */
const MFD_EXEC = 0x10
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const MSG_NOSIGNAL = 0x4000
/** sizeof(sun_path), unix(7) */
const MAX_UNIX_PATH = 108
const SOCK_CLOEXEC = 0o2000000
const F_ADD_SEALS = 1033
/** SEAL, SHRINK, GROW, WRITE. */
const ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8

/** The error of the system call that just returned −1, as a GantryError. */
export function systemError(action: string, subject?: string): GantryError {
  return new GantryError('internal', {
    action,
    ...(subject === undefined ? {} : { subject }),
    errno: errnoName(koffi.errno()),
  })
}

/**
 * An anonymous executable file that nobody can change once {@link sealMemfd} ran (memfd_create(2)).
 * The caller closes the descriptor.
 */
export function createMemfd(name: string): number {
  let fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC) as number
  if (fd < 0 && koffi.errno() === koffi.os.errno['EINVAL']) {
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) as number
  }
  if (fd < 0) throw systemError('create memfd', name)
  return fd
}

/** Forbids every further change of a memfd, also to root. */
export function sealMemfd(fd: number): void {
  if ((fcntl(fd, F_ADD_SEALS, ALL_SEALS) as number) < 0) throw systemError('seal memfd')
}

/** Two stream sockets that are connected to each other (socketpair(2)). The caller closes both. */
export function createSocketPair(): [number, number] {
  const ends = Buffer.alloc(8)
  if ((socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) as number) < 0) throw systemError('make socket pair')
  return [ends.readInt32LE(0), ends.readInt32LE(4)]
}

/** A socket for {@link sendDatagram}. The caller closes it. */
export function createDatagramSocket(): number {
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) as number
  if (fd < 0) throw systemError('make socket')
  return fd
}

/**
 * Sends one datagram to a unix socket, without waiting for room.
 *
 * @param path of the socket; `@name` is one of the abstract namespace (unix(7))
 */
export function sendDatagram(fd: number, path: string, text: string): void {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path)
  if (name.length >= MAX_UNIX_PATH) {
    throw new GantryError('invalid_argument', { action: 'send datagram to', subject: path, errno: 'ENAMETOOLONG' })
  }
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name, Buffer.from(path.startsWith('@') ? [] : [0])])
  const bytes = Buffer.from(text)
  const sent = sendto(fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length) as number
  if (sent < 0) throw systemError('send datagram to', path)
}
