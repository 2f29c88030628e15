/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANTRY_CRIU_H
#define GANTRY_CRIU_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The talk with `criu swrk FD`: messages of rpc.proto, one a packet of a SOCK_SEQPACKET socket. Requests are made by
 * TypeScript (checkpoint/request.ts); here answers are read, as far as they matter, and notifications acknowledged.
 */

enum criu_kind { CRIU_NOTIFY, CRIU_ANSWER, CRIU_GONE };

struct criu_message {
	enum criu_kind kind;
	bool success;
	pid_t pid;        /* the root task, where the message names it; else 0 */
	int error;        /* errno of a failure, as CRIU has it; 0: unknown */
	int fd;           /* that came with it, the caller's to close; -1: none */
	char script[32];  /* of a notification: "post-restore" */
	char text[256];   /* of a failure */
};

/*
 * Sends a request; the two directories are descriptors of the process that made the socket pair, and are added to the
 * request's options. `work` may be -1. Returns 0 or -errno.
 */
int criu_send_request(int link, const uint8_t *request, size_t size, int images, int work);

/* Receives one message; `flags` are recvmsg's. Returns 0, or -errno (-EBADMSG for bytes that are no answer). */
int criu_hear(int link, int flags, struct criu_message *message);

/* Acknowledges a notification, so that CRIU goes on, or stops. Returns 0 or -errno. */
int criu_acknowledge(int link, bool success);

/* `gantry-keeper criu CRIU`: one request for somebody who cannot speak to such a socket. */
int criu_main(int argc, char **argv);

/* Reads one answer. Returns false for bytes that are none. For the fuzzer, too. */
bool criu_decode(const uint8_t *bytes, size_t size, struct criu_message *message);

#endif
