// SPDX-License-Identifier: GPL-2.0-only
/*
 * udp_hash: binding to a port, and finding the socket of a datagram.
 *
 * TLK "Binding an Address to an INET BSD Socket": udp_hash is looked at when a bind asks for a port
 * and whenever a datagram arrives. Requirements: UDP-1, INET-6, INET-7. RFC 6056 3.3.2 (random
 * ephemeral ports).
 *
 * A packet is looked for in up to three chains: by both ends among the connected sockets, by our
 * address and port, by port alone. Each chain has the sockets of that key and hardly any other, so
 * the cost does not grow with the number of sockets. Several in one chain (SO_REUSEADDR,
 * SO_REUSEPORT, SO_BINDTODEVICE) are told apart by score, as in 2.0: the device counts, then the
 * one bound last wins; members of a SO_REUSEPORT group share, each flow staying with one of them.
 *
 * Locking: see udp.hh. A bind's search for a conflict and its entry into udp_hash are one step
 * under the lock of the port's stripe; num, by which packets and senders go, follows when the port is
 * ours. A socket that connects or disconnects appears in the new table before it leaves the old one.
 */
#include "sock/membership.hh"
#include "stack.hh"
#include "transport/udp.hh"

namespace edu {

namespace {

u32 port_hash(const edu_stack &host, u16 port)
{
	return static_cast<u32>(siphash13(host.key, u32{port}));
}

u32 bound_hash(const edu_stack &host, be32 addr, u16 port)
{
	return static_cast<u32>(siphash13(host.key, addr.raw(), u32{port}));
}

u32 connected_hash(const edu_stack &host, be32 laddr, u16 lport, be32 faddr, be16 fport)
{
	return static_cast<u32>(
		siphash13(host.key, laddr.raw(), faddr.raw(), u32{lport} << 16 | fport.raw()));
}

/*
 * Binding
 */

bool both_reuse(const sock &a, const sock &b)
{
	const u32 common = edu_k_sock_flags(home(a)) & edu_k_sock_flags(home(b));

	if (common & EDU_SOCK_REUSEADDR)
		return true;
	/* Sharing a port is for one user's sockets: nobody may steal another's datagrams. */
	return common & EDU_SOCK_REUSEPORT && edu_k_sock_uid(home(a)) == edu_k_sock_uid(home(b));
}

/* Would a and b, on the same port, claim the same datagrams? */
bool overlap(const sock &a, const sock &b)
{
	const be32 a_addr = read_once(a.rcv_saddr), b_addr = read_once(b.rcv_saddr);
	const int a_dev = bound_dev_if(a), b_dev = bound_dev_if(b);

	if (a_addr != b_addr && a_addr != be32{} && b_addr != be32{})
		return false;
	return a_dev == b_dev || !a_dev || !b_dev;
}

/* Takes the port unless it is taken. chosen: by us, and then not even for sharing. A sender on
 * another thread must never see a port in num that turns out to be somebody else's. */
bool claim_port(sock &s, u16 port, bool chosen)
{
	edu_stack &host = *s.host;
	const be16 sport{port};
	auto conflicts = [&](const sock &other) {
		return other.sport == sport && overlap(s, other) &&
		       (chosen || !both_reuse(s, other));
	};

	s.sport = sport;
	s.bind_order = host.udp.binds.fetch_add(1) + 1;
	if (host.udp.udp_hash.insert_unless(s, port_hash(host, port), conflicts)) {
		s.sport = be16{};
		return false;
	}
	write_once(s.num, port);
	udp_rehash(s);
	return true;
}

/* A number below limit, every one as likely. */
u32 random_below(u32 limit)
{
	return static_cast<u32>(u64{edu_k_random()} * limit >> 32);
}

struct port_range {
	u32 least, most; /* both included */
};

/* The host's range, and within it the socket's (ip(7), IP_LOCAL_PORT_RANGE): an end of it that the
 * host's does not cover counts for nothing. */
port_range local_ports(const sock &s)
{
	const u32 least = s.host->tune(EDU_TUNE_ip_local_port_min);
	const u32 most = s.host->tune(EDU_TUNE_ip_local_port_max);
	port_range range{least, most};

	if (s.port_least >= least && s.port_least <= most)
		range.least = s.port_least;
	if (s.port_most >= range.least && s.port_most <= most)
		range.most = s.port_most;
	return range;
}

/* RFC 6056's algorithm 2; when the range is crowded, every port is tried. */
bool claim_any_port(sock &s)
{
	constexpr u32 guesses = 16;
	auto [least, most] = local_ports(s);
	u32 count = most >= least ? most - least + 1 : 1;

	for (u32 i = 0; i < guesses; i++)
		if (claim_port(s, static_cast<u16>(least + random_below(count)), true))
			return true;

	u32 first = random_below(count);

	for (u32 i = 0; i < count; i++)
		if (claim_port(s, static_cast<u16>(least + (first + i) % count), true))
			return true;
	return false;
}

/* Connected sockets have a chain of their own once both ends are wholly known. */
bool is_fully_connected(const sock &s)
{
	return s.rcv_saddr != be32{} && s.daddr != be32{} && s.dport != be16{};
}

} // namespace

result<void> udp_state::init()
{
	TRY(udp_hash.init(EDU_LOCK_SOCK_BIND));
	TRY(bound.init(EDU_LOCK_UDP_HASH));
	return connected.init(EDU_LOCK_UDP_HASH);
}

result<void> udp_get_port(sock &s, u16 num)
{
	if (num ? claim_port(s, num, false) : claim_any_port(s))
		return {};
	return errc::eaddrinuse;
}

/*
 * Moves s to the chain of its present addresses. Its members changed before: a reader that still
 * meets it in the old chain compares them itself.
 */
void udp_rehash(sock &s)
{
	edu_stack &host = *s.host;
	udp_state &udp = host.udp;
	const u32 own_end = bound_hash(host, s.rcv_saddr, s.num);

	if (!s.num)
		return;
	if (!is_fully_connected(s)) {
		udp.bound.remove(s);
		udp.bound.insert(s, own_end);
		udp.connected.remove(s);
		return;
	}
	if (s.conn_node.is_hashed()) { /* to another peer: waits among the unconnected meanwhile */
		udp.bound.insert(s, own_end);
		udp.connected.remove(s);
	}
	udp.connected.insert(s, connected_hash(host, s.rcv_saddr, s.num, s.daddr, s.dport));
	udp.bound.remove(s);
}

void udp_unhash(sock &s)
{
	udp_state &udp = s.host->udp;

	udp.connected.remove(s);
	udp.bound.remove(s);
	udp.udp_hash.remove(s);
	write_once(s.num, 0);
	s.sport = be16{};
}

/*
 * Finding
 */

namespace {

constexpr int no_match = -1;

/* How well s fits, or no_match. */
int score(const sock &s, const udp_flow &flow)
{
	const be32 rcv_saddr = read_once(s.rcv_saddr), daddr = read_once(s.daddr);
	const be16 dport = read_once(s.dport);
	const int dev = bound_dev_if(s);
	int points = 1;

	if (read_once(s.num) != flow.lport || (rcv_saddr != be32{} && rcv_saddr != flow.laddr))
		return no_match;
	if (daddr != be32{}) {
		if (daddr != flow.faddr)
			return no_match;
		points += 4;
	}
	if (dport != be16{}) {
		if (dport != flow.fport)
			return no_match;
		points += 4;
	}
	if (dev) {
		if (flow.ifindex && dev != flow.ifindex)
			return no_match;
		points += 4;
	}
	return points;
}

/*
 * Which member of a SO_REUSEPORT group gets a flow: the one with the greatest hash of itself and
 * the flow (rendezvous hashing). Members that come or go move only their own flows.
 */
u64 claim_on(const edu_stack &host, const sock &s, const udp_flow &flow)
{
	return siphash13(host.key, static_cast<u32>(s.bind_order), flow.faddr.raw(),
			 flow.laddr.raw(), u32{flow.lport} << 16 | flow.fport.raw());
}

bool shares(const sock &s)
{
	return edu_k_sock_flags(home(s)) & EDU_SOCK_REUSEPORT;
}

/* Of two that fit equally well. */
bool preferred(const edu_stack &host, const sock &s, const sock &other, const udp_flow &flow)
{
	if (shares(s) && shares(other))
		return claim_on(host, s, flow) > claim_on(host, other, flow);
	return s.bind_order > other.bind_order;
}

/* The best of a chain so far. */
struct best_match {
	const edu_stack &host;
	const udp_flow &flow;
	sock *found = nullptr;
	int points = 0;

	void consider(sock &s)
	{
		int now = score(s, flow);

		if (now < points || now == no_match || &s == found)
			return;
		if (now > points || !found || preferred(host, s, *found, flow)) {
			found = &s;
			points = now;
		}
	}
};

template <typename visitor>
void each_connected(const edu_stack &host, const udp_flow &flow, visitor visit)
{
	if (host.udp.connected.size()) /* spares most hosts a hash */
		host.udp.connected.for_each_of(connected_hash(host, flow.laddr, flow.lport,
							      flow.faddr, flow.fport),
					       visit);
}

template <typename visitor>
void each_bound(const edu_stack &host, be32 addr, const udp_flow &flow, visitor visit)
{
	host.udp.bound.for_each_of(bound_hash(host, addr, flow.lport), visit);
}

sock *lookup_once(const edu_stack &host, const udp_flow &flow)
{
	best_match best{host, flow};
	auto consider = [&](sock &s) { best.consider(s); };

	each_connected(host, flow, consider);
	if (!best.found)
		each_bound(host, flow.laddr, flow, consider);
	if (!best.found)
		each_bound(host, be32{}, flow, consider);
	return best.found;
}

} // namespace

sock *udp_lookup(const edu_stack &host, const udp_flow &flow)
{
	sock *found = lookup_once(host, flow);

	/* It may have gone over to the connected ones behind our back: nobody wants a port
	 * unreachable for that. */
	return found ? found : lookup_once(host, flow);
}

void udp_for_each_match(const edu_stack &host, const udp_flow &flow, udp_visitor &visitor)
{
	auto deliver = [&](sock &s) {
		if (score(s, flow) != no_match &&
		    ip_mc_sf_allow(s, flow.laddr, flow.faddr, flow.ifindex))
			visitor.visit(s);
	};

	each_connected(host, flow, deliver);
	each_bound(host, flow.laddr, flow, deliver);
	each_bound(host, be32{}, flow, deliver);
}

} // namespace edu
