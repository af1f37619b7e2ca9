// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control messages of sendmsg(): what a program says about one datagram beside its data.
 *
 * TLK "INET Socket Layer"; UDP-3. The messages, their sizes and the errors are those of ip(7) on
 * Linux: IP_PKTINFO (source address and device), IP_TTL, IP_TOS, IP_RETOPTS (RFC 791 options). Of
 * SOL_SOCKET's messages the kernel's own check is asked; SO_MARK and transmit time stamps are
 * accepted there and have no effect. Other levels are ignored, as Linux does; a stream ignores IP's too.
 *
 * Locking: none; everything read belongs to the call.
 */
#include <linux/in.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "edu_kernel.h"

/* RFC 791: a header has room for no more. */
#define EDU_IP_OPTIONS_MAX 40

/* The value of a message that holds an int, or -1 when its size is another. */
static int edu_cmsg_int(struct cmsghdr *cmsg)
{
	return cmsg->cmsg_len == CMSG_LEN(sizeof(int)) ? *(int *)CMSG_DATA(cmsg) : -1;
}

static int edu_cmsg_pktinfo(struct cmsghdr *cmsg, struct edu_send *send)
{
	const struct in_pktinfo *info = (const struct in_pktinfo *)CMSG_DATA(cmsg);

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(*info)))
		return -EINVAL;
	if (info->ipi_ifindex)
		send->ifindex = info->ipi_ifindex;
	send->source = (__force edu_be32)info->ipi_spec_dst.s_addr;
	return 0;
}

static int edu_cmsg_ttl(struct cmsghdr *cmsg, struct edu_send *send)
{
	int ttl = edu_cmsg_int(cmsg);

	if (ttl < 1 || ttl > 255)
		return -EINVAL;
	send->ttl = ttl;
	return 0;
}

/* Programs of other systems send one octet; Linux takes both. */
static int edu_cmsg_tos(struct cmsghdr *cmsg, struct edu_send *send)
{
	int tos = edu_cmsg_int(cmsg);

	if (cmsg->cmsg_len == CMSG_LEN(sizeof(u8)))
		tos = *(u8 *)CMSG_DATA(cmsg);
	if (tos < 0 || tos > 255)
		return -EINVAL;
	send->tos = tos;
	return 0;
}

/* The core checks what the options say. */
static int edu_cmsg_options(struct cmsghdr *cmsg, struct edu_send *send)
{
	send->options = (const edu_u8 *)CMSG_DATA(cmsg);
	send->options_len = min_t(size_t, cmsg->cmsg_len - sizeof(*cmsg), EDU_IP_OPTIONS_MAX);
	return 0;
}

static int edu_cmsg_ip(struct cmsghdr *cmsg, struct edu_send *send)
{
	switch (cmsg->cmsg_type) {
	case IP_PKTINFO:
		return edu_cmsg_pktinfo(cmsg, send);
	case IP_TTL:
		return edu_cmsg_ttl(cmsg, send);
	case IP_TOS:
		return edu_cmsg_tos(cmsg, send);
	case IP_RETOPTS:
		return edu_cmsg_options(cmsg, send);
	default:
		return -EINVAL;
	}
}

int edu_cmsg_send(struct sock *sk, struct msghdr *msg, struct edu_send *send)
{
	struct sockcm_cookie cookie = {};
	struct cmsghdr *cmsg;
	int err = 0;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level == SOL_SOCKET)
			err = edu_compat_sock_cmsg_send(sk, msg, cmsg, &cookie);
		else if (cmsg->cmsg_level == SOL_IP && !edu_core_sock_is_stream(sk))
			err = edu_cmsg_ip(cmsg, send); /* they are about a datagram */
		if (err)
			return err;
	}
	return 0;
}
