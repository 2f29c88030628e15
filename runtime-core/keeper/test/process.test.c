/* SPDX-License-Identifier: Apache-2.0 */
/* Signals to cgroups, the end of a process and its records. */
#define _GNU_SOURCE
#include "client.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* A child that sleeps until it is killed. */
static pid_t victim(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		sigset_t none; /* the keeper blocks all signals */
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return pid;
}

static bool alive(pid_t pid) { return waitpid(pid, NULL, WNOHANG) == 0; }

static void bury(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct process *with_procs(const char *path)
{
	struct process *p = process_new();

	need(p != NULL);
	strcpy(p->id, "c");
	p->kind = KIND_CONTAINER;
	p->log_path = strdup("");
	p->procs_path = strdup(path);
	return p;
}

/* The signal that ended a child: SIGKILL, when it had to be ours. */
static int end_of(pid_t pid)
{
	int status = -1;

	for (int i = 0; i < 1000; i++)
		if (waitpid(pid, &status, WNOHANG) != 0)
			return WTERMSIG(status);
		else
			usleep(1000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return WTERMSIG(status);
}

static void kill_by_list(void)
{
	struct process *p = with_procs("procs");
	pid_t a = victim(), b = victim();
	char text[64];

	is(process_signal(p, SIGKILL, SIGNAL_ALL), 0, "a cgroup that is gone needs no kill");
	snprintf(text, sizeof(text), "%d\n0\n%d\n", (int)a, (int)b);
	place_write("procs", text);
	is(process_signal(p, SIGTERM, SIGNAL_ALL), 0, "every process of a cgroup is signalled");
	is(end_of(a), SIGTERM, "the first");
	is(end_of(b), SIGTERM, "and the one behind a process of another PID namespace, listed as 0");
	process_free(p);
}

/* The list is read in pieces: a number cut in two must not be taken for another process. */
static void long_list(void)
{
	static char text[20000];
	struct process *p = with_procs("procs");
	pid_t bystander = victim(), last = victim();
	char number[16];
	int length = snprintf(number, sizeof(number), "%d", (int)bystander), used = 0;

	/* At every possible end of a piece stand the first digits of a longer number, and they are those of a bystander. */
	while (used + length < 8191 - 9)
		used += sprintf(text + used, "99999999\n");
	while (used + length < 8191)
		text[used++] = '\n';
	used += sprintf(text + used, "%s77777\n", number);
	sprintf(text + used, "%d\n", (int)last);
	place_write("procs", text);
	process_signal(p, SIGTERM, SIGNAL_ALL);
	usleep(20000); /* a signal would have arrived by now */
	ok(alive(bystander), "a number that is cut in two by a read is not taken for another process");
	bury(bystander);
	bury(last);
	process_free(p);
}

static void list_longer_than_a_read(void)
{
	static char text[20000];
	struct process *p = with_procs("procs");
	pid_t last = victim();
	int used = 0;

	while (used < 12000)
		used += sprintf(text + used, "99999999\n");
	sprintf(text + used, "%d\n", (int)last);
	place_write("procs", text);
	process_signal(p, SIGTERM, SIGNAL_ALL);
	is(end_of(last), SIGTERM, "the end of a long list is signalled too");
	process_free(p);
}

static void records(void)
{
	struct process *p = with_procs("none");
	uint8_t record[RECORD_BYTES];
	uint32_t words[6];
	uint64_t longs[3];

	p->pid = 42;
	p->wait_status = 3 << 8;
	p->oom = true;
	p->io = IO_STDOUT;
	p->state = STATE_RUNNING;
	p->started_ns = 1;
	p->finished_ns = 2;
	p->lost_bytes = 3;
	is(process_record(p, record), 51, "a record is as long as its id");
	memcpy(words, record, sizeof(words));
	memcpy(longs, record + 24, sizeof(longs));
	ok(words[0] == KIND_CONTAINER && words[1] == STATE_RUNNING && words[2] == 42 && words[3] == 3 << 8 && words[4] == 1 && words[5] == IO_STDOUT,
	   "it tells kind, state, pid, wait status, OOM and streams");
	ok(longs[0] == 1 && longs[1] == 2 && longs[2] == 3, "when it began and ended, and what its log lost");
	ok(record[48] == 1 && record[49] == 0 && record[50] == 'c', "and its id");
	memset(p->id, 'i', MAX_ID);
	is(process_record(p, record), 50 + MAX_ID, "the longest id fits");
	process_free(p);
}

static const char *ended(const char *id, int wait_status, const char *oom_text)
{
	static char text[128];
	struct process *p = with_procs("none");
	char path[32];

	strcpy(p->id, id);
	place_write("oom", oom_text);
	p->oom_path = strdup("oom");
	p->started_ns = 1700000000000000001;
	p->finished_ns = 1700000000000000002;
	p->wait_status = wait_status;
	p->exited = true;
	process_ended(p);
	need(p->state == STATE_EXITED);
	process_free(p);
	snprintf(path, sizeof(path), "exits/%s", id);
	char *read = place_read(path);
	snprintf(text, sizeof(text), "%s", read);
	free(read);
	return text;
}

static void exit_records(void)
{
	is_text(ended("ok", 0, ""), "0 0 1700000000000000001 1700000000000000002\n", "an end is recorded on disk");
	is_text(ended("killed", SIGKILL, ""), "9 0 1700000000000000001 1700000000000000002\n", "with the signal");
	is_text(ended("v2", 9, "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n"), "9 1 1700000000000000001 1700000000000000002\n", "the OOM killer is named, by memory.events");
	is_text(ended("v2-none", 9, "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n"), "9 0 1700000000000000001 1700000000000000002\n", "but not where it killed nobody");
	is_text(ended("v1", 9, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), "9 1 1700000000000000001 1700000000000000002\n", "nor confused by memory.oom_control of v1");
	is_text(ended("v1-none", 9, "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n"), "9 0 1700000000000000001 1700000000000000002\n", "whose first line is of something else");
	struct stat st;
	need(stat("exits", &st) == 0);
	is(st.st_mode & 0777, 0700, "the directory of the records is made for us alone");
}

static void exit_without_disk(void)
{
	need(rename("exits", "elsewhere") == 0);
	place_write("exits", "a file where the directory should be");
	is_text(ended("x", 0, ""), "(none)", "an end that cannot be recorded is no reason to fall over");
	need(unlink("exits") == 0);
}

static int copied(const char *from, const char *to)
{
	struct interpreter in = { .sync_fd = -1 };
	struct op op = { .w = { (uint64_t)(uintptr_t)from, (uint64_t)(uintptr_t)to } };

	return op_copy_file(&in, &op);
}

/* cpuset.cpus and cpuset.mems of v1: a child's are empty and have to be set; those of a pod may be set on purpose. */
static void copied_files(void)
{
	place_write("parent", "0-3\n");
	place_write("empty", "");
	place_write("newline", "\n");
	place_write("set", "1\n");
	is(copied("parent", "empty"), 0, "what a parent has is copied to a child that has nothing");
	char *text = place_read("empty");
	is_text(text, "0-3\n", "as it is");
	free(text);
	is(copied("parent", "newline"), 0, "an empty line is nothing");
	text = place_read("newline");
	is_text(text, "0-3\n", "and replaced");
	free(text);
	is(copied("parent", "set"), 0, "a child that has a value");
	text = place_read("set");
	is_text(text, "1\n", "keeps it");
	free(text);
	place_write("empty", "");
	is(copied("missing", "empty"), -ENOENT, "a missing parent is an error");
	is(copied("parent", "missing"), -ENOENT, "and a missing child");
}

int main(void)
{
	keeper_here();
	kill_by_list();
	long_list();
	list_longer_than_a_read();
	records();
	exit_records();
	exit_without_disk();
	copied_files();
	return tap_end();
}
