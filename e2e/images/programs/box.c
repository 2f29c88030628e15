// SPDX-License-Identifier: Apache-2.0
//
// A handful of commands in one static program, for machines that have no busybox to put into an image.
// The command is the name it is called by: cat echo false hostname id ls sleep tick true.
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int complain(const char *command, const char *subject) {
  fprintf(stderr, "%s: %s: %s\n", command, subject, strerror(errno));
  return 1;
}

static int cat(int count, char **args) {
  char buffer[4096];
  for (int i = 1; i < count; i++) {
    FILE *file = fopen(args[i], "r");
    if (!file) return complain("cat", args[i]);
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
      if (fwrite(buffer, 1, got, stdout) != got) break;
    fclose(file);
  }
  return ferror(stdout) != 0;
}

static int echo(int count, char **args) {
  for (int i = 1; i < count; i++) printf("%s%s", i > 1 ? " " : "", args[i]);
  return putchar('\n') == EOF;
}

static int hostname(int count, char **args) {
  (void)count, (void)args;
  char name[256] = "";
  if (gethostname(name, sizeof name - 1)) return complain("hostname", "gethostname");
  return puts(name) == EOF;
}

static int id(int count, char **args) {
  (void)count, (void)args;
  return printf("uid=%u gid=%u\n", (unsigned)getuid(), (unsigned)getgid()) < 0;
}

static int ls(int count, char **args) {
  const char *path = count > 1 ? args[1] : ".";
  DIR *directory = opendir(path);
  if (!directory) return complain("ls", path);
  for (struct dirent *entry; (entry = readdir(directory));)
    if (entry->d_name[0] != '.') puts(entry->d_name);
  closedir(directory);
  return 0;
}

static int sleep_for(int count, char **args) {
  if (count < 2) return 1;
  if (strcmp(args[1], "infinity") == 0)
    for (;;) pause();
  for (unsigned left = (unsigned)strtoul(args[1], NULL, 10); left > 0;) left = sleep(left);
  return 0;
}

// tick TEXT: numbers lines for ever, one a second.
static int tick(int count, char **args) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (unsigned long number = 1;; number++) {
    if (printf("%s %lu\n", count > 1 ? args[1] : "tick", number) < 0) return 1;
    sleep(1);
  }
}

static int yes(int count, char **args) {
  (void)count, (void)args;
  return 0;
}

static int no(int count, char **args) {
  (void)count, (void)args;
  return 1;
}

static void leave(int number) { _exit(128 + number); }

int main(int count, char **args) {
  static const struct {
    const char *name;
    int (*run)(int, char **);
  } commands[] = {{"cat", cat}, {"echo", echo},       {"false", no}, {"hostname", hostname}, {"id", id},
                  {"ls", ls},   {"sleep", sleep_for}, {"tick", tick}, {"true", yes}};
  // As process 1 a signal without a handler would be lost.
  if (signal(SIGTERM, leave) == SIG_ERR || signal(SIGINT, leave) == SIG_ERR) return 1;
  const char *slash = count > 0 ? strrchr(args[0], '/') : NULL;
  const char *name = slash ? slash + 1 : count > 0 ? args[0] : "";
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(name, commands[i].name) == 0) return commands[i].run(count, args);
  fprintf(stderr, "box: no command \"%s\"\n", name);
  return 127;
}
