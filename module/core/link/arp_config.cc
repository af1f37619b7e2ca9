// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARP entries as the administrator sees and sets them: ioctl, netlink, /proc.
 *
 * ARP-1 (all visible), ARP-11 (permanent entries), ROUTE-4's two doors for ARP.
 * Entries that answer for others (ATF_PUBL) are arp_proxy.cc's.
 *
 * Locking: the RTNL for changes; reading is under RCU.
 */
#include "link/arp.hh"
#include "link/arp_proxy.hh"
#include "stack.hh"

namespace edu {

edu_iface *arp_iface_for(const edu_stack &host, int ifindex, be32 ip)
{
	if (ifindex)
		return find_iface(host, ifindex);
	for (edu_iface &iface : host.interfaces.dev_base)
		if (iface.uses_arp() && iface_on_link(iface, ip))
			return &iface;
	return nullptr;
}

static bool is_permanent(const edu_neigh_info &neigh)
{
	constexpr u16 nud_permanent = 0x80;

	return neigh.flags & atf::perm || neigh.state & nud_permanent;
}

static result<void> check(const edu_neigh_info &neigh)
{
	if (!wire::ipv4::is_host(be32::from_raw(neigh.ip)))
		return errc::einval;
	if (neigh.hardware_len != eth_addr::len ||
	    !eth_addr::load(neigh.hardware_address).is_station())
		return errc::einval;
	return {};
}

static result<void> neigh_add(edu_stack &host, const edu_neigh_info &neigh, unsigned int how)
{
	rcu_guard guard;
	be32 ip = be32::from_raw(neigh.ip);
	edu_iface *iface = arp_iface_for(host, neigh.ifindex, ip);

	if (!iface)
		return errc::enodev;
	if (!iface->uses_arp())
		return errc::einval;
	TRY(check(neigh));
	bool there = arp_find(host, *iface, ip);
	if (there && how & EDU_CONFIG_EXCL)
		return errc::eexist;
	if (!there && !(how & EDU_CONFIG_CREATE))
		return errc::enoent;
	arp_word word = is_permanent(neigh) ? arp_word::admin_permanent : arp_word::admin;

	/* Between the two steps a flood of questions may evict it. */
	for (int tries = 0; tries < 16; tries++) {
		result<ref<arp_table>> entry = arp_bind(host, *iface, ip, arp_wish::admin);

		if (!entry.ok())
			return errc::enobufs;
		if (arp_update(host, *entry.value(), eth_addr::load(neigh.hardware_address), word))
			return {};
	}
	return errc::enobufs;
}

} // namespace edu

using namespace edu;

int edu_core_config_neigh_add(edu_stack *stack, const edu_neigh_info *neigh, unsigned int how)
{
	edu_k_assert_rtnl();
	if (neigh->flags & atf::publ)
		return to_errno(arp_proxy_add(*stack, *neigh, how));
	return to_errno(neigh_add(*stack, *neigh, how));
}

int edu_core_config_neigh_del(edu_stack *stack, const edu_neigh_info *neigh)
{
	edu_k_assert_rtnl();
	if (neigh->flags & atf::publ)
		return to_errno(arp_proxy_del(*stack, *neigh));
	rcu_guard guard;
	edu_iface *iface = arp_iface_for(*stack, neigh->ifindex, be32::from_raw(neigh->ip));

	if (!iface)
		return to_errno(errc::enodev);
	arp_table *entry = arp_find(*stack, *iface, be32::from_raw(neigh->ip));
	if (!entry)
		return to_errno(errc::enoent);
	arp_kill(*stack, *entry, EDU_Arp_DropUnresolved, "expire");
	return 0;
}

int edu_core_config_neigh_get(edu_stack *stack, edu_neigh_info *neigh)
{
	if (neigh->flags & atf::publ)
		return to_errno(arp_proxy_get(*stack, *neigh));
	rcu_guard guard;

	for (edu_iface &iface : stack->interfaces.dev_base) {
		if (neigh->ifindex && iface.ifindex != neigh->ifindex)
			continue;
		if (arp_table *entry = arp_find(*stack, iface, be32::from_raw(neigh->ip))) {
			*neigh = arp_describe(*entry);
			return 0;
		}
	}
	return to_errno(errc::enxio);
}

/* First arp_tables, whose place is in position[0] and [1], then the proxy entries, whose place is in
 * what is left of the cursor. */
int edu_core_neigh_next(edu_stack *stack, edu_cursor *at, edu_neigh_info *out)
{
	constexpr u64 proxies_begun = u64{1} << 32;
	auto &position = at->position;

	if (position[0] != proxies_begun) {
		rcu_guard guard;

		if (arp_table *entry = stack->arp.arp_tables.next(*at)) {
			*out = arp_describe(*entry);
			return 1;
		}
		*at = {{proxies_begun}};
	}
	edu_cursor place{{position[1], position[2], position[3]}};
	bool found = arp_proxy_next(*stack, place, *out);

	*at = {{proxies_begun, place.position[0], place.position[1], place.position[2]}};
	return found;
}
