/* SPDX-License-Identifier: Apache-2.0 */
/* Moves a network interface of the host into the container's network namespace: config-linux.md §network devices. */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ADDRESSES 64
/* Of an address's flags, what it was given; the others say what became of it. */
#define GIVEN_FLAGS (IFA_F_NODAD | IFA_F_NOPREFIXROUTE)

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	} body;
	uint8_t attributes[128];
};

struct address {
	struct ifaddrmsg head;
	uint32_t flags;
	uint8_t local[16], peer[16], broadcast[16];
	uint8_t local_length, peer_length, broadcast_length;
};

static int result(long r) { return r < 0 ? -errno : 0; }

int op_open_netlink(struct interpreter *in, const struct op *op)
{
	return slot_put(in, op, 0, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

static struct request request(uint16_t type, uint16_t flags, size_t body)
{
	return (struct request){ .head = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(body), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags } };
}

static void put(struct request *r, uint16_t type, const void *value, size_t length)
{
	struct rtattr *a = (struct rtattr *)(void *)((uint8_t *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(length);
	memcpy(RTA_DATA(a), value, length);
	r->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->head.nlmsg_len) + RTA_LENGTH(length));
}

/* Sends and waits for the acknowledgement. */
static int transact(int fd, struct request *r)
{
	uint8_t answer[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *head = (const struct nlmsghdr *)(const void *)answer;

	r->head.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, r, r->head.nlmsg_len, 0) < 0)
		return -errno;
	ssize_t n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || head->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
}

/* ---- addresses ---------------------------------------------------------------------------------------------- */

static void keep(uint8_t *to, uint8_t *length, const struct rtattr *a)
{
	if (RTA_PAYLOAD(a) > 16)
		return;
	*length = (uint8_t)RTA_PAYLOAD(a);
	memcpy(to, RTA_DATA(a), RTA_PAYLOAD(a));
}

static struct address read_address(const struct nlmsghdr *head)
{
	const struct ifaddrmsg *message = NLMSG_DATA(head);
	struct address found = { .head = *message, .flags = message->ifa_flags };
	int left = (int)IFA_PAYLOAD(head);

	for (const struct rtattr *a = IFA_RTA(message); RTA_OK(a, left); a = RTA_NEXT(a, left))
		switch (a->rta_type) {
		case IFA_LOCAL: keep(found.local, &found.local_length, a); break;
		case IFA_ADDRESS: keep(found.peer, &found.peer_length, a); break;
		case IFA_BROADCAST: keep(found.broadcast, &found.broadcast_length, a); break;
		case IFA_FLAGS: memcpy(&found.flags, RTA_DATA(a), sizeof(found.flags)); break;
		default: break;
		}
	return found;
}

/* Global and permanent, the specification says: others are the host's, or come by themselves. */
static bool is_moved(const struct address *a, int index)
{
	return (int)a->head.ifa_index == index && a->head.ifa_scope == RT_SCOPE_UNIVERSE && (a->flags & IFA_F_PERMANENT) != 0;
}

static int take_addresses(const uint8_t *bytes, ssize_t n, int index, struct address *to, int *count)
{
	int left = (int)n;

	for (const struct nlmsghdr *head = (const struct nlmsghdr *)(const void *)bytes; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
		if (head->nlmsg_type == NLMSG_DONE)
			return 0;
		if (head->nlmsg_type != RTM_NEWADDR || head->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
			return -EPROTO;
		struct address found = read_address(head);
		if (!is_moved(&found, index))
			continue;
		if (*count == MAX_ADDRESSES)
			return -E2BIG;
		to[(*count)++] = found;
	}
	return 1;
}

/* Returns how many, or -errno. */
static int list_addresses(int fd, int index, struct address *to)
{
	uint8_t bytes[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct request r = request(RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	int count = 0, more = 1;

	if (send(fd, &r, r.head.nlmsg_len, 0) < 0)
		return -errno;
	while (more > 0) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
		more = n < 0 ? -errno : take_addresses(bytes, n, index, to, &count);
	}
	return more < 0 ? more : count;
}

static int add_address(int fd, int index, const struct address *a)
{
	struct request r = request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifaddrmsg));
	uint32_t flags = a->flags & GIVEN_FLAGS;

	r.body.address = a->head;
	r.body.address.ifa_index = (uint32_t)index;
	r.body.address.ifa_flags = 0;
	put(&r, IFA_FLAGS, &flags, sizeof(flags));
	if (a->local_length > 0)
		put(&r, IFA_LOCAL, a->local, a->local_length);
	if (a->peer_length > 0)
		put(&r, IFA_ADDRESS, a->peer, a->peer_length);
	if (a->broadcast_length > 0)
		put(&r, IFA_BROADCAST, a->broadcast, a->broadcast_length);
	return transact(fd, &r);
}

/* ---- links -------------------------------------------------------------------------------------------------- */

static int copy_name(char to[IFNAMSIZ], const char *name)
{
	size_t length = strlen(name);

	if (length >= IFNAMSIZ)
		return -ENAMETOOLONG;
	memcpy(to, name, length + 1);
	return 0;
}

/* The ioctls of interfaces work on a socket of any family, in the namespace it was made in (netdevice(7)). */
static int index_of(int fd, const char *name)
{
	struct ifreq r = { 0 };
	int error = copy_name(r.ifr_name, name);

	return error < 0 ? error : ioctl(fd, SIOCGIFINDEX, &r) < 0 ? -errno : r.ifr_ifindex;
}

static int move_link(int host, int index, const char *as)
{
	struct request r = request(RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	int namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (namespace < 0)
		return -errno;
	r.body.link.ifi_index = index;
	put(&r, IFLA_NET_NS_FD, &namespace, sizeof(namespace));
	put(&r, IFLA_IFNAME, as, strlen(as) + 1);
	int error = transact(host, &r);
	close(namespace);
	return error;
}

static int rename_link(int fd, const char *from, const char *to)
{
	struct ifreq r = { 0 };
	int error = copy_name(r.ifr_name, from);

	if (error == 0)
		error = copy_name(r.ifr_newname, to);
	return error < 0 ? error : result(ioctl(fd, SIOCSIFNAME, &r));
}

static int set_up(int fd, int index)
{
	struct ifreq r = { .ifr_ifindex = index };

	/* By its index: a name may have been a pattern. */
	if (ioctl(fd, SIOCGIFNAME, &r) < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		return -errno;
	r.ifr_flags |= IFF_UP;
	return result(ioctl(fd, SIOCSIFFLAGS, &r));
}

static int settle(int own, const char *passing, const char *name, const struct address *addresses, int count)
{
	int index = index_of(own, passing);
	int r = index < 0 ? index : rename_link(own, passing, name);

	for (int i = 0; r == 0 && i < count; i++)
		r = add_address(own, index, &addresses[i]);
	return r < 0 ? r : set_up(own, index);
}

/* On its way it has a name that nobody else has: the one it is to get may be a pattern (eth%d), which only the kernel fills. */
int op_move_netdev(struct interpreter *in, const struct op *op)
{
	struct address addresses[MAX_ADDRESSES];
	char passing[IFNAMSIZ];
	const char *name = op_str(op, 2);
	int host = slot_get(in, op, 0), index = index_of(host, op_str(op, 1));

	if (index < 0)
		return index;
	int count = list_addresses(host, index, addresses);
	if (count < 0)
		return count;
	int own = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (own < 0)
		return -errno;
	snprintf(passing, sizeof(passing), "gantry%d", index % 100000000);
	/* Once it is here it does not go back: what is sure to fail fails before. */
	int taken = index_of(own, name);
	int r = taken >= 0 ? -EEXIST : taken != -ENODEV ? taken : move_link(host, index, passing);
	if (r == 0)
		r = settle(own, passing, name, addresses, count);
	close(own);
	return r;
}
