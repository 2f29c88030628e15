// SPDX-License-Identifier: Apache-2.0
import { data, num, type Operand, type OpSpec, oslot, ostr, slot, str, strv, type Value } from './operands.ts'

export type { NumberFormat, Operand, OperandKind, OpSpec } from './operands.ts'
export { ABSENT, type SentSlot, SLOT_COUNT, SLOTS, WORDS_PER_OP } from './wire-slots.ts'

/**
 * The one table of launch-plan operations. The assembler, the disassembler, `gantry explain`, the C header and the
 * documentation are derived from it (keeper/ops.gen.h is written by keeper/generate.ts).
 *
 * One operation is one C function of at most a screen (keeper/interpret_*.c), in effect one system call. A plan has no
 * conditionals: TypeScript decides, C obeys. The only latitude is `tolerate`: up to two errnos per operation that
 * count as success.
 */
export const OPS = {
  open: {
    code: 1,
    operands: [slot('into'), str('path'), num('flags', 'openflags'), num('mode', 'oct')],
    about: 'open a path of the current mount namespace',
  },
  open_in: {
    code: 2,
    operands: [slot('into'), slot('root'), str('path'), num('flags', 'openflags')],
    about:
      'open a path that an image or a pod controls: openat2 with RESOLVE_IN_ROOT, so no symlink leads out of the root',
  },
  close: { code: 3, operands: [slot('fd')], about: 'close a slot' },
  dup_to: {
    code: 4,
    operands: [slot('fd'), num('number')],
    about:
      'put a slot on a fixed descriptor number (0, 1, 2); after all mounts, because paths no longer need the old ones',
  },
  close_from: {
    code: 5,
    operands: [num('first')],
    about:
      'close every descriptor from `first`: none of the host crosses the exec, and none can be a path of what follows, the working directory and the program (CVE-2024-21626)',
  },
  setns: {
    code: 6,
    operands: [slot('ns'), num('types', 'cloneflags')],
    about:
      'join a namespace by descriptor or, with a pidfd, several at once; before the mounts that depend on them (sysfs, mqueue, proc)',
  },
  unshare: {
    code: 7,
    operands: [num('flags', 'cloneflags')],
    about: 'make namespaces that clone3 could not, such as the cgroup namespace after joining the cgroup',
  },
  mount: {
    code: 8,
    operands: [ostr('source'), str('target'), ostr('type'), num('flags', 'msflags'), ostr('data')],
    about: 'mount(2): propagation changes, and file systems whose options fsconfig cannot carry on old kernels',
  },
  umount: { code: 9, operands: [str('target'), num('flags')], about: 'umount2(2)' },
  fsopen: { code: 10, operands: [slot('into'), str('type')], about: 'begin a file system: fsopen(2)' },
  fsconfig_string: {
    code: 11,
    operands: [slot('fs'), str('key'), str('value')],
    about: 'one option of a file system being made',
  },
  fsconfig_flag: { code: 12, operands: [slot('fs'), str('key')], about: 'one option without a value' },
  fsmount: {
    code: 13,
    operands: [slot('into'), slot('fs'), num('attributes', 'attr')],
    about: 'create the file system and a detached mount of it; closes the context',
  },
  open_tree: {
    code: 14,
    operands: [slot('into'), oslot('dir'), str('path'), num('flags', 'hex')],
    about:
      'clone a mount (a bind that is attached nowhere yet), or take a reference to one; sources are cloned before the tree is made slave, so that they keep their peer group',
  },
  mount_setattr: {
    code: 15,
    operands: [
      slot('mount'),
      num('flags', 'hex'),
      num('set', 'attr'),
      num('clear', 'attr'),
      num('propagation', 'propagation'),
    ],
    about:
      'read-only, nosuid, … and propagation, on the whole tree where asked; while still detached, so it is never visible without them',
  },
  move_mount: {
    code: 16,
    operands: [slot('mount'), slot('target')],
    about: 'attach a detached mount to an opened directory or file',
  },
  make_target: {
    code: 17,
    operands: [slot('into'), slot('root'), str('path'), oslot('like'), num('uid'), num('gid')],
    about:
      'make the mount point inside the root (a directory, or a file if `like` is not a directory) and open it, every component by RESOLVE_IN_ROOT',
  },
  mkdir_host: {
    code: 18,
    operands: [str('path'), num('mode', 'oct')],
    about: 'mkdir -p on the host: a missing hostPath source (peers create it), a cgroup',
  },
  mkdir_in: {
    code: 19,
    operands: [slot('root'), str('path'), num('mode', 'oct'), num('uid'), num('gid')],
    about: 'mkdir -p inside the root; what exists is left as it is',
  },
  mknod_in: {
    code: 20,
    operands: [slot('root'), str('path'), num('mode', 'oct'), num('device', 'dev'), num('uid'), num('gid')],
    about: 'a device node or fifo, its mode and owner set regardless of umask; what exists must be the same device',
  },
  symlink_in: {
    code: 21,
    operands: [slot('root'), str('to'), str('path')],
    about: 'a symbolic link inside the root; an existing one stays',
  },
  write_file: {
    code: 22,
    operands: [oslot('dir'), str('path'), data('text')],
    about: 'one write to an existing file: cgroup limits, id maps, /proc/self settings',
  },
  copy_file: {
    code: 23,
    operands: [str('from'), str('to')],
    about: 'copy a small file to one that is still empty: cpuset values a v1 child does not inherit',
  },
  mask_path: {
    code: 24,
    operands: [slot('root'), str('path'), slot('null'), slot('empty')],
    about:
      'cover a path: a file with a clone of `null`, a directory with a clone of the empty read-only tmpfs; a missing path is fine (config-linux §masked paths)',
  },
  readonly_path: {
    code: 25,
    operands: [slot('root'), str('path')],
    about: 'bind a path onto itself read-only, recursively; a missing path is fine (config-linux §readonly paths)',
  },
  chdir: { code: 26, operands: [str('path')], about: 'the working directory; after pivot_root it is the container’s' },
  fchdir: { code: 27, operands: [slot('dir')], about: 'step into an opened directory, before pivot_root(".", ".")' },
  pivot_root: {
    code: 28,
    operands: [str('new'), str('old')],
    about: 'make the new root the root; after all mounts, for their sources are paths of the old one',
  },
  set_hostname: { code: 29, operands: [str('name')], about: 'sethostname in the new UTS namespace' },
  set_domainname: { code: 30, operands: [str('name')], about: 'setdomainname in the new UTS namespace' },
  set_rlimit: {
    code: 31,
    operands: [num('resource', 'rlimit'), num('soft'), num('hard')],
    about: 'setrlimit; before setuid, because raising needs CAP_SYS_RESOURCE',
  },
  prctl: { code: 32, operands: [num('option', 'prctl'), num('a'), num('b'), num('c'), num('d')], about: 'prctl(2)' },
  drop_bounding: {
    code: 33,
    operands: [num('keep', 'hex')],
    about: 'drop all capabilities but `keep` from the bounding set; needs CAP_SETPCAP, hence before capset',
  },
  capset: {
    code: 34,
    operands: [num('effective', 'hex'), num('permitted', 'hex'), num('inheritable', 'hex')],
    about: 'the process’s capability sets; after setuid, which would clear them',
  },
  raise_ambient: {
    code: 35,
    operands: [num('mask', 'hex')],
    about: 'ambient capabilities; after capset, they must be permitted and inheritable',
  },
  set_groups: {
    code: 36,
    operands: [data('gids')],
    about: 'supplementary groups, 32 bit each; before setuid, needs CAP_SETGID',
  },
  set_gid: { code: 37, operands: [num('gid')], about: 'real, effective and saved group' },
  set_uid: {
    code: 38,
    operands: [num('uid')],
    about: 'real, effective and saved user; with PR_SET_KEEPCAPS before it so that capset can follow',
  },
  umask: { code: 39, operands: [num('mask', 'oct')], about: 'the file mode creation mask' },
  seccomp: {
    code: 40,
    operands: [data('filter'), num('flags', 'hex')],
    about:
      'load the system call filter: last with no_new_privs, else before capabilities are dropped, for it then needs CAP_SYS_ADMIN',
  },
  setsid: { code: 41, operands: [], about: 'a session of its own' },
  set_terminal: { code: 42, operands: [num('fd')], about: 'make the pty the controlling terminal; after setsid' },
  open_pty: {
    code: 43,
    operands: [slot('master'), slot('slave'), str('ptmx'), num('rows'), num('columns')],
    about: 'a pty of the container’s own devpts, so that its name is valid inside',
  },
  send_fd: {
    code: 44,
    operands: [slot('fd'), num('as')],
    about: 'hand a descriptor to the keeper: a pod namespace, the pty master',
  },
  sync_parent: {
    code: 45,
    operands: [],
    about: 'wait until the keeper has run the plan’s parent section (id maps of a new user namespace)',
  },
  loopback_up: { code: 46, operands: [], about: 'set lo up in the current network namespace' },
  reset_signals: {
    code: 47,
    operands: [],
    about:
      'default dispositions and an empty mask, for the keeper blocks all; late, but before a filter that may know nothing but the execve',
  },
  attach_device_program: {
    code: 48,
    operands: [slot('cgroup'), data('program')],
    about: 'load an eBPF device filter and attach it to a v2 cgroup, before any process is in it',
  },
  require_directory: {
    code: 49,
    operands: [str('path')],
    about: 'fail with ENOTDIR or ENOENT, named, where a directory is needed',
  },
  execve: {
    code: 50,
    operands: [strv('candidates'), strv('argv'), strv('envp')],
    about: 'become the program: each candidate path is tried in order; the first that is not missing decides',
  },
  pod_init: { code: 51, operands: [], about: 'become the tiny init of a shared PID namespace: reap for ever' },
  mkfifo_wait: { code: 52, operands: [str('path')], about: 'wait until somebody opens the fifo (OCI create/start)' },
  chown_slot: {
    code: 53,
    operands: [slot('fd'), num('uid'), num('gid')],
    about: 'give a descriptor’s file to the user: stdio pipes of a non-root process (/dev/stdout can then be reopened)',
  },
  copy_tree_in: {
    code: 54,
    operands: [slot('root'), str('path'), slot('into')],
    about: 'copy the directory of the root into an opened directory with owners and modes: image volumes, tmpcopyup',
  },
  chmod_in: {
    code: 55,
    operands: [slot('root'), str('path'), num('mode', 'oct')],
    about: 'mode of a path of the root',
  },
  idmap_mount: {
    code: 57,
    operands: [slot('mount'), slot('user'), num('flags', 'hex')],
    about:
      'show a detached mount through the ids of a user namespace (MOUNT_ATTR_IDMAP); before it is attached, for afterwards it cannot be',
  },
  chroot: {
    code: 59,
    operands: [str('path')],
    about:
      'the root directory: joining a mount namespace has set it to that namespace’s, which may be more than was ours',
  },
  relay_tcp: {
    code: 58,
    operands: [num('port')],
    about:
      'connect to a port of the loopback and carry bytes between it and stdin and stdout, each direction to its own end; the last of a plan, it never returns',
  },
  make_user_namespace: {
    code: 100,
    operands: [slot('into'), data('uid_map'), data('gid_map')],
    about:
      'a user namespace with these maps, by a short-lived child: nothing is ever in it, an id-mapped mount looks through it. Before the clone, where /proc shows the child',
  },
  open_plain_in: {
    code: 101,
    operands: [slot('into'), slot('root'), str('path'), num('flags', 'openflags')],
    about:
      'open a path of the root that has no symbolic link in it: where proc and sysfs are mounted, their files are written and masked by name (CVE-2019-19921)',
  },
  require_procfs: {
    code: 102,
    operands: [slot('fd')],
    about: 'fail with EPERM unless it is the top of a procfs: what may cover /proc',
  },
  refuse_procfs: {
    code: 103,
    operands: [slot('fd')],
    about:
      'fail with EPERM where a mount would cover a part of a procfs, by whatever links its destination led there (CVE-2019-16884)',
  },
  remount_in: {
    code: 104,
    operands: [slot('root'), str('path'), num('flags', 'msflags'), ostr('data')],
    about: 'change flags and options of what is mounted at a path of the root; after that mount was made',
  },
  sched_setattr: {
    code: 105,
    operands: [data('attr')],
    about:
      'scheduling policy, a struct sched_attr; after the cgroup is joined, which may refuse it, and with the host’s privileges',
  },
  sched_setaffinity: {
    code: 106,
    operands: [data('mask')],
    about: 'the processors to run on: before the cgroup is joined (exec: `initial`), and after (`final`)',
  },
  ioprio_set: { code: 107, operands: [num('priority', 'hex')], about: 'I/O class and priority' },
  set_mempolicy: {
    code: 108,
    operands: [num('mode', 'hex'), data('nodes')],
    about: 'where memory comes from, kept through the exec; after the cgroup is joined, whose cpuset limits the nodes',
  },
  seccomp_courier: {
    code: 112,
    operands: [slot('child'), str('socket'), data('message')],
    about:
      'parent: connect to a seccomp listener, and leave a process behind that hands the filter’s descriptor over once the child has loaded it; a zero byte in the message stands for the pid',
  },
  seccomp_notify: {
    code: 113,
    operands: [data('filter'), num('flags', 'hex')],
    about:
      'load a filter that asks a listener, and go on when that has it: from here on any system call may be the listener’s to answer, the execve too',
  },
  open_netlink: {
    code: 114,
    operands: [slot('into')],
    about:
      'a netlink socket of the present network namespace: before the clone, so that the child still reaches the host’s',
  },
  move_netdev: {
    code: 115,
    operands: [slot('host'), str('name'), str('as')],
    about:
      'take an interface of the host into the present network namespace, with its global permanent addresses, under a new name, and set it up; before the user namespace, which has no say over the host’s',
  },
  refuse_same: {
    code: 111,
    operands: [slot('fd'), str('path')],
    about: 'fail with EPERM where both are one file: a namespace to be joined and changed that is the host’s own',
  },
  write_first: {
    code: 110,
    operands: [str('path'), data('text'), str('else_path'), data('else_text')],
    about: 'one write to the first of two files that is there: a weight of the I/O scheduler in use',
  },
  personality: { code: 109, operands: [num('persona', 'hex')], about: 'execution domain: what uname says' },
  open_process: {
    code: 80,
    operands: [slot('into'), num('pid'), num('started')],
    about:
      'a pidfd of a process that is not the interpreter’s child; `started` is its start time of /proc/<pid>/stat, so that it is no other that got the number since',
  },
  make_namespaces: {
    code: 81,
    operands: [num('flags', 'cloneflags'), data('uid_map'), data('gid_map')],
    about:
      'a new user namespace with its id maps, and network, IPC and UTS namespaces that it owns, into the pod’s slots: mounts and the child need them before there is a child',
  },
  resume_child: {
    code: 82,
    operands: [],
    about: 'parent: end of what is done at one `sync_parent`; the child goes on, the next one gets what follows',
  },
  leave_child: {
    code: 83,
    operands: [],
    about: 'parent: the child goes on by itself and waits at its gate (OCI create): nobody looks after it from here on',
  },
  await_exec: { code: 84, operands: [], about: 'parent: what follows is done once the program runs (poststart hooks)' },
  await_exit: {
    code: 85,
    operands: [],
    about: 'parent: stay until the program ends, hand signals and terminal on; what follows cleans up after it',
  },
  hand_on_sync: {
    code: 120,
    operands: [num('number')],
    about: 'put the socket to the parent on a descriptor that stays open at the exec: CRIU is asked there (criu swrk)',
  },
  await_restore: {
    code: 121,
    operands: [slot('images'), slot('work'), data('request')],
    about:
      'parent: the child becomes CRIU; send it the request, and be the parent of what it restores. What follows is done when the namespaces are there, and after a `resume_child` when the process is there and still stands',
  },
  write_pid_file: {
    code: 86,
    operands: [str('path')],
    about: 'the child’s pid, by a temporary file and rename, so that nobody reads half of it',
  },
  record_process: {
    code: 87,
    operands: [str('path')],
    about: 'pid and start time of the child, by a temporary file and rename: the record by which it is found again',
  },
  send_to_socket: {
    code: 88,
    operands: [slot('fd'), str('socket'), str('name')],
    about: 'hand a descriptor to whoever listens on a unix socket: the pty master, a pidfd',
  },
  run_hook: {
    code: 89,
    operands: [str('path'), strv('argv'), strv('envp'), num('timeout_ms'), data('state')],
    about:
      'run a program of the bundle to its end, here and in these namespaces, with the container’s state on its standard input; a zero byte in `state` stands for the pid (config.md §hooks)',
  },
  close_others: {
    code: 90,
    operands: [num('first'), oslot('kept'), oslot('also')],
    about: 'as close_from, but for two slots that close at the exec by themselves',
  },
  await_start: {
    code: 91,
    operands: [slot('gate'), slot('answer')],
    about:
      'wait until somebody writes a byte to the gate (OCI create/start); what fails from here on is told through `answer`, whose end says that the program runs',
  },
  own_stdio: {
    code: 92,
    operands: [num('fd'), num('uid')],
    about:
      'give an inherited stream to the user, so that /dev/stdout can be opened again; /dev/null and what cannot be given is left as it is',
  },
  require_program: {
    code: 93,
    operands: [strv('candidates')],
    about: 'fail as execve would where no candidate is a program: at create, before anybody waits for the start',
  },
  unlink_host: {
    code: 94,
    operands: [str('path')],
    about: 'remove a file of the runtime’s own; a missing one is fine',
  },
  rmdir_host: {
    code: 95,
    operands: [str('path')],
    about:
      'remove an empty directory: a cgroup after its last process, the state of a container; a missing one is fine',
  },
  end_holder: {
    code: 130,
    operands: [num('pid')],
    about:
      'parent: end the process that kept a unit of systemd open until the child was in it, and wait for its end: it counts in the cgroup until then',
  },
  join_keyring: {
    code: 97,
    operands: [str('name')],
    about: 'a session keyring of the container’s own, or what is in the caller’s would be the container’s too',
  },
  make_fifo: { code: 96, operands: [str('path'), num('mode', 'oct')], about: 'a named pipe of the runtime’s own' },
} as const satisfies Record<string, OpSpec>

export type OpName = keyof typeof OPS

/** The arguments of an operation, by the operands' kinds. */
export type OpArguments<N extends OpName> = ArgumentsOf<(typeof OPS)[N]['operands']>

type ArgumentsOf<T extends readonly Operand[]> = { -readonly [I in keyof T]: Value<T[I]['kind']> }

/** One operation of a plan: frozen, self-contained, printable in one line. */
export interface Op {
  readonly name: OpName
  readonly args: readonly (string | number | bigint | Uint8Array | undefined | readonly (string | Uint8Array)[])[]
  /** Up to two errno numbers that count as success. */
  readonly tolerate: readonly number[]
  /** What the operation is part of, for errors: `mount "/data"`. Not on the wire. */
  readonly purpose?: string
}

/**
 * Makes an operation.
 *
 * @example
 * op('mkdir_host', '/sys/fs/cgroup/pod', 0o755)
 */
export function op<N extends OpName>(name: N, ...args: OpArguments<N>): Op {
  return Object.freeze({ name, args: Object.freeze(args) as Op['args'], tolerate: [] })
}

/** The same operation, with errnos that count as success (at most two). */
export function tolerating(operation: Op, ...errnos: readonly number[]): Op {
  if (operation.tolerate.length + errnos.length > 2) throw new RangeError(`an operation tolerates at most two errnos`)
  return Object.freeze({ ...operation, tolerate: [...operation.tolerate, ...errnos] })
}

/** The same operations, said to serve a purpose that an error should name. */
export function forPurpose(purpose: string, operations: readonly Op[]): Op[] {
  return operations.map((operation) => Object.freeze({ ...operation, purpose }))
}

/** A launch plan: what the keeper runs before it clones, on `sync_parent`, and what the child runs. */
export interface Plan {
  readonly cloneFlags: bigint
  readonly prepare: readonly Op[]
  readonly parent: readonly Op[]
  readonly child: readonly Op[]
}
