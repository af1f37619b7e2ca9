// SPDX-License-Identifier: GPL-2.0-only
/*
 * IGMP, the host's side: queries in, reports and leaves out.
 *
 * Requirements: IP-10, OVER-9. RFC 2236 3, 4, 6 and 10: version 2, and version 1 (RFC 1112) as long as
 * a version 1 router has been heard lately.
 * Not here: RFC 3376. A version 3 query is taken for a version 2 query, its Max Resp Code for tenths
 * of a second and its list of sources for padding, as RFC 2236 2.5 says of longer messages; a version
 * 3 router then falls back to version 2 for the group (RFC 3376 7.3.2). Nor the router's side.
 *
 * One thing is stricter than the RFC, so that a flood of general queries costs next to nothing: one
 * that leaves no less time than an earlier one, whose answers are not all due yet, changes nothing.
 *
 * Locking: a group's lock guards its state. Nothing is sent with it held. The timer, while pending,
 * holds a reference to its group.
 */
#include "ip/igmp.hh"

#include "stack.hh"
#include "wire/igmp.hh"

namespace edu {

using igmp_type = wire::igmp::type;

static constexpr u32 v1_response_ms = 10000; /* RFC 2236 4: what version 1 routers wait */
static constexpr u32 tenth_ms = 100;	     /* unit of the Max Response Time */

/* 224.0.0.1 is never reported (RFC 2236 3), and nobody else hears edulo. */
static bool is_reported(const ip_mc_list &group)
{
	return group.multiaddr != wire::ipv4::all_hosts_group && !group.interface->is_loopback();
}

/* RFC 2236 4: as long as one may be there, hosts speak version 1. */
static bool v1_router_present(const mc_device &mc)
{
	return edu_k_now_ms() < mc.v1_until.load();
}

/*
 * Out
 */

/* RFC 2236 2: TTL 1 and the router alert option, so that routers look at what is not sent to them. */
static result<void> send_message(edu_stack &host, const ip_mc_list &group, igmp_type what, be32 to)
{
	static constexpr u8 router_alert[] = {wire::ipv4::option_type::router_alert, 4, 0, 0};
	static constexpr u8 internet_control = 0xc0; /* precedence (RFC 791) */
	constexpr u32 headroom = 128;		     /* link header and the longest IP header */
	edu_iface &iface = *group.interface;
	rcu_guard guard;
	be32 src = iface_source(iface, to);

	if (src == be32{})
		return errc::eaddrnotavail;
	ref<rtable> route =
		TRY(ip_route_output(host, {to, src, iface.ifindex, internet_control, true}));
	skb_ptr packet = skb_ptr::alloc(headroom, wire::igmp::header_len, gfp::atomic);

	if (!packet)
		return errc::enobufs;
	wire::igmp::repr{what, 0, group.multiaddr}.emit(std::span<u8, wire::igmp::header_len>{
		packet.put(wire::igmp::header_len), wire::igmp::header_len});
	edu_k_skb_mark_transport(packet.get());
	edu_k_skb_csum_done(packet.get());
	return ip_send(host, std::move(packet), *route,
		       {.src = src,
			.dst = to,
			.protocol = static_cast<u8>(wire::ipv4::protocol::igmp),
			.ttl = 1,
			.tos = internet_control,
			.dont_fragment = true,
			.options = router_alert});
}

static edu_counter out_counter(igmp_type what)
{
	switch (what) {
	case igmp_type::report_v1:
		return EDU_Igmp_OutReportsV1;
	case igmp_type::report_v2:
		return EDU_Igmp_OutReportsV2;
	default:
		return EDU_Igmp_OutLeaves;
	}
}

static void igmp_send(edu_stack &host, const ip_mc_list &group, igmp_type what, be32 to)
{
	host.count(send_message(host, group, what, to) ? out_counter(what) : EDU_Igmp_OutErrors);
}

/*
 * The timer of a group
 */

/* At random within (0, most] (RFC 2236 3). */
static u32 random_delay(u32 most)
{
	return 1 + static_cast<u32>(u64{edu_k_random()} * most >> 32);
}

/* A reference for the timer, unless it has one: it loses that when it is cancelled or fires. */
static void start_timer_locked(ip_mc_list &group, u32 ms)
{
	if (group.dead)
		return;
	if (!edu_k_timer_cancel(&group.timer))
		group.refs.inc();
	group.tm_running = true;
	group.expires = edu_k_now_ms() + ms;
	edu_k_timer_set(&group.timer, ms);
}

/* Returns the timer's reference, to be dropped without the lock. */
[[nodiscard]] static ref<ip_mc_list> stop_timer_locked(ip_mc_list &group)
{
	group.tm_running = false;
	group.unsolicited = 0;
	if (!edu_k_timer_cancel(&group.timer))
		return nullptr; /* firing now: it drops its own */
	return ref<ip_mc_list>::adopt(&group);
}

/* A report is due. */
static void igmp_timer_expire(edu_timer *timer)
{
	auto group = ref<ip_mc_list>::adopt(edu::detail::owner_of(timer, &ip_mc_list::timer));
	edu_stack &host = *group->interface->host;
	{
		spin_guard guard{group->lock};

		/* It may have been stopped, or started anew, after it fired. */
		if (!group->tm_running || edu_k_timer_pending(timer))
			return;
		group->tm_running = false;
		group->reporter = true;
		if (group->unsolicited && --group->unsolicited)
			start_timer_locked(*group, random_delay(host.tune(
							   EDU_TUNE_igmp_unsolicited_interval_ms)));
	}
	rcu_guard guard;
	const mc_device *mc = group->interface->multicast.load();
	igmp_type what = mc && v1_router_present(*mc) ? igmp_type::report_v1 : igmp_type::report_v2;

	igmp_send(host, *group, what, group->multiaddr);
}

void igmp_group_init(ip_mc_list &group)
{
	group.lock.init(EDU_LOCK_IGMP);
	edu_k_timer_init(&group.timer, igmp_timer_expire);
}

/* RFC 2236 3: at once, and again in case that is lost. */
void igmp_group_added(edu_stack &host, ip_mc_list &group)
{
	if (!is_reported(group))
		return;
	spin_guard guard{group.lock};

	group.unsolicited = host.tune(EDU_TUNE_igmp_robustness);
	start_timer_locked(group, 0);
}

void igmp_group_quiet(ip_mc_list &group)
{
	ref<ip_mc_list> timers;
	spin_guard guard{group.lock};

	timers = stop_timer_locked(group);
	group.reporter = false;
}

void igmp_group_dropped(edu_stack &host, ip_mc_list &group)
{
	ref<ip_mc_list> timers;
	bool last_reporter;
	{
		spin_guard guard{group.lock};

		timers = stop_timer_locked(group);
		last_reporter = group.reporter;
		group.dead = true;
	}
	if (!last_reporter || !group.interface->is_up())
		return;
	rcu_guard guard;
	const mc_device *mc = group.interface->multicast.load();

	/* RFC 2236 4: version 1 knows no leave. */
	if (mc && !v1_router_present(*mc))
		igmp_send(host, group, igmp_type::leave, wire::ipv4::all_routers_group);
}

/*
 * In
 */

/* A report within max_ms; one that is due sooner anyway stays (RFC 2236 3). */
static void answer_within(ip_mc_list &group, u32 max_ms)
{
	if (!is_reported(group))
		return;
	spin_guard guard{group.lock};

	if (!group.tm_running || group.expires > edu_k_now_ms() + max_ms)
		start_timer_locked(group, random_delay(max_ms));
}

static void answer_general(mc_device &mc, u32 max_ms)
{
	const u64 now = edu_k_now_ms();
	const u64 by = mc.answered_by.load();

	if (now < by && by <= now + max_ms)
		return;
	mc.answered_by.store(now + max_ms);
	for (ip_mc_list &group : mc.groups)
		answer_within(group, max_ms);
}

/* RFC 3376 7.1 tells the versions apart: by length, and version 1 by its Max Response Time of 0. */
static verdict igmp_heard_query(edu_stack &host, edu_iface &iface, mc_device &mc,
				const wire::igmp::view &query)
{
	constexpr size_t v3_len = 12;
	u32 max_ms = query.max_response() ? query.max_response() * tenth_ms : tenth_ms;
	be32 which = query.group();

	if (query.is_v1_query()) {
		host.count(EDU_Igmp_InQueriesV1);
		mc.v1_until.store(edu_k_now_ms() + host.tune(EDU_TUNE_igmp_v1_router_timeout_ms));
		max_ms = v1_response_ms;
		which = {}; /* RFC 1112 appendix I: the field means nothing */
	} else if (query.size() == wire::igmp::header_len) {
		host.count(EDU_Igmp_InQueriesV2);
	} else if (query.size() >= v3_len) {
		host.count(EDU_Igmp_InQueriesV3);
	} else {
		return verdict::drop(EDU_Igmp_DropLength);
	}
	if (which == be32{})
		answer_general(mc, max_ms);
	else if (ip_mc_list *group = ip_mc_find(host, iface.ifindex, which))
		answer_within(*group, max_ms);
	return verdict::consumed();
}

/* Another member has answered: we need not (RFC 2236 3). */
static verdict igmp_heard_report(edu_stack &host, const edu_iface &iface, const ip_info &info,
				 be32 which)
{
	ref<ip_mc_list> timers;

	if (find_address(host, info.src).kind == addr_kind::local)
		return verdict::consumed(); /* our own, looped back */
	if (info.dst != which)
		return verdict::drop(
			EDU_Igmp_DropGroup); /* other members could not have heard it */
	ip_mc_list *group = ip_mc_find(host, iface.ifindex, which);
	if (!group)
		return verdict::consumed();
	spin_guard guard{group->lock};

	if (!group->tm_running)
		return verdict::consumed();
	timers = stop_timer_locked(*group);
	group->reporter = false;
	host.count(EDU_Igmp_Suppressed);
	return verdict::consumed();
}

static verdict igmp_dispatch(edu_stack &host, edu_iface &iface, const ip_info &info,
			     const wire::igmp::view &message)
{
	mc_device *mc = iface.multicast.load();

	if (!mc)
		return verdict::drop(EDU_Link_DropNotUp);
	switch (message.type()) {
	case igmp_type::query:
		return igmp_heard_query(host, iface, *mc, message);
	case igmp_type::report_v1:
		host.count(EDU_Igmp_InReportsV1);
		return igmp_heard_report(host, iface, info, message.group());
	case igmp_type::report_v2:
		host.count(EDU_Igmp_InReportsV2);
		return igmp_heard_report(host, iface, info, message.group());
	case igmp_type::report_v3: /* to routers; it suppresses nobody's (RFC 3376 5.2) */
		host.count(EDU_Igmp_InReportsV3);
		return verdict::consumed();
	case igmp_type::leave:
		host.count(EDU_Igmp_InLeaves);
		return verdict::consumed(); /* to routers */
	default:
		return verdict::drop(EDU_Igmp_DropUnknownType);
	}
}

/* RAW sockets have their copies already. */
static verdict igmp_rcv(edu_stack &host, skb_ptr &packet)
{
	const ip_info info = packet.cb<ip_info>();
	edu_iface *iface = find_iface(host, info.ifindex);

	if (!iface)
		return verdict::drop(EDU_Link_DropNotUp);
	if (!packet.may_pull(packet.len()))
		return verdict::drop(EDU_Ip_DropNoMemory);
	auto [message, why] = wire::igmp::view::checked(packet.linear());

	host.count(EDU_Igmp_InMsgs);
	switch (why) {
	case wire::igmp::fault::short_header:
		return verdict::drop(EDU_Igmp_DropShort);
	case wire::igmp::fault::bad_checksum:
		return verdict::drop(EDU_Igmp_DropChecksum);
	case wire::igmp::fault::bad_group:
		return verdict::drop(EDU_Igmp_DropGroup);
	case wire::igmp::fault::none:
		break;
	}
	return igmp_dispatch(host, *iface, info, message);
}

static constinit const inet_protocol igmp_protocol = {
	.protocol = static_cast<u8>(wire::ipv4::protocol::igmp),
	.name = "IGMP",
	.handler = igmp_rcv,
	.err_handler = nullptr, /* nobody may answer a multicast by an error */
};

int igmp_init()
{
	inet_add_protocol(&igmp_protocol);
	return 0;
}

void igmp_exit()
{
	inet_del_protocol(&igmp_protocol);
}

/*
 * For /proc
 */

void igmp_describe(const mc_device &mc, ip_mc_list &group, edu_mc_info &out)
{
	const u64 now = edu_k_now_ms();
	spin_guard guard{group.lock};

	out.ifindex = group.interface->ifindex;
	out.group = group.multiaddr.raw();
	out.users = read_once(group.users);
	out.version = v1_router_present(mc) ? 1 : 2;
	out.reporter = group.reporter;
	out.timer_running = group.tm_running;
	out.timer_ms =
		group.tm_running && group.expires > now ? static_cast<u32>(group.expires - now) : 0;
}

} // namespace edu
