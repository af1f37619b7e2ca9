// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options of level SOL_IP (ip(7)), and IP options that programs put on packets.
 *
 * Requirements: IP-10, UDP-3. RFC 1122 3.2.1.8 (IP options), 4.1.3.2, 4.1.4. Numbers, lengths and
 * errors are Linux's. Most options are numbers: a table says how each is set and read. A number may
 * be given as an int or as one octet.
 * Groups (IP_ADD_MEMBERSHIP and its kin) are in membership_options.cc. Not here: IP_ROUTER_ALERT,
 * IP_CHECKSUM, IP_RECVFRAGSIZE, IP_PASSSEC, IPsec policies; Documentation/socket-abi.rst says why.
 *
 * Locking: setting and reading are called with the socket lock held; what senders read meanwhile is
 * written with write_once(), and IP_OPTIONS is replaced as a whole and freed by RCU.
 */
#include "sock/options.hh"

#include "sock/membership.hh"
#include "stack.hh"

namespace edu {

namespace {

using namespace wire::ipv4;

/*
 * IP options
 */

bool is_free_for_all(u8 type)
{
	switch (type) {
	case option_type::nop:
	case option_type::record_route:
	case option_type::timestamp:
	case option_type::loose_source_route:
	case option_type::strict_source_route:
	case option_type::router_alert:
		return true;
	default:
		return false;
	}
}

/* The program lists the hops, the next one first. On the wire that one is the destination, the list
 * moves up, and its last slot is for the final destination. */
result<void> arrange_source_route(option_set &set, const compiled_options &found)
{
	constexpr u32 list_at = 3, addr_len = sizeof(be32);
	const u32 at = found.source_route - static_cast<u32>(min_header_len);
	u8 *route = set.octets + at;
	const u32 len = route[1];

	if (route[2] != list_at + 1 || len < list_at + addr_len || (len - list_at) % addr_len)
		return errc::einval;
	set.has_route = true;
	set.strict = found.strict;
	set.first_hop = load_addr(route + list_at);
	set.final_slot = static_cast<u8>(at + len - addr_len);
	for (u32 i = list_at; i + addr_len < len; i++)
		route[i] = route[i + addr_len];
	return {};
}

} // namespace

result<void> make_option_set(bytes given, bool privileged, option_set &out)
{
	out = {};
	if (given.size() > max_options_len)
		return errc::einval;
	copy_bytes(out.octets, given); /* the rest is zero: end of options */
	out.length = static_cast<u8>((given.size() + 3) / 4 * 4);

	compiled_options found = compile_options(out.all());
	option_cursor cursor{out.all()};
	option opt;

	if (!found.ok())
		return errc::einval;
	while (cursor.next(opt))
		if (!privileged && !is_free_for_all(opt.type))
			return errc::einval;
	return found.source_route ? arrange_source_route(out, found) : result<void>{};
}

u32 turn_options(bytes received, be32, mutable_bytes out)
{
	constexpr size_t list_at = 3, addr_len = sizeof(be32);
	option_cursor cursor{received};
	option opt;
	u32 len = 0;

	while (cursor.next(opt)) {
		u8 *to = out.data() + len;

		switch (opt.type) {
		case option_type::record_route:
		case option_type::timestamp:
			break;
		case option_type::loose_source_route:
		case option_type::strict_source_route:
			if (opt.data.size() < list_at + addr_len || !opt.is_full())
				continue;
			break;
		default:
			continue; /* not for the answer */
		}
		copy_bytes(to, opt.data);
		len += static_cast<u32>(opt.data.size());
		if (opt.type == option_type::record_route || opt.type == option_type::timestamp)
			continue;
		to[2] = list_at + 1;
		for (size_t from = opt.data.size() - addr_len, at = list_at; at < opt.data.size();
		     at += addr_len, from -= addr_len)
			store_addr(to + at, load_addr(&opt.data[from]));
	}
	while (len % 4)
		out[len++] = option_type::end;
	return len;
}

namespace {

result<void> set_ip_options(sock &s, bytes given)
{
	auto fresh = make<sock_options>(gfp::kernel);

	if (!fresh)
		return errc::enobufs;
	TRY(make_option_set(given, edu_k_sock_capable(home(s), cap_net_raw), fresh->set));
	copy_bytes(fresh->given, given);
	fresh->given_len = fresh->set.length;
	if (sock_options *former = s.ip_options.replace(fresh.release()))
		destroy_rcu(former);
	sk_route_reset(s);
	return {};
}

u32 get_ip_options(const sock &s, mutable_bytes value)
{
	const sock_options *ours = s.ip_options.load_locked();
	size_t len = ours ? ours->given_len : 0;

	if (len > value.size())
		len = value.size();
	if (len)
		copy_bytes(value.data(), bytes{ours->given, len});
	return static_cast<u32>(len);
}

/*
 * Options that are numbers
 */

/* A number as the program gave it; absent: it gave no octet at all, which counts as 0. */
struct number {
	int value;
	bool absent;
};

struct ip_option {
	int name;
	result<void> (*set)(sock &s, number n); /* null: cannot be set */
	result<int> (*get)(const sock &s);	/* null: cannot be read */
};

template <bool sock::*member>
result<void> set_flag(sock &s, number n)
{
	write_once(s.*member, n.value != 0);
	return {};
}

/* The same for those that want to see at least one octet. */
template <bool sock::*member>
result<void> set_given_flag(sock &s, number n)
{
	return n.absent ? errc::einval : set_flag<member>(s, n);
}

template <bool sock::*member>
result<int> get_flag(const sock &s)
{
	return s.*member;
}

template <u8 bit>
result<void> set_cmsg(sock &s, number n)
{
	write_once(s.cmsg, static_cast<u8>(n.value ? s.cmsg | bit : s.cmsg & ~bit));
	return {};
}

template <u8 bit>
result<int> get_cmsg(const sock &s)
{
	return (s.cmsg & bit) != 0;
}

template <bool sock::*member>
result<void> set_raw_flag(sock &s, number n)
{
	return s.type == sock_raw ? set_flag<member>(s, n) : errc::enoprotoopt;
}

/* Linux's TC_PRIO_*: what the device's queue is told of a wish for low delay (0x10 of the TOS) and for
 * throughput (0x08). The other bits tell it nothing. */
int priority_of(int tos)
{
	constexpr int best_effort = 0, bulk = 2, interactive_bulk = 4, interactive = 6;

	switch (tos & 0x18) {
	case 0x08:
		return bulk;
	case 0x10:
		return interactive;
	case 0x18:
		return interactive_bulk;
	default:
		return best_effort;
	}
}

result<void> set_tos(sock &s, number n)
{
	int tos = n.value;

	if (s.type == sock_stream) /* TCP's own bits stay as they are (RFC 3168 6.1) */
		tos = (tos & ~int{ecn_mask}) | (s.ip_tos & ecn_mask);
	if (tos == s.ip_tos)
		return {};
	write_once(s.ip_tos, static_cast<u8>(tos));
	edu_k_sock_set_priority(home(s), static_cast<u32>(priority_of(tos)));
	sk_route_reset(s);
	return {};
}

result<void> set_ttl(sock &s, number n)
{
	if (n.absent || (n.value != -1 && (n.value < 1 || n.value > 255)))
		return errc::einval;
	write_once(s.ip_ttl, static_cast<s16>(n.value));
	return {};
}

result<int> get_ttl(const sock &s)
{
	return s.ip_ttl > 0 ? s.ip_ttl : static_cast<int>(s.host->tune(EDU_TUNE_ip_default_ttl));
}

result<void> set_mtu_discover(sock &s, number n)
{
	if (n.value < pmtu::never || n.value > pmtu::omit)
		return errc::einval;
	write_once(s.pmtudisc, static_cast<u8>(n.value));
	return {};
}

/* Who wants no errors any more shall not meet old ones later. */
result<void> set_recverr(sock &s, number n)
{
	write_once(s.recverr, n.value != 0);
	if (!n.value)
		edu_k_sock_purge_errors(home(s));
	return {};
}

/* The path's MTU, of a connected socket only. Its route may have been forgotten for a better one. */
result<int> get_mtu(const sock &s)
{
	const int bound = bound_dev_if(s);
	const int oif = bound ? bound : s.uc_index;
	ref<rtable> route = sk_route_get(s, s.daddr, oif);

	if (s.type == sock_stream ? s.daddr == be32{} : !is_connected(s))
		return errc::enotconn;
	if (!route) {
		constexpr u8 tos_for_routes = 0x1e;
		auto found = ip_route_output(*s.host, {s.daddr, s.saddr, oif,
						       u8(s.ip_tos & tos_for_routes), true});

		if (!found)
			return errc::enotconn;
		route = std::move(found).value();
	}
	return static_cast<int>(rt_path_mtu(*route));
}

result<void> set_transparent(sock &s, number n)
{
	if (n.value && !edu_k_sock_capable(home(s), cap_net_raw) &&
	    !edu_k_sock_capable(home(s), cap_net_admin))
		return errc::eperm;
	return set_given_flag<&sock::transparent>(s, n);
}

result<void> set_min_ttl(sock &s, number n)
{
	if (n.absent || n.value < 0 || n.value > 255)
		return errc::einval;
	write_once(s.min_ttl, static_cast<u8>(n.value));
	return {};
}

result<void> set_multicast_ttl(sock &s, number n)
{
	int ttl = n.value == -1 ? 1 : n.value;

	if (s.type == sock_stream || n.absent || ttl < 0 || ttl > 255)
		return errc::einval;
	write_once(s.mc_ttl, static_cast<u8>(ttl));
	return {};
}

result<void> set_multicast_all(sock &s, number n)
{
	if (n.value < 0 || n.value > 1)
		return errc::einval;
	return set_given_flag<&sock::mc_all>(s, n);
}

constexpr ip_option ip_options[] = {
	{1 /* IP_TOS */, set_tos, [](const sock &s) -> result<int> { return s.ip_tos; }},
	{2 /* IP_TTL */, set_ttl, get_ttl},
	{3 /* IP_HDRINCL */, set_raw_flag<&sock::hdrincl>, get_flag<&sock::hdrincl>},
	{6 /* IP_RECVOPTS */, set_cmsg<cmsg_bit::recvopts>, get_cmsg<cmsg_bit::recvopts>},
	{7 /* IP_RETOPTS */, set_cmsg<cmsg_bit::retopts>, get_cmsg<cmsg_bit::retopts>},
	{8 /* IP_PKTINFO */, set_cmsg<cmsg_bit::pktinfo>, get_cmsg<cmsg_bit::pktinfo>},
	{10 /* IP_MTU_DISCOVER */, set_mtu_discover,
	 [](const sock &s) -> result<int> { return s.pmtudisc; }},
	{11 /* IP_RECVERR */, set_recverr, get_flag<&sock::recverr>},
	{12 /* IP_RECVTTL */, set_cmsg<cmsg_bit::ttl>, get_cmsg<cmsg_bit::ttl>},
	{13 /* IP_RECVTOS */, set_cmsg<cmsg_bit::tos>, get_cmsg<cmsg_bit::tos>},
	{14 /* IP_MTU */, nullptr, get_mtu},
	{15 /* IP_FREEBIND */, set_given_flag<&sock::freebind>, get_flag<&sock::freebind>},
	{19 /* IP_TRANSPARENT */, set_transparent, get_flag<&sock::transparent>},
	{20 /* IP_RECVORIGDSTADDR */, set_cmsg<cmsg_bit::origdstaddr>,
	 get_cmsg<cmsg_bit::origdstaddr>},
	{21 /* IP_MINTTL */, set_min_ttl, [](const sock &s) -> result<int> { return s.min_ttl; }},
	{22 /* IP_NODEFRAG */, set_raw_flag<&sock::nodefrag>, get_flag<&sock::nodefrag>},
	{24 /* IP_BIND_ADDRESS_NO_PORT */, set_flag<&sock::bind_no_port>,
	 get_flag<&sock::bind_no_port>},
	{33 /* IP_MULTICAST_TTL */, set_multicast_ttl,
	 [](const sock &s) -> result<int> { return s.mc_ttl; }},
	{34 /* IP_MULTICAST_LOOP */, set_given_flag<&sock::mc_loop>, get_flag<&sock::mc_loop>},
	{49 /* IP_MULTICAST_ALL */, set_multicast_all, get_flag<&sock::mc_all>},
	{50 /* IP_UNICAST_IF */, nullptr /* its length matters: below */,
	 [](const sock &s) -> result<int> {
		 return static_cast<int>(be32{static_cast<u32>(s.uc_index)}.raw());
	 }},
	{51 /* IP_LOCAL_PORT_RANGE */, nullptr /* likewise */,
	 [](const sock &s) -> result<int> {
		 return static_cast<int>(u32{s.port_most} << 16 | s.port_least);
	 }},
	{52 /* IP_PROTOCOL */, nullptr, [](const sock &s) -> result<int> { return s.num; }},
};

const ip_option *find_option(int name)
{
	for (const ip_option &o : ip_options)
		if (o.name == name)
			return &o;
	return nullptr;
}

number read_number(bytes value)
{
	if (value.size() >= sizeof(int))
		return {static_cast<int>(load_native<u32>(value.data())), false};
	if (value.empty())
		return {0, true};
	return {value[0], false};
}

/*
 * Options that name an interface
 */

/* Fits the interface the socket is bound to, if it is. */
result<void> check_interface(const sock &s, int ifindex)
{
	const int bound = bound_dev_if(s);
	rcu_guard guard;

	if (!find_iface(*s.host, ifindex))
		return errc::eaddrnotavail;
	return bound && bound != ifindex ? errc::einval : errc::none;
}

/* An index, in network byte order. */
result<void> set_unicast_if(sock &s, bytes value)
{
	if (value.size() != sizeof(int))
		return errc::einval;
	int ifindex = static_cast<int>(load_be32(value.data()));

	if (ifindex) {
		const int bound = bound_dev_if(s);
		rcu_guard guard;

		if (!find_iface(*s.host, ifindex))
			return errc::eaddrnotavail;
		if (bound) /* Linux: the two exclude each other, the same index too */
			return errc::einval;
	}
	write_once(s.uc_index, ifindex);
	return {};
}

/* struct in_addr, ip_mreq (group, address) or ip_mreqn (group, address, index). */
result<void> set_multicast_if(sock &s, bytes value)
{
	constexpr size_t in_addr_len = 4, ip_mreq_len = 8, ip_mreqn_len = 12;
	int ifindex = 0;
	be32 addr;

	if (s.type == sock_stream || value.size() < in_addr_len)
		return errc::einval;
	addr = load_addr(value.data() + (value.size() >= ip_mreq_len ? 4 : 0));
	if (value.size() >= ip_mreqn_len)
		ifindex = static_cast<int>(load_native<u32>(value.data() + 8));
	if (!ifindex && addr != be32{}) {
		rcu_guard guard;
		addr_match found = find_address(*s.host, addr);

		if (found.kind != addr_kind::local)
			return errc::eaddrnotavail;
		ifindex = found.iface->ifindex;
	}
	if (ifindex)
		TRY(check_interface(s, ifindex));
	write_once(s.mc_index, ifindex);
	write_once(s.mc_addr, addr);
	return {};
}

/* Two ports, each 0 for the host's: the least in the low half of a word, the most in the high one. */
result<void> set_local_port_range(sock &s, bytes value)
{
	if (value.size() != sizeof(u32))
		return errc::einval;
	const u32 range = load_native<u32>(value.data());
	const auto least = static_cast<u16>(range), most = static_cast<u16>(range >> 16);

	if (least && most && least > most)
		return errc::einval;
	s.port_least = least;
	s.port_most = most;
	return {};
}

constexpr int ip_options_name = 4, ip_multicast_if = 32, ip_unicast_if = 50,
	      ip_local_port_range = 51;

/* An int, or one octet when there is no room for more and it fits. */
u32 write_number(int n, mutable_bytes value)
{
	size_t len = value.size() < sizeof(n) ? value.size() : sizeof(n);

	if (len && len < sizeof(n) && n >= 0 && n <= 255) {
		value[0] = static_cast<u8>(n);
		return 1;
	}
	__builtin_memcpy(value.data(), &n, len);
	return static_cast<u32>(len);
}

} // namespace

result<void> ip_setsockopt(sock &s, int name, bytes value)
{
	if (is_membership_option(name)) {
		/* No stream is sent to a group; Linux refuses these two alone. */
		constexpr int add_membership = 35, drop_membership = 36;

		if (s.type == sock_stream && (name == add_membership || name == drop_membership))
			return errc::eproto;
		return membership_setsockopt(s, name, value);
	}
	switch (name) {
	case ip_options_name:
		return set_ip_options(s, value);
	case ip_multicast_if:
		return set_multicast_if(s, value);
	case ip_unicast_if:
		return set_unicast_if(s, value);
	case ip_local_port_range:
		return set_local_port_range(s, value);
	}
	const ip_option *found = find_option(name);

	if (!found || !found->set)
		return errc::enoprotoopt;
	return found->set(s, read_number(value));
}

result<u32> ip_getsockopt(sock &s, int name, mutable_bytes value)
{
	if (is_membership_option(name))
		return membership_getsockopt(s, name, value);
	if (name == ip_options_name)
		return get_ip_options(s, value);
	if (name == ip_multicast_if) {
		u32 len =
			static_cast<u32>(value.size() < sizeof(be32) ? value.size() : sizeof(be32));

		__builtin_memcpy(value.data(), &s.mc_addr, len);
		return len;
	}
	const ip_option *found = find_option(name);

	if (!found || !found->get)
		return errc::enoprotoopt;
	int n = TRY(found->get(s));

	return write_number(n, value);
}

} // namespace edu
