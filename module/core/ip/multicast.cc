// SPDX-License-Identifier: GPL-2.0-only
/*
 * The groups that interfaces belong to: joined, left, looked up, looped back.
 *
 * TLK: "some addresses are multicast and received by all". Requirements: IP-10, UDP-3, OVER-9.
 * RFC 1112 6 and 7. Not here: routing of multicasts between interfaces (RFC 1112 leaves that to
 * multicast routers), and a source filter of the interface: filters are each socket's own.
 *
 * Locking: as in multicast.hh.
 */
#include "ip/multicast.hh"

#include "ip/igmp.hh"
#include "stack.hh"

namespace edu {

void release(ip_mc_list *group)
{
	destroy_rcu(group);
}

static u32 group_hash(const edu_stack &host, int ifindex, be32 group)
{
	return static_cast<u32>(siphash13(host.key, static_cast<u32>(ifindex), group.raw()));
}

ip_mc_list *ip_mc_find(const edu_stack &host, int ifindex, be32 group)
{
	return host.multicast.groups.find(
		group_hash(host, ifindex, group), [=](const ip_mc_list &found) {
			return found.multiaddr == group && found.interface->ifindex == ifindex;
		});
}

bool ip_mc_member(const edu_stack &host, int ifindex, be32 group)
{
	return group == wire::ipv4::all_hosts_group || ip_mc_find(host, ifindex, group);
}

/*
 * Joining and leaving
 */

/* The device takes the group's frames too, or no longer. Several groups may share an address; the
 * device counts. */
static result<void> device_add(const edu_iface &iface, const mc_device &mc, be32 group)
{
	u8 address[8] = {};

	if (!iface.ethernet)
		return {};
	wire::eth::group_addr(group).store(address);
	return edu_k_dev_mc_add(mc.dev, address) ? errc::enobufs : errc::none;
}

static void device_del(const edu_iface &iface, const mc_device &mc, be32 group)
{
	u8 address[8] = {};

	if (!iface.ethernet)
		return;
	wire::eth::group_addr(group).store(address);
	edu_k_dev_mc_del(mc.dev, address);
}

static result<ip_mc_list *> group_new(edu_stack &host, edu_iface &iface, mc_device &mc, be32 addr)
{
	if (mc.count >= host.tune(EDU_TUNE_igmp_max_groups))
		return errc::enobufs;
	owner<ip_mc_list> fresh = make<ip_mc_list>(gfp::kernel);

	if (!fresh)
		return errc::enobufs;
	TRY(device_add(iface, mc, addr));
	fresh->interface = ref<edu_iface>::share(&iface);
	fresh->multiaddr = addr;
	fresh->serial = ++mc.last_serial;
	igmp_group_init(*fresh);
	write_once(mc.count, mc.count + 1);
	mc.groups.push_front(*fresh);
	host.multicast.groups.insert(*fresh, group_hash(host, iface.ifindex, addr));
	return fresh.release(); /* its first reference is the tables' */
}

/* Nobody wishes it any more, or the interface is going. */
static void group_del(edu_stack &host, edu_iface &iface, mc_device &mc, ip_mc_list &group)
{
	host.multicast.groups.remove(group);
	mc.groups.remove(group);
	write_once(mc.count, mc.count - 1);
	device_del(iface, mc, group.multiaddr);
	igmp_group_dropped(host, group);
	ref<ip_mc_list> tables = ref<ip_mc_list>::adopt(&group); /* dropped here */
}

static result<void> join_on(edu_stack &host, edu_iface &iface, mc_device &mc, mc_wish &wish)
{
	ip_mc_list *group;
	{
		rcu_guard guard;
		group = ip_mc_find(host, wish.ifindex, wish.multiaddr);
	}
	bool first = !group;

	if (first)
		group = TRY(group_new(host, iface, mc, wish.multiaddr));
	wish.joined = group;
	group->wishes.push_back(wish);
	write_once(group->users, group->users + 1);
	if (first && mc.up)
		igmp_group_added(host, *group);
	return {};
}

result<void> ip_mc_join(edu_stack &host, mc_wish &wish)
{
	edu_k_assert_rtnl();
	edu_iface *iface = find_iface(host, wish.ifindex);
	mc_device *mc = iface ? iface->multicast.load_locked() : nullptr;

	if (!mc)
		return errc::enodev;
	return join_on(host, *iface, *mc, wish);
}

void ip_mc_leave(edu_stack &host, mc_wish &wish)
{
	ip_mc_list *group = std::exchange(wish.joined, nullptr);

	edu_k_assert_rtnl();
	wish.node.unlink();
	if (!group) /* was waiting */
		return;
	write_once(group->users, group->users - 1);
	if (group->users)
		return;
	edu_iface &iface = *group->interface;
	group_del(host, iface, *iface.multicast.load_locked(), *group);
}

/*
 * What we send to a group of our own
 */

void ip_mc_loop_back(edu_stack &host, const skb_ptr &packet, const rtable &route)
{
	rcu_guard guard;

	if (ip_mc_member(host, route.rt_dev->ifindex, route.rt_dst))
		ip_loop_back(host, packet, route, wire::eth::group_addr(route.rt_dst));
}

/*
 * Interfaces come, change and go
 */

/* Wishes that outlived an earlier life of the interface. What fails waits on. */
static void rejoin(edu_stack &host, edu_iface &iface, mc_device &mc)
{
	for (mc_wish &wish : host.multicast.waiting.removing()) {
		if (wish.ifindex != iface.ifindex)
			continue;
		wish.node.unlink();
		if (!join_on(host, iface, mc, wish))
			host.multicast.waiting.push_front(wish);
	}
}

result<void> ip_mc_attached(edu_iface &iface)
{
	owner<mc_device> fresh = make<mc_device>(gfp::kernel);

	if (!fresh)
		return errc::enomem;
	fresh->dev = iface.dev.load_locked();
	fresh->up = iface.is_up();
	fresh->all_hosts.ifindex = iface.ifindex;
	fresh->all_hosts.multiaddr = wire::ipv4::all_hosts_group;
	TRY(join_on(*iface.host, iface, *fresh, fresh->all_hosts));
	mc_device *mc = fresh.release();
	iface.multicast.publish(mc);
	rejoin(*iface.host, iface, *mc);
	return {};
}

void ip_mc_changed(edu_iface &iface)
{
	mc_device *mc = iface.multicast.load_locked();

	if (!mc || mc->up == iface.is_up())
		return;
	mc->up = iface.is_up();
	mc->v1_until.store(0);
	mc->answered_by.store(0);
	for (ip_mc_list &group : mc->groups) {
		if (mc->up)
			igmp_group_added(*iface.host, group);
		else
			igmp_group_quiet(group);
	}
}

void ip_mc_gone(edu_iface &iface)
{
	edu_stack &host = *iface.host;
	mc_device *mc = iface.multicast.replace(nullptr);

	if (!mc)
		return;
	while (ip_mc_list *group = mc->groups.front()) {
		while (mc_wish *wish = group->wishes.pop_front()) {
			wish->joined = nullptr;
			if (wish != &mc->all_hosts)
				host.multicast.waiting.push_back(*wish);
		}
		write_once(group->users, 0);
		group_del(host, iface, *mc, *group);
	}
	destroy_rcu(mc);
}

result<void> multicast_host_init(edu_stack &host)
{
	return host.multicast.groups.init(EDU_LOCK_IFACE);
}

void multicast_host_exit(edu_stack &host)
{
	host.multicast.groups.free();
}

/* The group shown last, if it is still there, else the next older one. RCU. */
static ip_mc_list *after_shown(const edu_stack &host, const mc_device &mc, int ifindex, u64 group,
			       u64 serial)
{
	ip_mc_list *last = ip_mc_find(host, ifindex, be32::from_raw(static_cast<u32>(group)));

	if (!serial)
		return mc.groups.front();
	if (last && last->serial == serial)
		return mc.groups.after(*last);
	return mc.groups.find([=](const ip_mc_list &other) { return other.serial < serial; });
}

} // namespace edu

using namespace edu;

int edu_core_mc_next(edu_stack *stack, edu_cursor *at, edu_mc_info *out)
{
	auto &[ifindex, serial, group, unused] = at->position; /* of the group shown last */
	rcu_guard guard;
	edu_iface *iface = find_iface(*stack, static_cast<int>(ifindex));

	if (!iface)
		iface = stack->interfaces.dev_base.front();
	for (; iface; iface = stack->interfaces.dev_base.after(*iface)) {
		const auto index = static_cast<u64>(iface->ifindex);
		const mc_device *mc = iface->multicast.load();

		if (index < ifindex || !mc)
			continue;
		if (index != ifindex)
			serial = 0;
		ip_mc_list *next = after_shown(*stack, *mc, iface->ifindex, group, serial);
		if (!next)
			continue;
		out->first = !serial;
		ifindex = index;
		serial = next->serial;
		group = next->multiaddr.raw();
		out->groups = read_once(mc->count);
		igmp_describe(*mc, *next, *out);
		return 1;
	}
	return 0;
}
