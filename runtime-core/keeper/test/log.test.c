/* SPDX-License-Identifier: Apache-2.0 */
/* The CRI log format, byte by byte. */
#define _GNU_SOURCE
#include "../keeper.h"
#include "place.h"
#include <errno.h>
#include <regex.h>
#include <sched.h>
#include <sys/mount.h>

#define STAMP_BYTES 31 /* 2026-01-02T03:04:05.123456789Z and a blank */

static struct process process;

static void begin(uint32_t max_line)
{
	memset(&process, 0, sizeof(process));
	unlink("log");
	process.max_line = max_line;
	process.log_fd = log_open("log");
	need(process.log_fd >= 0);
}

static size_t feed(const char *text, bool final) { return log_lines(&process, 1, (const uint8_t *)text, strlen(text), final); }

/* What the log holds, without the times. */
static char *logged(void)
{
	static char text[1 << 16];
	char *raw = place_read("log");
	size_t used = 0;

	close(process.log_fd);
	for (char *line = raw; *line != '\0'; line = strchr(line, '\n') + 1) {
		need(strchr(line, '\n') != NULL && strlen(line) > STAMP_BYTES);
		size_t length = (size_t)(strchr(line, '\n') + 1 - line) - STAMP_BYTES;
		need(used + length < sizeof(text));
		memcpy(text + used, line + STAMP_BYTES, length);
		used += length;
	}
	text[used] = '\0';
	free(raw);
	return text;
}

static void whole_lines(void)
{
	begin(100);
	is(feed("one\ntwo\n", false), 8, "whole lines are taken whole");
	is_text(logged(), "stdout F one\nstdout F two\n", "each line is one line of the log");

	begin(100);
	feed("\n\n", false);
	is_text(logged(), "stdout F \nstdout F \n", "an empty line is an empty line");

	begin(100);
	feed("a\r\n\rb\n", false);
	is_text(logged(), "stdout F a\r\nstdout F \rb\n", "carriage returns stay as the program wrote them");

	begin(100);
	log_lines(&process, 2, (const uint8_t *)"e\n", 2, false);
	is_text(logged(), "stderr F e\n", "stderr is said to be stderr");

	begin(100);
	log_lines(&process, 1, (const uint8_t *)"a\0b\n", 4, false);
	char *raw = place_read("log");
	is_text(raw + STAMP_BYTES, "stdout F a", "a NUL byte does not end a line");
	is(strlen(raw + strlen(raw) + 1), 2, "what follows the NUL byte is there");
	free(raw);
	close(process.log_fd);
}

static void unfinished_lines(void)
{
	begin(100);
	is(feed("one\ntw", false), 4, "an unfinished line is left to the caller");
	is_text(logged(), "stdout F one\n", "and not in the log yet");

	begin(100);
	is(feed("", false), 0, "nothing is nothing");
	is_text(logged(), "", "and leaves no line");

	begin(100);
	is(feed("tw", true), 2, "at the end an unfinished line is taken");
	is_text(logged(), "stdout P tw\n", "and marked as partial, as containerd does");

	begin(100);
	is(feed("one\n", true), 4, "at the end a finished line is only itself");
	is_text(logged(), "stdout F one\n", "without an empty one behind it");
}

static void long_lines(void)
{
	begin(4);
	is(feed("abcdefghij\n", false), 11, "a long line is taken");
	is_text(logged(), "stdout P abcd\nstdout P efgh\nstdout F ij\n", "in pieces, of which only the last is full");

	begin(4);
	feed("abcd\n", false);
	is_text(logged(), "stdout F abcd\n", "a line of just the limit is one piece");

	begin(4);
	feed("abcdefgh\n", false);
	is_text(logged(), "stdout P abcd\nstdout F efgh\n", "a line of twice the limit is two pieces");

	begin(4);
	is(feed("abcdef", false), 4, "of a long unfinished line whole pieces are taken");
	is_text(logged(), "stdout P abcd\n", "and the rest waits");

	begin(4);
	is(feed("abcd", false), 0, "a piece of just the limit waits: its newline may be next");
	close(process.log_fd);

	begin(4);
	is(feed("abcdef", true), 6, "at the end of a long unfinished line");
	is_text(logged(), "stdout P abcd\nstdout P ef\n", "all pieces are partial");
}

static void many_lines(void)
{
	static char text[3000], expected[40000];

	for (int i = 0; i < 1000; i++)
		memcpy(text + 2 * i, "x\n", 3);
	for (int i = 0; i < 1000; i++)
		memcpy(expected + 11 * i, "stdout F x\n", 12);
	begin(100);
	is(feed(text, false), 2000, "more lines than one write takes are all taken");
	is_text(logged(), expected, "and all there, in order");
}

static void time_stamps(void)
{
	regex_t form;

	need(regcomp(&form, "^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{9}Z stdout F x\n$", REG_EXTENDED | REG_NOSUB) == 0);
	begin(100);
	feed("x\n", false);
	char *raw = place_read("log");
	is(regexec(&form, raw, 0, NULL, 0), 0, "times are RFC 3339 with nine digits, in UTC");
	free(raw);
	regfree(&form);
	close(process.log_fd);
}

static void opening(void)
{
	struct stat st;

	umask(077);
	begin(100);
	need(fstat(process.log_fd, &st) == 0);
	is(st.st_mode & 0777, 0640, "the log is readable by its group, whatever the umask is");
	feed("old\n", false);
	close(process.log_fd);
	process.log_fd = log_open("log");
	feed("new\n", false);
	is_text(logged(), "stdout F old\nstdout F new\n", "an existing log is continued");

	need(symlink("elsewhere", "link") == 0);
	is(log_open("link"), -ELOOP, "a symlink in the place of the log is refused");
	is(access("elsewhere", F_OK), -1, "and what it points to is not made");
	need(mkdir("directory", 0700) == 0);
	is(log_open("directory"), -EISDIR, "a directory in the place of the log is refused");
}

static void without_log(void)
{
	memset(&process, 0, sizeof(process));
	process.log_fd = -1;
	process.max_line = 100;
	is(feed("a\nb", false), 3, "without a log everything is taken and dropped");
	is(process.lost_bytes, 0, "and nothing counts as lost");
}

/* A tmpfs of 16 pages in a mount namespace of our own. */
static bool small_disk(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mkdir("disk", 0700) == 0 && mount("tmpfs", "disk", "tmpfs", 0, "size=64k") == 0;
}

static void full_disk(void)
{
	static char line[1001];
	struct stat st;
	uint64_t fed = 0;

	if (!small_disk()) {
		skip("needs root", "a full disk");
		return;
	}
	memset(&process, 0, sizeof(process));
	process.max_line = 16384;
	process.log_fd = log_open("disk/log");
	need(process.log_fd >= 0);
	memset(line, 'z', 999);
	line[999] = '\n';
	for (int i = 0; i < 100; i++, fed++)
		feed(line, false);
	need(fstat(process.log_fd, &st) == 0);
	char *raw = place_read("disk/log");
	ok(st.st_size > 60000 && st.st_size <= 65536, "the disk was filled (%lld bytes)", (long long)st.st_size);
	is(raw[st.st_size - 1], '\n', "the line that did not fit was cut off again: the log ends with a whole line");
	ok(process.lost_bytes > 0, "and what is lost is counted (%llu bytes)", (unsigned long long)process.lost_bytes);
	is((uint64_t)st.st_size + process.lost_bytes, fed * (STAMP_BYTES + 9 + 1000), "every byte is in the log or counted");
	free(raw);
	need(ftruncate(process.log_fd, 0) == 0);
	feed("again\n", false);
	raw = place_read("disk/log");
	is_text(raw + STAMP_BYTES, "stdout F again\n", "when there is room again the log goes on");
	free(raw);
	close(process.log_fd);
	need(umount("disk") == 0);
}

int main(void)
{
	place_enter();
	whole_lines();
	unfinished_lines();
	long_lines();
	many_lines();
	time_stamps();
	opening();
	without_log();
	full_disk();
	return tap_end();
}
