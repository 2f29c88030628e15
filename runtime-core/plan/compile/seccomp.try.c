// SPDX-License-Identifier: Apache-2.0
//
// For seccomp.kernel.test.ts: loads a filter and tries system calls under it.
//
//   try FILTER FLAGS CALL…     CALL is NUMBER[,ARG…]; with a leading "i" it is made through the i386 gate (int 0x80)
//
// Prints a line a call: its result, "-ERRNO", or "signal N". Each call is made by a child of its own, which reports
// through shared memory: the filter may deny it every way of speaking.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
  volatile bool done;
  volatile long result;
};

static struct sock_filter program[4096];

static long call_i386(long number)
{
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
#else
  (void)number;
  return -ENOSYS;
#endif
}

static void child(const struct sock_fprog *prog, unsigned flags, const char *call, struct report *report)
{
  unsigned long long a[7] = {0};
  bool i386 = call[0] == 'i';
  char *rest = (char *)(i386 ? call + 1 : call);
  for (int i = 0; i < 7 && *rest; i++) {
    a[i] = strtoull(rest, &rest, 0);
    if (*rest == ',')
      rest++;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    _exit(100);
  if (prog->len > 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog) != 0) {
    report->result = -1000 - errno;
    report->done = true;
    _exit(101);
  }
  long result = i386 ? call_i386((long)a[0]) : syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  report->result = result == -1 && !i386 ? -errno : result;
  report->done = true;
  _exit(0);
}

int main(int argc, char **argv)
{
  if (argc < 3)
    return 2;
  FILE *file = fopen(argv[1], "r");
  if (file == NULL)
    return 2;
  struct sock_fprog prog = {.filter = program};
  prog.len = (unsigned short)fread(program, sizeof program[0], 4096, file);
  fclose(file);
  struct report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (report == MAP_FAILED)
    return 2;
  for (int i = 3; i < argc; i++) {
    int status;
    report->done = false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
      child(&prog, (unsigned)strtoul(argv[2], NULL, 0), argv[i], report);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
      return 2;
    if (report->done)
      printf("%ld\n", report->result);
    else if (WIFSIGNALED(status))
      printf("signal %d\n", WTERMSIG(status));
    else
      printf("exit %d\n", WEXITSTATUS(status));
  }
  return 0;
}
