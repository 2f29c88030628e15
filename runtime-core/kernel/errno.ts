// SPDX-License-Identifier: Apache-2.0

/**
 * Names of errno 1, 2, 3, … as x86-64 and arm64 share them (Linux, include/uapi/asm-generic/errno{-base,}.h).
 * `-` marks a number that means nothing. A table of our own, because os.constants.errno lacks two thirds of them.
 */
const NAMES = `
  EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST
  EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM
  ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG
  EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET
  ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG
  ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
  EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
  EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
  ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL
  EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD
  ENOTRECOVERABLE ERFKILL EHWPOISON
`
  .trim()
  .split(/\s+/)

/** Numbers a system call should never return, but some file systems and drivers let slip (include/linux/errno.h). */
const LEAKED: Readonly<Record<number, string>> = { 512: 'ERESTARTSYS', 515: 'ENOIOCTLCMD', 524: 'ENOTSUPP' }

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ...NAMES.flatMap((name, index): [string, number][] => (name === '-' ? [] : [[name, index + 1]])),
  ['EWOULDBLOCK', 11],
  ['EDEADLOCK', 35],
  ['ENOTSUP', 95],
])

/**
 * The symbolic name of an errno: 2 → `ENOENT`. A number without a name gives `E` and the number, so that an error
 * always says something that can be looked up.
 */
export function errnoName(n: number): string {
  const name = NAMES[n - 1]
  return name === undefined || name === '-' ? (LEAKED[n] ?? `E${n}`) : name
}

/**
 * The number of a symbolic name: `ENOENT` → 2.
 *
 * @throws RangeError for a name Linux does not have: names are written by us.
 */
export function errnoNumber(name: string): number {
  const number = NUMBERS.get(name)
  if (number === undefined) throw new RangeError(`${name} is no errno of Linux`)
  return number
}
