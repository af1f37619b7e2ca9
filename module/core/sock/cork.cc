// SPDX-License-Identifier: GPL-2.0-only
/*
 * Corking: several sends become one datagram. See cork.hh.
 *
 * Requirements: BSD-6, UDP-3. Differences from Linux: a RAW socket's later sends are not asked for a
 * valid address either, like a UDP socket's.
 *
 * Locking: the socket lock.
 */
#include "sock/cork.hh"

#include "stack.hh"

namespace edu {

namespace {

/* The first send: nothing is there yet. */
result<void> begin(sock &s, const edu_send &send, const cork_ops &ops)
{
	auto fresh = make<cork>(gfp::kernel);

	if (!fresh)
		return errc::enobufs;
	TRY(ops.plan(s, send, fresh->plan));
	write_once(s.corked, fresh.release());
	return {};
}

/* Adds the send's data to what is there. */
result<void> append(sock &s, const edu_send &send, const cork_ops &ops)
{
	cork &c = *s.corked;
	const u32 before = c.packet ? c.packet.len() : 0;
	int error = 0;

	TRY(check_send_size(s, c.plan, ops.header_len + before + send.len));
	if (c.packet)
		return from_errno(edu_k_msg_append(home(s), c.packet.get(), send.msg, send.len));
	c.packet = skb_ptr{edu_k_msg_to_skb(home(s), send.msg, c.plan.headroom() + ops.header_len,
					    send.len, send.flags, nullptr, &error)};
	return c.packet ? result<void>{} : from_errno(error);
}

result<void> send_locked(sock &s, const edu_send &send, const cork_ops &ops)
{
	if (!s.corked)
		TRY(begin(s, send, ops));
	if (auto added = append(s, send, ops); !added) {
		sock_uncork(s);
		return added;
	}
	return send.flags & msg::more || s.cork_on ? result<void>{} : cork_push_locked(s, ops);
}

} // namespace

result<int> cork_send(sock &s, const edu_send &send, const cork_ops &ops)
{
	sock_guard guard{home(s)};

	TRY(send_locked(s, send, ops));
	return static_cast<int>(send.len);
}

result<void> cork_push_locked(sock &s, const cork_ops &ops)
{
	owner<cork> done{s.corked};

	if (!done)
		return {};
	write_once(s.corked, static_cast<cork *>(nullptr));
	trace(s.host->net, EDU_TRACE_sock_send, done->packet.get());
	return ops.push(s, std::move(done->packet), done->plan);
}

void sock_uncork(sock &s)
{
	destroy(s.corked);
	write_once(s.corked, static_cast<cork *>(nullptr));
}

} // namespace edu
