// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's tables: whose a segment is.
 *
 * TLK "Binding an Address", "Making a Connection", "Listening": tcp_established_hash by all four
 * numbers, tcp_listening_hash by port. Requirements: INET-7, TCP-7, TCP-9. RFC 9293 3.10.7 (the
 * connection before the listener), MUST-41 and MUST-42 (several passive opens at one port, told apart by
 * address and device).
 *
 * A listener is looked for in two chains: by our address and port, then by port alone, as UDP does. Each
 * has the listeners of that key and hardly any other. Several of one key differ by device, or share the
 * port (SO_REUSEPORT): then each flow stays with one of them.
 *
 * A record in TIME-WAIT enters before its socket leaves, and a new connection before the record it
 * replaces. A reader that had passed the place of the one when it came, and was not yet at the other when
 * it went, finds neither: so who finds nothing looks once more.
 *
 * Locking: see tcp_hash.hh. Readers use RCU.
 */
#include "transport/tcp_hash.hh"

#include "stack.hh"

namespace edu {

namespace {

u32 tcp_connection_hash(const edu_stack &host, be32 laddr, u16 lport, be32 faddr, be16 fport)
{
	return static_cast<u32>(
		siphash13(host.key, laddr.raw(), faddr.raw(), u32{lport} << 16 | fport.raw()));
}

u32 tcp_listener_hash(const edu_stack &host, be32 addr, u16 port)
{
	return static_cast<u32>(siphash13(host.key, addr.raw(), u32{port}));
}

u32 tcp_hash_of(const edu_stack &host, const tcp_end &end)
{
	return tcp_connection_hash(host, end.laddr, end.lport, end.faddr, end.fport);
}

void tcp_set_end(tcp_sock &s, be32 faddr, be16 fport)
{
	write_once(s.end.laddr, s.rcv_saddr);
	write_once(s.end.faddr, faddr);
	write_once(s.end.lport, s.num);
	write_once(s.end.fport, fport);
	write_once(s.end.bound_if, bound_dev_if(s));
}

bool tcp_devices_meet(int a, int b)
{
	return a == b || !a || !b;
}

/* Is it the end of that flow? A flow without a device (an error found out here) meets any. */
bool tcp_end_takes(const tcp_end &end, const tcp_flow &flow)
{
	return read_once(end.faddr) == flow.faddr && read_once(end.fport) == flow.fport &&
	       read_once(end.lport) == flow.lport && read_once(end.laddr) == flow.laddr &&
	       tcp_devices_meet(read_once(end.bound_if), flow.ifindex);
}

/* Would segments for one also fit the other? */
bool tcp_ends_are_twins(const tcp_end &a, const tcp_end &b)
{
	return tcp_end_takes(a, {b.laddr, b.faddr, b.lport, b.fport, b.bound_if});
}

/* No connection is with address 0; with port 0 one may be. */
bool tcp_is_listener_end(const tcp_end &end)
{
	return end.faddr == be32{};
}

/*
 * Listeners
 */

/* Which member of a SO_REUSEPORT group gets a flow: the one with the greatest hash of itself and the flow
 * (rendezvous hashing). Members that come or go move only their own flows. */
u64 tcp_claim_on(const edu_stack &host, const tcp_sock &s, const tcp_flow &flow)
{
	return siphash13(host.key, static_cast<u32>(s.bind_order), flow.faddr.raw(),
			 flow.laddr.raw(), u32{flow.lport} << 16 | flow.fport.raw());
}

bool tcp_shares_port(const tcp_sock &s)
{
	return edu_k_sock_flags(home(s)) & EDU_SOCK_REUSEPORT;
}

/* The best of a chain so far. */
struct tcp_best_listener {
	const edu_stack &host;
	const tcp_flow &flow;
	tcp_sock *found = nullptr;
	int points = 0;

	/* 0: not one of those; a device before none. */
	int score(const tcp_end &end, const tcp_sock &s, be32 addr) const
	{
		const int device = bound_dev_if(s);

		if (read_once(end.lport) != flow.lport || read_once(end.laddr) != addr ||
		    state_of(s) != sock_state::listen || !tcp_devices_meet(device, flow.ifindex))
			return 0;
		return device ? 2 : 1;
	}

	bool preferred(const tcp_sock &s) const
	{
		return tcp_shares_port(s) && tcp_shares_port(*found) &&
		       tcp_claim_on(host, s, flow) > tcp_claim_on(host, *found, flow);
	}

	void look_at(be32 addr)
	{
		host.tcp.tables.listening.for_each_of(tcp_listener_hash(host, addr, flow.lport),
						      [&](tcp_end &end) {
							      tcp_sock &s = end.socket();
							      const int now = score(end, s, addr);

							      if (!now || now < points)
								      return;
							      if (now > points || preferred(s)) {
								      found = &s;
								      points = now;
							      }
						      });
	}
};

} // namespace

result<void> tcp_tables::init()
{
	for (spinlock &lock : port_lock)
		lock.init(EDU_LOCK_TCP_PORT);
	for (atomic<u32> &counter : port_counter)
		counter.store(edu_k_random());
	TRY(established.init(EDU_LOCK_TCP_ESTABLISHED));
	TRY(listening.init(EDU_LOCK_TCP_LISTENING));
	return bound.init(EDU_LOCK_TCP_BOUND);
}

void tcp_tables::free()
{
	established.free();
	listening.free();
	bound.free();
}

tcp_end *tcp_find_established(const edu_stack &host, const tcp_flow &flow)
{
	const auto &table = host.tcp.tables.established;
	const u32 hash = tcp_connection_hash(host, flow.laddr, flow.lport, flow.faddr, flow.fport);
	auto takes = [&](const tcp_end &end) { return tcp_end_takes(end, flow); };

	if (tcp_end *found = table.find(hash, takes)) [[likely]]
		return found;
	return table.find(hash, takes); /* one may just have taken another's place */
}

tcp_sock *tcp_find_listener(const edu_stack &host, const tcp_flow &flow)
{
	tcp_best_listener best{host, flow};

	best.look_at(flow.laddr);
	if (!best.found)
		best.look_at(be32{});
	return best.found;
}

/*
 * Coming and going
 */

result<void> tcp_hash_established(tcp_sock &s, tcp_timewait *record)
{
	edu_stack &host = *s.host;

	tcp_set_end(s, s.daddr, s.dport);
	auto is_twin = [&](const tcp_end &other) {
		return !(record && &other == &record->end) && tcp_ends_are_twins(other, s.end);
	};
	if (host.tcp.tables.established.insert_unless(s.end, tcp_hash_of(host, s.end), is_twin))
		return errc::eaddrnotavail;
	return {};
}

result<void> tcp_hash_listening(tcp_sock &s)
{
	edu_stack &host = *s.host;

	tcp_set_end(s, {}, {});
	s.bind_order = host.tcp.tables.listens.fetch_add(1) + 1;
	host.tcp.tables.listening.insert(s.end, tcp_listener_hash(host, s.end.laddr, s.end.lport));
	return {};
}

void tcp_unhash(tcp_sock &s)
{
	tcp_tables &tables = s.host->tcp.tables;

	if (!s.end.node.is_hashed())
		return;
	if (!tcp_is_listener_end(s.end)) {
		tables.established.remove(s.end);
		return;
	}
	tables.listening.remove(s.end);
	tcp_port_listens_no_more(s);
}

/* The port first: what is found in the table is whole, and may be killed at once. */
void tcp_hash_time_wait(tcp_sock &s, tcp_timewait &record)
{
	tcp_tables &tables = s.host->tcp.tables;

	tcp_share_port(s, record);
	tables.established.insert(record.end, s.end.node.hash);
	tables.established.remove(s.end);
}

void tcp_unhash_time_wait(edu_stack &host, tcp_timewait &record)
{
	host.tcp.tables.established.remove(record.end);
	tcp_leave_port(host, record.bound);
}

} // namespace edu
