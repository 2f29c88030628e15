/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "criu.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Numbers of rpc.proto. */
#define REQ_OPTS 2
#define OPTS_IMAGES_DIR_FD 1
#define OPTS_WORK_DIR_FD 17
#define RESP_TYPE 1
#define RESP_SUCCESS 2
#define RESP_RESTORE 4
#define RESP_NOTIFY 5
#define RESP_CR_ERRNO 7
#define RESP_CR_ERRMSG 9
#define RESTORE_PID 1
#define NOTIFY_SCRIPT 1
#define NOTIFY_PID 2
#define TYPE_NOTIFY 6

#define WIRE_VARINT 0u
#define WIRE_64 1u
#define WIRE_BYTES 2u
#define WIRE_32 5u

struct cursor {
	const uint8_t *at, *end;
};

struct field {
	uint32_t number;
	uint64_t value;       /* varint */
	struct cursor bytes;  /* length-delimited; empty for the others */
};

/* ---- reading ------------------------------------------------------------------------------------------------ */

static bool take_varint(struct cursor *c, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
		uint8_t byte = *c->at++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return true;
	}
	return false;
}

static bool skip(struct cursor *c, uint64_t count)
{
	if (count > (uint64_t)(c->end - c->at))
		return false;
	c->at += count;
	return true;
}

static bool take_value(struct cursor *c, unsigned int wire, struct field *f)
{
	if (wire == WIRE_64)
		return skip(c, 8);
	if (wire == WIRE_32)
		return skip(c, 4);
	if (wire != WIRE_VARINT && wire != WIRE_BYTES)
		return false;
	if (!take_varint(c, &f->value))
		return false;
	if (wire == WIRE_VARINT)
		return true;
	f->bytes.at = c->at;
	if (!skip(c, f->value))
		return false;
	f->bytes.end = c->at;
	return true;
}

/* The next field of a message; false at its end, and where it is damaged: then c->at is not c->end. */
static bool take_field(struct cursor *c, struct field *f)
{
	uint64_t key = 0;
	const uint8_t *start = c->at;

	*f = (struct field){ .bytes = { c->end, c->end } };
	bool ok = take_varint(c, &key) && key >> 3 <= UINT32_MAX;
	f->number = (uint32_t)(key >> 3);
	if (ok)
		ok = take_value(c, key & 7u, f);
	if (!ok)
		c->at = start;
	return ok;
}

static void copy_text(struct cursor bytes, char *to, size_t size)
{
	size_t length = (size_t)(bytes.end - bytes.at);

	if (length >= size)
		length = size - 1;
	memcpy(to, bytes.at, length);
	to[length] = '\0';
}

static bool read_notify(struct cursor c, struct criu_message *m)
{
	struct field f;

	m->kind = CRIU_NOTIFY;
	while (take_field(&c, &f)) {
		if (f.number == NOTIFY_SCRIPT)
			copy_text(f.bytes, m->script, sizeof(m->script));
		else if (f.number == NOTIFY_PID)
			m->pid = (pid_t)f.value;
	}
	return c.at == c.end;
}

static bool read_restore(struct cursor c, struct criu_message *m)
{
	struct field f;

	while (take_field(&c, &f))
		if (f.number == RESTORE_PID)
			m->pid = (pid_t)f.value;
	return c.at == c.end;
}

bool criu_decode(const uint8_t *bytes, size_t size, struct criu_message *m)
{
	struct cursor c = { bytes, bytes + size };
	struct field f;
	bool typed = false, ok = true;

	*m = (struct criu_message){ .kind = CRIU_ANSWER, .fd = -1 };
	while (ok && take_field(&c, &f)) {
		if (f.number == RESP_TYPE) {
			typed = true;
			if (f.value == TYPE_NOTIFY)
				m->kind = CRIU_NOTIFY;
		} else if (f.number == RESP_SUCCESS)
			m->success = f.value != 0;
		else if (f.number == RESP_RESTORE)
			ok = read_restore(f.bytes, m);
		else if (f.number == RESP_NOTIFY)
			ok = read_notify(f.bytes, m);
		else if (f.number == RESP_CR_ERRNO)
			m->error = f.value < 4096 ? (int)f.value : 0;
		else if (f.number == RESP_CR_ERRMSG)
			copy_text(f.bytes, m->text, sizeof(m->text));
	}
	return ok && typed && c.at == c.end;
}

int criu_hear(int link, int flags, struct criu_message *m)
{
	uint8_t bytes[4096];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec body = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(link, &message, flags | MSG_CMSG_CLOEXEC);

	if (n < 0 && errno != ECONNRESET)
		return -errno;
	if (n <= 0) {
		*m = (struct criu_message){ .kind = CRIU_GONE, .fd = -1 };
		return 0;
	}
	bool ok = criu_decode(bytes, (size_t)n, m);
	const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&m->fd, CMSG_DATA(c), sizeof(m->fd));
	return ok ? 0 : -EBADMSG;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static size_t put_varint(uint8_t *to, uint64_t value)
{
	size_t length = 0;

	for (; value >= 0x80; value >>= 7)
		to[length++] = (uint8_t)(value | 0x80);
	to[length++] = (uint8_t)value;
	return length;
}

static size_t put_number(uint8_t *to, uint32_t number, uint64_t value)
{
	size_t length = put_varint(to, (uint64_t)number << 3 | WIRE_VARINT);

	return length + put_varint(to + length, value);
}

int criu_send_request(int link, const uint8_t *request, size_t size, int images, int work)
{
	uint8_t options[32], head[8];
	size_t length = put_number(options, OPTS_IMAGES_DIR_FD, (uint64_t)images);

	if (work >= 0)
		length += put_number(options + length, OPTS_WORK_DIR_FD, (uint64_t)work);
	size_t head_length = put_varint(head, REQ_OPTS << 3 | WIRE_BYTES);
	head_length += put_varint(head + head_length, length);
	/* A message that occurs twice is merged by who reads it (protobuf encoding, "last one wins"). */
	struct iovec parts[3] = {
		{ .iov_base = (void *)(uintptr_t)request, .iov_len = size },
		{ .iov_base = head, .iov_len = head_length },
		{ .iov_base = options, .iov_len = length },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
	ssize_t n;

	do
		n = sendmsg(link, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int criu_acknowledge(int link, bool success)
{
	/* criu_req { type: NOTIFY, notify_success } */
	const uint8_t bytes[4] = { 0x08, TYPE_NOTIFY, 0x18, success };

	return send(link, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0 ? -errno : 0;
}
