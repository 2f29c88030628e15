/* SPDX-License-Identifier: Apache-2.0 */
/* What CRIU says is read for what it is, and damaged messages are refused. */
#define _GNU_SOURCE
#include "../criu.h"
#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct criu_message m;

static bool reads(const char *bytes, size_t size) { return criu_decode((const uint8_t *)bytes, size, &m); }
#define READS(text) reads(text, sizeof(text) - 1)

static void notifications(void)
{
	/* criu_resp { type: NOTIFY, success: true, notify { script: "post-restore", pid: 300 } } */
	ok(READS("\x08\x06\x10\x01\x2a\x11\x0a\x0cpost-restore\x10\xac\x02"), "a notification is read");
	ok(m.kind == CRIU_NOTIFY && m.pid == 300 && m.fd == -1, "with the pid of the root task");
	is_text(m.script, "post-restore", "and its name");
	ok(READS("\x08\x06\x10\x01\x2a\x2a\x0a\x28" "0123456789012345678901234567890123456789"), "a long name is read");
	is_text(m.script, "0123456789012345678901234567890", "and cut");
	ok(READS("\x08\x06\x10\x01"), "one without a name is one");
	is_text(m.script, "", "of no name");
}

static void answers(void)
{
	ok(READS("\x08\x02\x10\x01\x22\x02\x08\x2a"), "an answer to a restore is read");
	ok(m.kind == CRIU_ANSWER && m.success && m.pid == 42, "with the pid");
	ok(READS("\x08\x02\x10\x00\x38\x11\x4a\x05" "words"), "a failure is read");
	ok(!m.success && m.error == 17, "with its errno");
	is_text(m.text, "words", "and its words");
	ok(READS("\x08\x01\x10\x01\xa2\x06\x01x\x21" "12345678" "\x25" "1234"), "fields of later versions are skipped");
}

static void damage(void)
{
	static const char whole[] = "\x08\x06\x10\x01\x2a\x11\x0a\x0cpost-restore\x10\xac\x02";
	bool refused = true;

	ok(!READS(""), "nothing is no answer");
	ok(!READS("\x10\x01"), "without a type it is none");
	ok(!READS("\x08"), "nor cut in a number");
	ok(!READS("\x08\x02\x4a\x7f" "words"), "nor with a text that is longer than the rest");
	ok(!READS("\x08\x02\x0b"), "nor with a kind of field that there is not");
	ok(!READS("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "nor with a number without end");
	for (size_t size = 5; size < sizeof(whole) - 1; size++)
		refused = refused && !reads(whole, size);
	ok(refused, "a notification that is cut anywhere in its own part is refused");
}

static void talk(void)
{
	int ends[2];
	uint8_t got[64];

	need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	ok(criu_send_request(ends[0], (const uint8_t *)"\x08\x02", 2, 5, 300) == 0, "a request is sent");
	ssize_t n = read(ends[1], got, sizeof(got));
	ok(n == 10, "with the directories behind it");
	ok(memcmp(got, "\x08\x02\x12\x06\x08\x05\x88\x01\xac\x02", 10) == 0, "as options of the request");
	ok(criu_acknowledge(ends[0], true) == 0 && read(ends[1], got, sizeof(got)) == 4, "a notification is acknowledged");
	ok(memcmp(got, "\x08\x06\x18\x01", 4) == 0, "by its own type");
	ok(criu_hear(ends[0], MSG_DONTWAIT, &m) == -EAGAIN, "where nothing was said there is nothing to hear");
	need(write(ends[1], "x", 1) == 1);
	ok(criu_hear(ends[0], 0, &m) == -EBADMSG, "what is no answer is refused");
	close(ends[1]);
	ok(criu_hear(ends[0], 0, &m) == 0 && m.kind == CRIU_GONE, "its end is heard");
	close(ends[0]);
}

int main(void)
{
	notifications();
	answers();
	damage();
	talk();
	return tap_end();
}
