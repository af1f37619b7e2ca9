// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages: the data and control data of one sendmsg() or recvmsg().
 *
 * Control messages are laid out as Linux's struct cmsghdr has them on a 64-bit machine: length
 * (8 octets, with this header), level, type, data, padded to 8.
 *
 * Locking: none, a single thread.
 */
#include "home.hh"

#include <algorithm>
#include <cstring>

namespace hosted {
namespace {

constexpr std::uint32_t msg_dontwait = 0x40, msg_ctrunc = 8, msg_errqueue = 0x2000;
constexpr std::uint32_t page_or_two = 2 * EDU_PAGE_SIZE;

/* Room in the send buffer, waiting for it if allowed. 0 or a negative errno. */
int wait_for_room(struct sock *sk, edu_u32 flags)
{
	constexpr edu_u64 patience = 60000000000; /* ns */
	auto room = [sk] { return sk->wmem < sk->sndbuf || sk->err || sk->shutdown & 2; };

	if (!room()) {
		if (flags & msg_dontwait || !sleep_until(edu_k_now_ns() + patience, room))
			return -11;
	}
	if (int error = edu_k_sock_error(sk))
		return error;
	return sk->shutdown & 2 ? -32 : 0;
}

/* Large messages lie in page fragments, all but their first octets. */
sk_buff *buffer_for(const std::uint8_t *data, unsigned int headroom, unsigned int len)
{
	constexpr unsigned int linear = 128;
	unsigned int first = len > page_or_two ? linear : len;
	sk_buff *skb = edu_k_skb_alloc(headroom, first, EDU_GFP_KERNEL);

	if (!skb)
		return nullptr;
	std::copy(data, data + first, edu_k_skb_put(skb, first));
	skb->store->frag.assign(data + first, data + len);
	skb->data_len = len - first;
	skb->len = len;
	skb->truesize += len - first;
	return skb;
}

} // namespace
} // namespace hosted

using namespace hosted;

extern "C" {

struct sk_buff *edu_k_msg_to_skb(struct sock *sk, struct msghdr *msg, unsigned int headroom,
				 unsigned int len, edu_u32 flags, edu_u32 *csum, int *error)
{
	assert_may_sleep("edu_k_msg_to_skb()");
	preemption_point();
	*error = wait_for_room(sk, flags);
	if (*error)
		return nullptr;
	if (len > msg->in_len - msg->in_pos) {
		*error = -14;
		return nullptr;
	}
	sk_buff *skb = buffer_for(msg->in + msg->in_pos, headroom, len);

	if (!skb) {
		*error = -105;
		return nullptr;
	}
	msg->in_pos += len;
	if (csum)
		*csum = edu_k_skb_csum(skb, 0, len);
	charge_sent(sk, skb);
	return skb;
}

int edu_k_msg_append(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, unsigned int len)
{
	if (!sk->owned)
		fault("edu_k_msg_append(): the socket is not locked");
	if (allocation_fails())
		return -105;
	if (len > msg->in_len - msg->in_pos)
		return -14;
	skb->store->frag.insert(skb->store->frag.end(), msg->in + msg->in_pos,
				msg->in + msg->in_pos + len);
	msg->in_pos += len;
	skb->data_len += len;
	skb->len += len;
	skb->truesize += len;
	sk->wmem += len;
	return 0;
}

int edu_k_msg_read(struct msghdr *msg, void *to, unsigned int len)
{
	if (len > msg->in_len - msg->in_pos)
		return -14;
	std::memcpy(to, msg->in + msg->in_pos, len);
	msg->in_pos += len;
	return 0;
}

int edu_k_msg_write_skb(struct msghdr *msg, const struct sk_buff *skb, unsigned int offset,
			unsigned int len)
{
	if (!len)
		return 0;
	if (!msg->recv || len > msg->recv->room - msg->out_pos) {
		fault("more copied to the program than it has room for");
		return -14;
	}
	auto *to = static_cast<std::uint8_t *>(msg->recv->data) + msg->out_pos;

	if (edu_k_skb_copy_bits(skb, offset, to, len))
		return -14;
	msg->out_pos += len;
	return 0;
}

int edu_k_msg_write(struct msghdr *msg, const void *from, unsigned int len)
{
	if (len > msg->recv->room - msg->out_pos)
		return -14;
	std::memcpy(static_cast<std::uint8_t *>(msg->recv->data) + msg->out_pos, from, len);
	msg->out_pos += len;
	return 0;
}

void edu_k_msg_set_name(struct msghdr *msg, edu_be32 address, edu_be16 port)
{
	msg->recv->address = address;
	msg->recv->port = port;
}

void edu_k_msg_set_frame(struct msghdr *msg, const struct edu_frame *frame)
{
	msg->recv->frame = *frame;
}

void edu_k_msg_or_flags(struct msghdr *msg, edu_u32 flags)
{
	msg->out_flags |= flags;
}

void edu_k_msg_put_cmsg(struct msghdr *msg, int level, int type, const void *data, unsigned int len)
{
	edu_t_recv *recv = msg->recv;
	std::uint64_t size = 16 + len;
	edu_u8 *at = recv->control + recv->control_len;

	if (size + 7 > sizeof(recv->control) - recv->control_len) {
		msg->out_flags |= msg_ctrunc;
		return;
	}
	std::memcpy(at, &size, 8);
	std::memcpy(at + 8, &level, 4);
	std::memcpy(at + 12, &type, 4);
	std::memcpy(at + 16, data, len);
	recv->control_len += static_cast<unsigned int>((size + 7) & ~std::uint64_t{7});
}

void edu_k_msg_put_socket_cmsgs(struct sock *, struct msghdr *, struct sk_buff *) {}

/* As the kernel's queue: an error that is read is no longer the socket's pending one; the next is. */
static void pend_next_error(struct sock *sk, const edu_sock_error &read)
{
	constexpr std::uint8_t icmp = 2; /* SO_EE_ORIGIN_ICMP */
	edu_sock_error next = {};

	if (sk->error_queue.first)
		std::memcpy(&next, sk->error_queue.first->cb, sizeof(next));
	if (next.origin == icmp)
		sk->err = next.error;
	else if (read.origin == icmp)
		sk->err = 0;
}

int edu_k_sock_recv_error(struct sock *sk, struct msghdr *msg, unsigned int len)
{
	/* struct sock_extended_err, and the offender as a sockaddr behind it */
	struct {
		std::uint32_t error;
		std::uint8_t origin, type, code, pad;
		std::uint32_t info, data;
		std::uint16_t family;
		edu_be16 port;
		edu_be32 address;
		std::uint8_t zero[8];
	} extended = {};
	edu_sock_error error;
	sk_buff *skb = edu_k_skb_dequeue(&sk->error_queue);

	if (!skb)
		return -11;
	std::memcpy(&error, skb->cb, sizeof(error));
	pend_next_error(sk, error);
	extended.error = static_cast<std::uint32_t>(error.error);
	extended.origin = error.origin;
	extended.type = error.type;
	extended.code = error.code;
	extended.info = error.info;
	extended.family = static_cast<std::uint16_t>(error.offender ? edu_k_family : 0);
	extended.address = error.offender;
	unsigned int copied = skb->len < len ? skb->len : len;

	if (skb->len > len)
		msg->out_flags |= 0x20; /* MSG_TRUNC */
	edu_k_msg_write_skb(msg, skb, 0, copied);
	edu_k_msg_set_name(msg, error.destination, error.port);
	edu_k_msg_put_cmsg(msg, 0, 11, &extended, sizeof(extended));
	if (error.origin == 2)
		edu_core_error_cmsgs(sk, msg, skb, &error);
	msg->out_flags |= msg_errqueue;
	edu_k_skb_consume(skb);
	return static_cast<int>(copied);
}

} // extern "C"
