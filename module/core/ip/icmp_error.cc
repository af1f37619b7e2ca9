// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP errors: ours about others' packets, and others' about ours.
 *
 * IP-10, ARP-5. RFC 792; RFC 1122 3.2.2 (which packets may cause an error), 3.2.2.1 and 4.2.3.9 (what
 * an error means to a program), RFC 1191 (next-hop MTU); RFC 1812 4.3.2.3 (quote as much as fits into
 * 576 octets), 4.3.2.8 (rate limits).
 *
 * Locking: softirq, under RCU. The token buckets have a leaf lock, taken for each error only.
 */
#include "ip/icmp.hh"
#include "stack.hh"

namespace edu {

using wire::icmp::type;

/*
 * What an error means (Linux's numbers)
 */

static constexpr icmp_meaning unreachable_meaning[] = {
	{int(errc::enetunreach), false},  /* network */
	{int(errc::ehostunreach), false}, /* host */
	{int(errc::enoprotoopt), true},	  /* protocol */
	{int(errc::econnrefused), true},  /* port */
	{int(errc::emsgsize), false},	  /* fragmentation needed */
	{int(errc::eopnotsupp), false},	  /* source route failed */
	{int(errc::enetunreach), true},	  /* network unknown */
	{int(errc::ehostdown), true},	  /* host unknown */
	{64, true},			  /* ENONET: source isolated */
	{int(errc::enetunreach), true},	  /* network prohibited */
	{int(errc::ehostunreach), true},  /* host prohibited */
	{int(errc::enetunreach), false},  /* network, for this TOS */
	{int(errc::ehostunreach), false}, /* host, for this TOS */
	{int(errc::ehostunreach), true},  /* filtered */
	{int(errc::ehostunreach), true},  /* precedence violation */
	{int(errc::ehostunreach), true},  /* precedence cut-off */
};

icmp_meaning icmp_error_meaning(u8 t, u8 code)
{
	switch (static_cast<type>(t)) {
	case type::unreachable:
		if (code < std::size(unreachable_meaning))
			return unreachable_meaning[code];
		return {int(errc::ehostunreach), true};
	case type::parameter_problem:
		return {int(errc::eproto), true};
	default: /* time exceeded */
		return {int(errc::ehostunreach), false};
	}
}

/*
 * Errors in
 */

/* Hands an error to the transport whose packet is quoted, and to RAW sockets. */
static verdict tell(edu_stack &host, const icmp_error &error)
{
	const inet_protocol *protocol = inet_find_protocol(error.protocol);
	const raw_listener *raw = ip_get_raw_listener();
	icmp_error seen = error;

	if (raw && raw->err_handler) {
		raw->err_handler(host, error);
		/* It may have put more of the packet in a row, elsewhere. */
		seen.quoted = skb_bytes(error.packet).first(error.quoted.size());
	}
	if (!protocol || !protocol->err_handler)
		return verdict::drop(EDU_Icmp_DropNoSocket);
	protocol->err_handler(host, seen);
	return verdict::consumed();
}

static u32 error_info(const wire::icmp::view &message)
{
	if (message.type() == type::parameter_problem)
		return message.pointer();
	if (message.type() == type::unreachable &&
	    message.code() == static_cast<u8>(wire::icmp::unreachable_code::fragmentation_needed))
		return message.mtu();
	return 0;
}

bool icmp_gather_quote(const skb_ptr &packet)
{
	constexpr u32 fixed = wire::icmp::header_len + wire::ipv4::min_header_len;

	if (!packet.may_pull(fixed))
		return false;
	u32 length = packet.data()[wire::icmp::header_len] % 16u * 4;
	return packet.may_pull(
		static_cast<u32>(wire::icmp::header_len + length + wire::icmp::min_quote));
}

/* A router tells the MTU of the link that was too small. */
void icmp_learn_mtu(edu_stack &host, const icmp_error &error)
{
	if (error.type == static_cast<u8>(type::unreachable) &&
	    error.code == static_cast<u8>(wire::icmp::unreachable_code::fragmentation_needed))
		rt_update_pmtu(host, error.dst, error.info, error.total_length);
}

verdict icmp_rcv_error(edu_stack &host, skb_ptr &packet)
{
	const ip_info info = packet.cb<ip_info>();
	icmp_error error{};

	/* An error goes to one host, about a packet that one host sent (RFC 1122 3.2.2). */
	if (info.dst_broadcast || info.dst_multicast || !icmp_gather_quote(packet))
		return verdict::drop(EDU_Icmp_DropQuote);
	auto message = wire::icmp::view::checked_header(packet.linear(), packet.len()).header;
	auto [quote, why] = wire::icmp::quote::checked(message.payload());
	if (why != wire::icmp::quote_fault::none)
		return verdict::drop(EDU_Icmp_DropQuote);
	const wire::ipv4::view quoted = quote.packet();
	if (!quoted.is_first_fragment() ||
	    find_address(host, quoted.src()).kind != addr_kind::local)
		return verdict::drop(EDU_Icmp_DropQuote);

	error.offender = info.src;
	error.type = static_cast<u8>(message.type());
	error.code = message.code();
	error.info = error_info(message);
	error.ifindex = info.ifindex;
	error.src = quoted.src();
	error.dst = quoted.dst();
	error.protocol = quoted.protocol();
	error.header_len = static_cast<u8>(quoted.header_length());
	error.total_length = quoted.total_length();
	error.quoted = quote.transport();
	error.packet = packet.get();
	packet.pull(static_cast<u32>(wire::icmp::header_len + quoted.header_length()));
	return tell(host, error);
}

/* A packet we forwarded cannot be delivered: RFC 1812 5.2.7.1, host unreachable. */
static void tell_transit_sender(edu_stack &host, const skb_ptr &packet)
{
	auto [header, why] = wire::ipv4::view::quoted(packet.linear());

	if (why != wire::ipv4::fault::none || header.total_length() < header.header_length())
		return;
	ip_info &info = packet.cb<ip_info>();
	info = {};
	info.src = header.src();
	info.dst = header.dst();
	info.header_len = header.header_length();
	info.payload_len = static_cast<u16>(header.payload_length());
	info.protocol = header.protocol();
	info.tos = header.tos();
	edu_k_skb_mark_network(packet.get());
	icmp_send(host, packet.get(), static_cast<u8>(type::unreachable),
		  static_cast<u8>(wire::icmp::unreachable_code::host), 0);
}

void icmp_link_failure(edu_stack &host, const skb_ptr &packet)
{
	edu_k_assert_rcu();
	if (!packet.may_pull(wire::ipv4::min_header_len))
		return;
	u32 header_len = packet.data()[0] % 16u * 4;

	if (!packet.may_pull(header_len + static_cast<u32>(wire::icmp::min_quote)))
		return;
	bytes linear = packet.linear();
	if (find_address(host, load_addr(&linear[12])).kind != addr_kind::local)
		return tell_transit_sender(host, packet);
	if (load_be16(&linear[6]) & wire::ipv4::offset_mask)
		return; /* a later fragment has no transport header to tell by */
	icmp_error error{
		.offender = load_addr(&linear[12]), /* we ourselves say so */
		.src = load_addr(&linear[12]),
		.dst = load_addr(&linear[16]),
		.protocol = linear[9],
		.header_len = static_cast<u8>(header_len),
		.total_length = load_be16(&linear[2]),
		.type = static_cast<u8>(type::unreachable),
		.code = static_cast<u8>(wire::icmp::unreachable_code::host),
		.info = 0,
		.ifindex = 0,
		.quoted = linear.subspan(header_len),
		.packet = packet.get(),
	};

	edu_k_skb_pull(packet.get(), header_len); /* it is dropped afterwards */
	(void)tell(host, error);
}

/*
 * Errors out
 */

/* RFC 1122 3.2.2: never about an error, a broadcast, a later fragment, or to nobody in particular. */
static bool may_answer(const sk_buff *about, const ip_info &info, const u8 *header)
{
	if (info.link_broadcast || info.dst_broadcast || info.dst_multicast)
		return false;
	if (load_be16(&header[6]) & wire::ipv4::offset_mask)
		return false;
	if (!wire::ipv4::is_host(info.src))
		return false;
	if (info.protocol != static_cast<u8>(wire::ipv4::protocol::icmp))
		return true;

	/* The ICMP type lies right behind the header, wherever data points now. */
	u8 t;
	u32 at = static_cast<u32>(header + info.header_len - skb_data(about));
	if (info.payload_len < 1)
		return false;
	if (header + info.header_len < skb_data(about))
		t = header[info.header_len];
	else if (edu_k_skb_copy_bits(about, at, &t, 1))
		return false;
	return wire::icmp::is_known(static_cast<type>(t)) &&
	       !wire::icmp::is_error(static_cast<type>(t));
}

static bool take_token(icmp_limit &limit, u32 burst, u32 interval)
{
	u64 now = edu_k_now_ms();

	if (limit.burst != burst || limit.interval != interval) {
		limit.burst = burst;
		limit.interval = interval;
		limit.bucket = token_bucket{1, interval, burst, now};
	}
	return limit.bucket.take(now);
}

/* As in Linux: path MTU discovery, which an outsider could else silence by using up the tokens, and what
 * we say to ourselves. */
static bool has_no_limit(edu_stack &host, const ip_info &about, type t, u8 code)
{
	if (t == type::unreachable &&
	    code == static_cast<u8>(wire::icmp::unreachable_code::fragmentation_needed))
		return true;
	rcu_guard guard; /* the device may be going */
	const edu_iface *from = find_iface(host, about.ifindex);
	return from && from->is_loopback();
}

static bool within_limit(edu_stack &host, const ip_info &about, type t, u8 code)
{
	if (has_no_limit(host, about, t, code))
		return true;
	spin_guard guard{host.icmp.lock};

	if (t == type::unreachable)
		return take_token(host.icmp.unreachable, host.tune(EDU_TUNE_icmp_unreach_burst),
				  host.tune(EDU_TUNE_icmp_unreach_interval_ms));
	return take_token(host.icmp.others, host.tune(EDU_TUNE_icmp_error_burst),
			  host.tune(EDU_TUNE_icmp_error_interval_ms));
}

static void count_out(edu_stack &host, type t)
{
	switch (t) {
	case type::unreachable:
		return host.count(EDU_Icmp_OutDestUnreachs);
	case type::time_exceeded:
		return host.count(EDU_Icmp_OutTimeExcds);
	case type::parameter_problem:
		return host.count(EDU_Icmp_OutParmProbs);
	case type::redirect:
		return host.count(EDU_Icmp_OutRedirects);
	default:
		return;
	}
}

/* The message's second word. */
static u32 second_word(type t, u32 info)
{
	return t == type::parameter_problem ? info << 24 : info;
}

/* Copies the packet from its IP header on: what lies between that and data, then the rest. */
static bool copy_quote(const sk_buff *about, const u8 *header, u8 *to, u32 length)
{
	u32 in_front = header < skb_data(about) ? static_cast<u32>(skb_data(about) - header) : 0;
	u32 behind;

	if (in_front > length)
		in_front = length;
	copy_bytes(to, {header, in_front});
	behind = length - in_front;
	return !behind || !edu_k_skb_copy_bits(about, 0, to + in_front, behind);
}

static skb_ptr make_error(const sk_buff *about, const ip_info &info, const u8 *header, type t,
			  u8 code, u32 word)
{
	constexpr u32 headroom = 128; /* link and IP header */
	constexpr u32 most =
		wire::icmp::max_error_packet - wire::ipv4::min_header_len - wire::icmp::header_len;
	u32 length = info.header_len + info.payload_len;
	u32 present = static_cast<u32>(skb_data(about) + skb_len(about) - header);

	if (length > present)
		length = present; /* the transport has cut off what was behind its datagram */
	if (length > most)
		length = most;
	skb_ptr message = skb_ptr::alloc(headroom, wire::icmp::header_len + length, gfp::atomic);
	if (!message)
		return message;
	u8 *out = message.put(wire::icmp::header_len + length);
	u8 *quote = out + wire::icmp::header_len;
	if (!copy_quote(about, header, quote, length))
		return skb_ptr{};
	wire::icmp::repr repr{t, code, word};
	repr.emit(std::span<u8, wire::icmp::header_len>{out, wire::icmp::header_len},
		  inet_sum{}.add({quote, length}));
	return message;
}

void icmp_send(edu_stack &host, const sk_buff *about, u8 type_octet, u8 code, u32 word)
{
	/* "Internetwork control", as routers mark such packets (RFC 1812 4.3.2.5). */
	constexpr u8 precedence = 0xc0, tos_bits = 0x1e;
	const ip_info info = skb_cb<ip_info>(const_cast<sk_buff *>(about));
	const u8 *header = edu_k_skb_network(about);
	type t = static_cast<type>(type_octet);

	if (!may_answer(about, info, header)) {
		host.count(EDU_Icmp_ErrorSuppressed);
		return;
	}
	if (!within_limit(host, info, t, code)) {
		host.count(EDU_Icmp_RateLimited);
		return;
	}
	skb_ptr message = make_error(about, info, header, t, code, second_word(t, word));
	if (!message) {
		host.count(EDU_Icmp_OutErrors);
		return;
	}
	count_out(host, t);
	u8 tos = static_cast<u8>((info.tos & tos_bits) | precedence);
	/* About a packet for another host, from the address of the interface the error leaves by. */
	bool asked = find_address(host, info.dst).kind == addr_kind::local;
	be32 own = asked ? info.dst : be32{};
	(void)icmp_reply(host, std::move(message), info.src, own, tos, {});
}

} // namespace edu
