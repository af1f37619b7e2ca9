// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARP entries as the administrator sees and sets them: ioctl, netlink, /proc.
 *
 * ARP-1 (all visible), ARP-11 (permanent entries), ROUTE-4's two doors for ARP.
 * Not here: ATF_PUBL, entries that answer for others (OVER-11).
 *
 * Locking: the RTNL for changes; reading is under RCU.
 */
#include "link/arp.hh"
#include "stack.hh"

namespace edu {

/* The interface named, or the one on whose link the address lies. RCU. */
static edu_iface *iface_for(const edu_stack &host, const edu_neigh_info &neigh)
{
	if (neigh.ifindex)
		return find_iface(host, neigh.ifindex);
	for (edu_iface &iface : host.interfaces.dev_base)
		if (iface.uses_arp() && iface_on_link(iface, be32::from_raw(neigh.ip)))
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
	constexpr u32 atf_publ = 0x8;
	be32 ip = be32::from_raw(neigh.ip);

	if (neigh.flags & atf_publ || !wire::ipv4::is_host(ip))
		return errc::einval;
	if (neigh.hardware_len != eth_addr::len ||
	    !eth_addr::load(neigh.hardware_address).is_station())
		return errc::einval;
	return {};
}

static result<void> neigh_add(edu_stack &host, const edu_neigh_info &neigh, unsigned int how)
{
	rcu_guard guard;
	edu_iface *iface = iface_for(host, neigh);
	be32 ip = be32::from_raw(neigh.ip);

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
	result<ref<arp_table>> entry = arp_bind(host, *iface, ip);
	if (!entry.ok())
		return errc::enobufs;
	arp_update(host, *entry.value(), eth_addr::load(neigh.hardware_address),
		   is_permanent(neigh) ? arp_word::admin_permanent : arp_word::admin);
	return {};
}

} // namespace edu

using namespace edu;

int edu_core_config_neigh_add(edu_stack *stack, const edu_neigh_info *neigh, unsigned int how)
{
	edu_k_assert_rtnl();
	return to_errno(neigh_add(*stack, *neigh, how));
}

int edu_core_config_neigh_del(edu_stack *stack, const edu_neigh_info *neigh)
{
	edu_k_assert_rtnl();
	rcu_guard guard;
	edu_iface *iface = iface_for(*stack, *neigh);

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

int edu_core_neigh_next(edu_stack *stack, edu_cursor *at, edu_neigh_info *out)
{
	rcu_guard guard;
	arp_table *entry = stack->arp.arp_tables.next(*at);

	if (!entry)
		return 0;
	*out = arp_describe(*entry);
	return 1;
}
