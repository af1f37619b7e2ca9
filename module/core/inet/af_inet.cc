// SPDX-License-Identifier: GPL-2.0-only
/*
 * The INET socket layer: what the BSD layer's calls do with a sock.
 *
 * TLK "The INET Socket Layer", "Creating a BSD Socket", "Binding an Address to an INET BSD Socket",
 * "Making a Connection", "Listening", "Accepting". 2.0's net/ipv4/af_inet.c.
 * Requirements: BSD-4, INET-1 … INET-12. Errors are Linux's, except that listen() on a UDP socket
 * succeeds (INET-10) and that a privileged bind() takes any address (INET-4). What only streams
 * have (stream_ops) is TCP's own; here is the way to it.
 *
 * Locking: each call takes the socket lock around what changes the sock. Sending and receiving
 * datagrams do not, see sock/datagram.cc; calls on streams take it themselves.
 */
#include "sock/datagram.hh"
#include "sock/membership.hh"
#include "sock/options.hh"
#include "sock/sock.hh"
#include "stack.hh"

namespace edu {

namespace {

constexpr int af_unspec = 0;
constexpr int sockaddr_len = 16;
constexpr int any_protocol = 0;
constexpr int most_protocols = 263; /* IPPROTO_MAX */
constexpr int unprivileged = -1, ask_ping_group = -2;
constexpr u32 fionread = 0x541b, siocoutq = 0x5411;
constexpr int enoioctlcmd = -515;

/* edu_core_proto_name()'s order. */
constexpr const proto *protos[] = {&udp_prot, &raw_prot, &ping_prot, &packet_prot, &tcp_prot};

/* What socket(type, protocol) means (2.0: the switch of inet_create()). */
struct inet_protosw {
	int type;
	int protocol;	/* any_protocol: whichever the program asks for, but it must ask */
	int index;	/* into protos */
	int capability; /* cap_*, unprivileged or ask_ping_group */
};

constexpr inet_protosw inetsw[] = {
	{sock_stream, ipproto_tcp, 4, unprivileged},
	{sock_dgram, ipproto_udp, 0, unprivileged}, /* the first of a type is its default */
	{sock_dgram, ipproto_icmp, 2, ask_ping_group},
	{sock_raw, any_protocol, 1, cap_net_raw},
};

/* SOCK_PACKET's protocols are those of frames, in network byte order, and 0 is none. */
result<edu_sock_kind> packet_kind(int protocol)
{
	constexpr int packet_index = 3, most = 0xffff;

	if (protocol < 0 || protocol > most)
		return errc::einval;
	return edu_sock_kind{packet_index, protocol, cap_net_raw};
}

result<edu_sock_kind> find_kind(int type, int protocol)
{
	errc why = errc::esocktnosupport;

	if (type == sock_packet)
		return packet_kind(protocol);
	if (protocol < 0 || protocol >= most_protocols)
		return errc::einval;
	for (const inet_protosw &entry : inetsw) {
		if (entry.type != type)
			continue;
		why = errc::eprotonosupport;
		if (entry.protocol == any_protocol && (!protocol || protocol > 255))
			continue;
		if (!protocol || entry.protocol == protocol || entry.protocol == any_protocol)
			return edu_sock_kind{entry.index, protocol ? protocol : entry.protocol,
					     entry.capability};
	}
	return why;
}

int family_of(const void *name)
{
	return load_native<u16>(static_cast<const u8 *>(name));
}

bool may_bind_any(const sock &s)
{
	return edu_k_sock_capable(home(s), cap_net_raw) ||
	       edu_k_sock_capable(home(s), cap_net_admin);
}

/* Locked. INET-3, INET-5, INET-6. */
result<void> inet_bind(sock &s, const end_point &at, route_type kind)
{
	const u16 port = at.port.host();

	if (state_of(s) != sock_state::close || s.num)
		return errc::einval;

	/* Two addresses: packets are taken for rcv_saddr and sent from saddr, which a group or a
	 * broadcast address cannot be. */
	bool source = kind != route_type::multicast && kind != route_type::broadcast;

	write_once(s.rcv_saddr, at.addr);
	write_once(s.saddr, source ? at.addr : be32{});
	if (port || !s.bind_no_port) {
		if (auto got = s.prot->get_port(s, port); !got) {
			write_once(s.rcv_saddr, {});
			write_once(s.saddr, {});
			write_once(s.any_source, false);
			return got;
		}
	}
	s.addr_bound = at.addr != be32{};
	s.port_bound = port;
	s.any_source = kind == route_type::unicast && at.addr != be32{} &&
		       (s.transparent || !s.freebind);
	write_once(s.daddr, {});
	write_once(s.dport, {});
	sk_route_reset(s);
	return {};
}

result<void> do_bind(sock &s, const void *name, int name_len)
{
	if (s.prot->bind_name) {
		sock_guard guard{home(s)};

		return s.prot->bind_name(s, name, name_len);
	}
	end_point at = TRY(parse_name(name, name_len, false));
	const u16 port = at.port.host();
	/* Held from here: IP_FREEBIND must not change between the check and what follows from it. */
	sock_guard guard{home(s)};

	if (s.prot->bind)
		return s.prot->bind(s, at);
	route_type kind = TRY(check_bind_address(s, at.addr));
	if (port && port < 1024 && !edu_k_sock_capable(home(s), cap_net_bind_service))
		return errc::eacces;
	return inet_bind(s, at, kind);
}

result<void> do_connect(sock &s, const void *name, int name_len, int flags)
{
	if (s.prot->stream)
		return s.prot->stream->connect(s, name, name_len, flags);
	if (s.prot->bind_name)
		return errc::eopnotsupp;
	if (name_len < 2)
		return errc::einval;
	if (family_of(name) == af_unspec) {
		sock_guard guard{home(s)};

		datagram_disconnect(s);
		return {};
	}
	end_point to = TRY(parse_name(name, name_len, false));

	TRY(inet_autobind(s));
	sock_guard guard{home(s)};

	if (state_of(s) == sock_state::listen)
		return errc::eisconn; /* INET-8 */
	return datagram_connect(s, to);
}

/* INET-9, INET-10: of a datagram socket only the state changes, and it gets a port. */
result<void> do_listen(sock &s, int backlog)
{
	if (s.prot->stream)
		return s.prot->stream->listen(s, backlog);
	if (!s.prot->listens)
		return errc::eopnotsupp;
	TRY(inet_autobind(s));
	sock_guard guard{home(s)};

	if (is_connected(s))
		return errc::einval;
	edu_k_sock_set_state(home(s), static_cast<int>(sock_state::listen));
	return {};
}

result<void> do_shutdown(sock &s, int how)
{
	constexpr int both = 3;

	if (s.prot->bind_name)
		return errc::eopnotsupp;
	if (how < 0 || how > 2)
		return errc::einval;
	if (s.prot->stream)
		return s.prot->stream->shutdown(s, how);
	sock_guard guard{home(s)};
	bool unconnected = state_of(s) == sock_state::close;

	/* An unconnected socket is shut down too, for whoever polls it; yet that is an error. */
	edu_k_sock_shutdown(home(s), (how + 1) & both);
	return unconnected ? errc::enotconn : errc::none;
}

result<u32> do_getsockopt(sock &s, int level, int name, mutable_bytes value)
{
	constexpr int sol_ip = 0;

	if (s.prot->bind_name)
		return errc::eopnotsupp;
	rtnl_guard rtnl{level == sol_ip && is_membership_option(name)};
	sock_guard guard{home(s)};

	if (level == sol_ip)
		return ip_getsockopt(s, name, value);
	if (!s.prot->getsockopt)
		return errc::eopnotsupp;
	return s.prot->getsockopt(s, level, name, value);
}

result<void> do_setsockopt(sock &s, int level, int name, bytes value)
{
	constexpr int sol_ip = 0;

	if (s.prot->bind_name)
		return errc::eopnotsupp;
	rtnl_guard rtnl{level == sol_ip && is_membership_option(name)};
	sock_guard guard{home(s)};

	if (level == sol_ip)
		return ip_setsockopt(s, name, value);
	if (!s.prot->setsockopt)
		return errc::enoprotoopt;
	return s.prot->setsockopt(s, level, name, value);
}

int to_ret(result<int> got)
{
	return got ? got.value() : to_errno(got);
}

/* FIONREAD and SIOCOUTQ of a datagram socket. */
result<int> datagram_ioctl(sock &s, u32 command)
{
	u32 first;

	switch (command) {
	case fionread:
		first = edu_k_sock_first_len(home(s));
		return static_cast<int>(first > s.prot->header_len ? first - s.prot->header_len :
								     0);
	case siocoutq:
		return static_cast<int>(edu_k_sock_wmem(home(s)));
	default:
		return errc::enosys;
	}
}

/* The last that a program says of a datagram socket. */
void close_datagram(sock &s)
{
	rtnl_guard rtnl{s.mc_list != nullptr}; /* no other call on the socket is left */
	sock_guard guard{home(s)};

	sock_uncork(s);
	s.prot->unhash(s);
	ip_mc_drop_socket(s);
	sk_route_reset(s);
}

} // namespace

result<end_point> parse_name(const void *name, int name_len, bool unspec)
{
	const u8 *octets = static_cast<const u8 *>(name);

	if (name_len < sockaddr_len)
		return errc::einval;
	end_point to{load_addr(octets + 4), be16{load_be16(octets + 2)}};
	int family = family_of(name);

	if (family == edu_k_family)
		return to;
	/* Old programs leave the family out: bind() takes that for "any address" only. */
	if (family == af_unspec && (unspec || to.addr == be32{}))
		return to;
	return errc::eafnosupport;
}

result<route_type> check_bind_address(sock &s, be32 addr)
{
	if (addr == be32{})
		return route_type::unspec;
	route_type kind = inet_addr_type(*s.host, addr);

	switch (kind) {
	case route_type::local:
	case route_type::multicast:
	case route_type::broadcast:
		return kind;
	default:
		if (s.freebind || s.transparent || may_bind_any(s))
			return route_type::unicast;
		return errc::eaddrnotavail;
	}
}

result<void> inet_autobind(sock &s)
{
	if (read_once(s.num) || !s.prot->autobind)
		return {};
	sock_guard guard{home(s)};

	if (!s.num && !s.prot->get_port(s, 0))
		return errc::eagain;
	return {};
}

} // namespace edu

using namespace edu;

/*
 * The bridge
 */

unsigned int edu_core_proto_sock_size(unsigned int index)
{
	const stream_ops *stream = protos[index]->stream;

	return stream ? stream->sock_size : static_cast<u32>(sizeof(edu::sock));
}

int edu_core_sock_kind(int type, int protocol, edu_sock_kind *kind)
{
	auto found = find_kind(type, protocol);

	if (found)
		*kind = found.value();
	return to_errno(found);
}

const char *edu_core_proto_name(unsigned int index)
{
	return index < std::size(protos) ? protos[index]->name : nullptr;
}

int edu_core_proto_is_stream(unsigned int index)
{
	return protos[index]->stream != nullptr;
}

int edu_core_sock_init(::sock *sk, edu_stack *stack, int type, int protocol)
{
	auto kind = find_kind(type, protocol);

	if (!kind)
		return to_errno(kind);
	const proto *by = protos[kind.value().index];
	edu::sock &s = core(sk);

	if (by->stream)
		by->stream->construct(&s, stack, by);
	else
		::new (static_cast<void *>(&s)) edu::sock(stack, by, static_cast<u8>(type),
							  static_cast<u8>(kind.value().protocol));
	if (type == edu::sock_packet)
		s.num = be16::from_raw(static_cast<u16>(protocol)).host();
	return by->init ? to_errno(by->init(s)) : 0;
}

void edu_core_sock_destroy(::sock *sk)
{
	edu::sock &s = core(sk);

	if (s.prot->stream)
		s.prot->stream->destroy(s);
	else
		s.~sock();
}

void edu_core_release(::sock *sk)
{
	edu::sock &s = core(sk);

	if (!s.prot->stream)
		return close_datagram(s);
	if (s.mc_list) { /* no other call on the socket is left */
		rtnl_guard rtnl{true};
		sock_guard guard{sk};

		ip_mc_drop_socket(s);
	}
	s.prot->stream->close(s);
}

int edu_core_bind(::sock *sk, const void *name, int name_len)
{
	return to_errno(do_bind(core(sk), name, name_len));
}

int edu_core_connect(::sock *sk, const void *name, int name_len, int flags)
{
	return to_errno(do_connect(core(sk), name, name_len, flags));
}

int edu_core_listen(::sock *sk, int backlog)
{
	return to_errno(do_listen(core(sk), backlog));
}

/* INET-11: for TCP only. */
int edu_core_accept(::sock *sk, int flags, ::sock **child)
{
	edu::sock &s = core(sk);

	if (!s.prot->stream)
		return to_errno(errc::eopnotsupp);
	auto got = s.prot->stream->accept(s, flags);

	if (got)
		*child = home(*got.value());
	return to_errno(got);
}

int edu_core_getname(::sock *sk, int peer, edu_be32 *address, edu_be16 *port)
{
	constexpr int for_accept = 2; /* it may have been reset meanwhile */
	edu::sock &s = core(sk);
	sock_guard guard{sk};

	if (peer) {
		const sock_state state = state_of(s);
		const bool open = state != sock_state::close && state != sock_state::syn_sent;

		if (s.dport == be16{} || (!open && peer != for_accept))
			return to_errno(errc::enotconn);
		*address = s.daddr.raw();
		*port = s.dport.raw();
		return 0;
	}
	*address = s.rcv_saddr != be32{} ? s.rcv_saddr.raw() : s.saddr.raw();
	*port = s.sport.raw();
	return 0;
}

int edu_core_shutdown(::sock *sk, int how)
{
	return to_errno(do_shutdown(core(sk), how));
}

int edu_core_sendmsg(::sock *sk, const edu_send *send)
{
	edu::sock &s = core(sk);

	if (!s.prot->stream) {
		if (auto bound = inet_autobind(s); !bound)
			return to_errno(bound);
	}
	return to_ret(s.prot->sendmsg(s, *send));
}

void edu_core_splice_eof(::sock *sk)
{
	edu::sock &s = core(sk);

	if (!s.prot->push_locked || (!s.prot->stream && !read_once(s.corked)))
		return;
	sock_guard guard{sk};

	if (!s.cork_on)
		(void)s.prot->push_locked(s); /* as in Linux, nobody is told */
}

int edu_core_recvmsg(::sock *sk, msghdr *msg, unsigned int len, edu_u32 flags)
{
	edu::sock &s = core(sk);

	return to_ret(s.prot->recvmsg(s, msg, len, flags));
}

int edu_core_setsockopt(::sock *sk, int level, int name, const void *value, unsigned int len)
{
	return to_errno(
		do_setsockopt(core(sk), level, name, {static_cast<const u8 *>(value), len}));
}

int edu_core_getsockopt(::sock *sk, int level, int name, void *value, unsigned int *len)
{
	auto used = do_getsockopt(core(sk), level, name, {static_cast<u8 *>(value), *len});

	if (used)
		*len = used.value();
	return to_errno(used);
}

int edu_core_ioctl(::sock *sk, unsigned int command, int *value)
{
	edu::sock &s = core(sk);
	result<int> got = s.prot->stream ? s.prot->stream->ioctl(s, command) :
					   datagram_ioctl(s, command);

	if (got)
		*value = got.value();
	return got.error() == errc::enosys ? enoioctlcmd : to_errno(got);
}

/* Datagrams are queued without the socket lock and never wait in back_log; whoever put one there
 * is served all the same. */
int edu_core_backlog_rcv(::sock *sk, sk_buff *skb)
{
	edu::sock &s = core(sk);
	skb_ptr packet{skb};

	if (!s.prot->stream)
		return sock_queue_rcv(s, packet);
	s.prot->stream->backlog_rcv(s, std::move(packet));
	return 0;
}

/*
 * Streams
 */

int edu_core_sock_is_stream(const ::sock *sk)
{
	return core(const_cast<::sock *>(sk)).prot->stream != nullptr;
}

void edu_core_release_cb(::sock *sk)
{
	edu::sock &s = core(sk);

	if (s.prot->stream)
		s.prot->stream->release_cb(s);
}

unsigned int edu_core_poll(::sock *sk)
{
	edu::sock &s = core(sk);

	return s.prot->stream ? s.prot->stream->poll(s) : 0;
}

void edu_core_sock_keepalive(::sock *sk, int on)
{
	edu::sock &s = core(sk);

	if (s.prot->stream)
		s.prot->stream->keepalive(s, on);
}

int edu_core_sock_set_rcvlowat(::sock *sk, int octets)
{
	edu::sock &s = core(sk);

	return to_errno(s.prot->stream ? s.prot->stream->set_rcvlowat(s, octets) :
					 result<void>{errc::eopnotsupp});
}

int edu_core_splice_read(::sock *sk, unsigned int len, edu_u32 flags,
			 int (*take)(void *arg, sk_buff *skb, unsigned int offset,
				     unsigned int len),
			 void *arg)
{
	edu::sock &s = core(sk);
	splice_taker to{take, arg};

	return s.prot->stream ? to_ret(s.prot->stream->splice_read(s, len, flags, to)) :
				to_errno(errc::einval);
}

int edu_core_sock_next(edu_stack *stack, int protocol, edu_cursor *at, edu_sock_info *out)
{
	u64 &table = at->position[3]; /* of RAW's two: 0 raw_hash, 1 ping_hash */
	rcu_guard guard;
	const edu::sock *s;

	if (protocol == EDU_SOCKS_PACKET) {
		s = stack->packet.packet_hash.next(*at);
	} else if (protocol == ipproto_udp) {
		s = stack->udp.udp_hash.next(*at);
	} else {
		s = table ? nullptr : stack->raw.raw_hash.next(*at);
		if (!s && !table) {
			*at = {};
			table = 1;
		}
		if (!s)
			s = stack->raw.ping_hash.next(*at);
	}
	if (!s)
		return 0;
	sock_fill_info(*s, *out);
	if (protocol == EDU_SOCKS_PACKET)
		out->bound_if = read_once(s->tap_ifindex);
	return 1;
}
