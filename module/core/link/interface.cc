// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces: devices come, change and go; packets leave by them.
 *
 * TLK "Network Devices". Requirements: DEV-1, LAYER-3, OVER-10, IP-2. RFC 894 (frames).
 * Addresses are in ifaddr.cc.
 *
 * Locking: life and changes under the RTNL; readers under RCU. A device that is going: `dev` becomes
 * null, then a grace period passes in which the last senders leave it, then the home lets go.
 */
#include "link/interface.hh"

#include "link/arp.hh"
#include "link/rarp.hh"
#include "stack.hh"

namespace edu {

static constinit const iface_listener *listener;

void iface_set_listener(const iface_listener *who)
{
	rcu_publish(listener, who);
}

const iface_listener *iface_get_listener()
{
	return rcu_load(listener);
}

/*
 * Settings
 */

enum class tunable_rule : u8 { own, either, both, greater, routers };

static constexpr tunable_rule tunable_rules[] = {
#define EDU_IFACE_TUNABLE_RULE(name, value, least, most, rule, text) tunable_rule::rule,
	EDU_IFACE_TUNABLES(EDU_IFACE_TUNABLE_RULE)
#undef EDU_IFACE_TUNABLE_RULE
};

static constexpr u32 iface_tunable_defaults[] = {
#define EDU_IFACE_TUNABLE_DEFAULT(name, value, least, most, rule, text) value,
	EDU_IFACE_TUNABLES(EDU_IFACE_TUNABLE_DEFAULT)
#undef EDU_IFACE_TUNABLE_DEFAULT
};

u32 iface_tune(const edu_iface &iface, edu_iface_tunable which)
{
	u32 own = read_once(iface.tunables[which]);
	u32 all = read_once(iface.host->interfaces.all_tunables[which]);
	tunable_rule rule = tunable_rules[which];

	if (rule == tunable_rule::routers)
		rule = read_once(iface.tunables[EDU_IFACE_forwarding]) ? tunable_rule::both :
									 tunable_rule::either;
	switch (rule) {
	case tunable_rule::either:
		return own | all;
	case tunable_rule::both:
		return own & all;
	case tunable_rule::greater:
		return own < all ? all : own;
	default:
		return own;
	}
}

static u32 index_hash(const edu_stack &host, int ifindex)
{
	return static_cast<u32>(siphash13(host.key, static_cast<u32>(ifindex)));
}

edu_iface *find_iface(const edu_stack &host, int ifindex)
{
	rcu_guard guard; /* for callers with the RTNL: the table may grow under them */

	return host.interfaces.by_index.find(index_hash(host, ifindex), [=](edu_iface &iface) {
		return iface.ifindex == ifindex;
	});
}

/*
 * Packets out
 */

result<void> iface_xmit(edu_iface &iface, skb_ptr frame, wire::eth::ethertype type)
{
	edu_net *net = iface.host->net;
	rcu_guard guard;
	edu_dev *dev = iface.dev.load();

	if (!dev || !iface.is_up()) [[unlikely]] {
		drop(net, std::move(frame), EDU_Link_DropNotUp);
		return errc::enetdown;
	}
	trace(net, EDU_TRACE_dev_send, frame.get(), iface.ifindex);
	int error = edu_k_dev_xmit(dev, frame.release(), static_cast<u16>(type));
	if (error) [[unlikely]] {
		edu_k_count(net, EDU_Link_DropXmitError);
		return from_errno(error);
	}
	edu_k_count(net, EDU_Link_OutFrames);
	return {};
}

/* A device that cannot do ARP gets what Linux gives it: over a point-to-point link everything is a
 * broadcast, else both ends are taken to have one address. */
static eth_addr target_addr(const edu_dev_info &info, link_target target, be32 group)
{
	switch (target) {
	case link_target::broadcast:
		return eth_addr::load(info.broadcast);
	case link_target::multicast:
		return wire::eth::group_addr(group);
	default:
		return eth_addr::load(info.flags & iff::pointopoint ? info.broadcast : info.addr);
	}
}

result<void> iface_output(edu_iface &iface, skb_ptr packet, link_target target, be32 group)
{
	constexpr auto type = wire::eth::ethertype::ipv4;
	rcu_guard guard;
	const edu_dev_info &info = *iface.info.load();

	if (!info.header_len)
		return iface_xmit(iface, std::move(packet), type);
	if (skb_headroom(packet.get()) < info.header_len && !packet.make_writable(info.headroom)) {
		drop(iface.host->net, std::move(packet), EDU_Ip_DropNoMemory);
		return errc::enobufs;
	}
	eth_addr to = target_addr(info, target, group);
	if (iface.ethernet || info.header_len == wire::eth::header_len) {
		wire::eth::repr header{to, eth_addr::load(info.addr), static_cast<u16>(type)};

		header.emit(std::span<u8, wire::eth::header_len>{packet.push(wire::eth::header_len),
								 wire::eth::header_len});
		return iface_xmit(iface, std::move(packet), type);
	}
	edu_dev *dev = iface.dev.load();
	if (!dev || edu_k_dev_header(dev, packet.get(), static_cast<u16>(type),
				     target == link_target::nobody ? nullptr : info.broadcast)) {
		drop(iface.host->net, std::move(packet), EDU_Link_DropNotUp);
		return errc::enetdown;
	}
	return iface_xmit(iface, std::move(packet), type);
}

/*
 * Life
 */

static void take_over(edu_iface &iface, const edu_dev_info &info)
{
	edu_dev_info &spare = iface.snapshots[iface.info.load_locked() == &iface.snapshots[0]];

	spare = info;
	iface.info.publish(&spare);
	write_once(iface.mtu, info.mtu);
	write_once(iface.headroom,
		   info.headroom < info.header_len ? info.header_len : info.headroom);
	write_once(iface.header_len, info.header_len);
	write_once(iface.flags, info.flags | (info.loopback ? iff::loopback : 0));
}

/* dev_base is in the order of the indices. RTNL. */
static void enter_dev_base(interface_table &table, edu_iface &iface)
{
	edu_iface *before = nullptr;

	for (edu_iface &other : table.dev_base)
		if (other.ifindex < iface.ifindex)
			before = &other;
	if (before)
		table.dev_base.insert_after(*before, iface);
	else
		table.dev_base.push_front(iface);
}

static void announce_addresses(edu_iface &iface)
{
	if (!iface.is_up() || !iface.uses_arp())
		return;
	rcu_guard guard;
	for (ifaddr &addr : iface.addrs)
		if (addr.in_use())
			arp_announce(iface, addr.local);
}

result<void> interface_host_init(edu_stack &host)
{
	for (u32 i = 0; i < EDU_IFACE_TUNABLE_COUNT; i++) {
		host.interfaces.all_tunables[i] = iface_tunable_defaults[i];
		host.interfaces.default_tunables[i] = iface_tunable_defaults[i];
	}
	TRY(host.interfaces.by_index.init(EDU_LOCK_IFACE));
	return host.interfaces.by_addr.init(EDU_LOCK_IFACE);
}

void interface_host_exit(edu_stack &host)
{
	host.interfaces.by_addr.free();
	host.interfaces.by_index.free();
}

} // namespace edu

using namespace edu;

void release(edu_iface *iface)
{
	destroy_rcu(iface);
}

edu_iface *edu_core_iface_new(edu_stack *stack, edu_dev *dev, const edu_dev_info *info)
{
	edu_k_assert_rtnl();
	owner<edu_iface> fresh = make<edu_iface>(gfp::kernel);

	if (!fresh)
		return nullptr;
	edu_iface *iface = fresh.release(); /* its first reference is the table's */

	iface->host = stack;
	iface->ifindex = info->ifindex;
	iface->ethernet = info->type == arphrd_ether && info->addr_len == eth_addr::len &&
			  info->header_len == wire::eth::header_len;
	iface->dev.publish(dev);
	for (u32 i = 0; i < EDU_IFACE_TUNABLE_COUNT; i++)
		iface->tunables[i] = stack->interfaces.default_tunables[i];
	take_over(*iface, *info);
	const iface_listener *above = iface_get_listener();
	if (above && !above->attached(*iface)) {
		(void)iface->dev.replace(nullptr); /* stays the caller's */
		release(iface);
		return nullptr;
	}
	enter_dev_base(stack->interfaces, *iface);
	stack->interfaces.by_index.insert(*iface, index_hash(*stack, iface->ifindex));
	if (iface->is_loopback() && !stack->interfaces.loopback.load_locked())
		stack->interfaces.loopback.publish(iface);
	return iface;
}

void edu_core_iface_changed(edu_iface *iface, const edu_dev_info *info)
{
	edu_k_assert_rtnl();
	const edu_dev_info before = *iface->info.load_locked();

	edu_k_synchronize_rcu(); /* nobody reads the spare snapshot any more */
	take_over(*iface, *info);

	bool moved = !same_bytes(before.addr, info->addr);
	bool went_down = (before.flags & ~info->flags) & iff::up;
	bool came_up = (info->flags & ~before.flags) & iff::up;
	bool plugged = (info->flags & ~before.flags) & (iff::up | iff::running);

	if (went_down || moved || (info->flags & iff::noarp))
		arp_flush_iface(*iface, false);
	if (moved)
		arp_renew_headers(*iface);
	if (const iface_listener *above = iface_get_listener())
		above->changed(*iface);
	if (came_up || (moved && iface->is_up()))
		announce_addresses(*iface);
	if (plugged && iface->is_running())
		arp_probe_again(*iface);
}

void edu_core_iface_gone(edu_iface *iface)
{
	interface_table &table = iface->host->interfaces;

	edu_k_assert_rtnl();
	write_once(iface->flags, iface->flags & ~iff::up);
	edu_dev *dev = iface->dev.replace(nullptr); /* from now on senders drop */

	while (ifaddr *addr = iface->addrs.front())
		ifaddr_remove(*addr);
	table.by_index.remove(*iface);
	table.dev_base.remove(*iface);
	if (table.loopback.load_locked() == iface)
		table.loopback.publish(nullptr);
	arp_flush_iface(*iface, true);
	rarp_flush(*iface->host, iface);
	if (const iface_listener *above = iface_get_listener())
		above->gone(*iface);
	edu_k_synchronize_rcu(); /* the last sender has left the device */
	/* A sender that looked the interface up before may have made an ARP entry meanwhile. */
	arp_flush_iface(*iface, true);
	edu_k_dev_release(dev);
	ref<edu_iface> tables = ref<edu_iface>::adopt(iface); /* dropped here */
}

int edu_core_iface_next(edu_stack *stack, edu_cursor *at, edu_iface_info *out)
{
	rcu_guard guard;
	auto &last = at->position[0]; /* index of the one shown last */
	edu_iface *iface = find_iface(*stack, static_cast<int>(last));

	iface = iface ? stack->interfaces.dev_base.after(*iface) :
			stack->interfaces.dev_base.front();
	while (iface && static_cast<u64>(iface->ifindex) <= last)
		iface = stack->interfaces.dev_base.after(*iface);
	if (!iface)
		return 0;
	last = static_cast<u64>(iface->ifindex);
	out->dev = *iface->info.load();
	out->addresses = read_once(iface->addresses);
	return 1;
}

unsigned int edu_core_iface_addresses(const edu_iface *iface)
{
	return iface->addresses;
}

edu_u32 *edu_core_iface_tunables(edu_iface *iface)
{
	return iface->tunables;
}

edu_u32 *edu_core_all_iface_tunables(edu_stack *stack)
{
	return stack->interfaces.all_tunables;
}

edu_u32 *edu_core_default_iface_tunables(edu_stack *stack)
{
	return stack->interfaces.default_tunables;
}

edu_u32 edu_core_iface_tune(const edu_iface *iface, edu_iface_tunable which)
{
	return iface_tune(*iface, which);
}

void edu_core_iface_tunable_written(edu_stack *stack, const edu_u32 *values,
				    edu_iface_tunable which)
{
	interface_table &table = stack->interfaces;
	bool everywhere = values == table.all_tunables;
	const iface_listener *above = iface_get_listener();

	edu_k_assert_rtnl();
	if (everywhere && tunable_rules[which] == tunable_rule::own) {
		write_once(table.default_tunables[which], values[which]);
		for (edu_iface &iface : table.dev_base)
			write_once(iface.tunables[which], values[which]);
	}
	/* "Router" or "host" is also said of redirects, as Linux does it: only hosts believe them. */
	if (everywhere && which == EDU_IFACE_forwarding)
		write_once(table.all_tunables[EDU_IFACE_accept_redirects], !values[which]);
	for (edu_iface &iface : table.dev_base)
		if (above && (everywhere || values == iface.tunables))
			above->changed(iface);
}
