// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses: which are ours, which mean everybody, and which to speak from.
 *
 * OVER-1; RFC 1122 3.2.1.3, 3.3.4.3 and 3.3.6; RFC 3021. As in Linux: of two addresses in one subnet
 * the later is secondary and goes when the first one does; all of a loopback interface's prefix is
 * local. A subnet's all-zeros address is taken for a broadcast too (RFC 1122 3.3.6); Linux has given
 * that up with 5.14.
 *
 * Locking: the RTNL for changes; every question is asked under RCU and answered in constant time.
 */
#include "link/arp.hh"
#include "link/interface.hh"
#include "stack.hh"

namespace edu {

/*
 * Questions
 */

/* No secret: the administrator alone fills this table, and every packet asks it twice or more. The constant is
 * 2^64 divided by the golden ratio (Knuth, volume 3, 6.4). */
static u32 addr_hash(be32 addr, u32 prefix_len)
{
	return static_cast<u32>((u64{addr.raw()} + prefix_len) * 0x9e3779b97f4a7c15 >> 32);
}

static addr_match find_key(const edu_stack &host, be32 addr, u32 prefix_len, int ifindex)
{
	addr_match best;

	host.interfaces.by_addr.for_each_of(
		addr_hash(addr, prefix_len), [&](const addr_entry &entry) {
			if (entry.addr != addr || entry.prefix_len != prefix_len)
				return;
			if (ifindex && entry.iface->ifindex != ifindex)
				return;
			if (best.kind != addr_kind::local)
				best = {entry.kind, entry.iface};
		});
	return best;
}

addr_match find_address(const edu_stack &host, be32 addr, int ifindex)
{
	addr_match found = find_key(host, addr, 32, ifindex);
	u64 prefixes = read_once(host.interfaces.prefixes);

	/* Prefixes of loopback interfaces: one as a rule, 127/8. */
	while (found.kind == addr_kind::none && prefixes) {
		u32 len = static_cast<u32>(std::countr_zero(prefixes));

		prefixes &= prefixes - 1;
		found = find_key(host, addr & wire::ipv4::prefix_mask(len), len, ifindex);
	}
	return found;
}

be32 iface_source(const edu_iface &iface, be32 to)
{
	be32 first;

	for (const ifaddr &addr : iface.addrs) {
		if (read_once(addr.secondary) || !addr.in_use())
			continue;
		if (addr.same_subnet(to))
			return addr.local;
		if (first == be32{})
			first = addr.local;
	}
	return first;
}

bool iface_on_link(const edu_iface &iface, be32 addr)
{
	for (const ifaddr &own : iface.addrs)
		if (own.in_use() && own.same_subnet(addr))
			return true;
	return false;
}

/*
 * Changes
 */

static void add_key(edu_stack &host, addr_entry &entry, addr_kind kind, be32 addr, u8 prefix_len)
{
	interface_table &table = host.interfaces;

	entry.addr = addr;
	entry.prefix_len = prefix_len;
	entry.kind = kind;
	table.by_addr.insert(entry, addr_hash(addr, prefix_len));
	if (prefix_len < 32 && !table.prefix_keys[prefix_len]++)
		write_once(table.prefixes, table.prefixes | u64{1} << prefix_len);
}

static void remove_key(edu_stack &host, addr_entry &entry)
{
	interface_table &table = host.interfaces;

	if (entry.kind == addr_kind::none || !table.by_addr.remove(entry))
		return;
	if (entry.prefix_len < 32 && !--table.prefix_keys[entry.prefix_len])
		write_once(table.prefixes, table.prefixes & ~(u64{1} << entry.prefix_len));
}

/* Makes the host know the address and what belongs to it. */
static void add_keys(ifaddr &addr)
{
	edu_iface &iface = *addr.iface;
	edu_stack &host = *iface.host;
	addr_entry *key = addr.keys;

	for (addr_entry &entry : addr.keys)
		entry.iface = &iface;
	add_key(host, *key++, addr_kind::local, addr.local, 32);
	if (iface.is_loopback()) {
		if (addr.prefix_len < 32)
			add_key(host, *key, addr_kind::local,
				addr.local & wire::ipv4::prefix_mask(addr.prefix_len),
				addr.prefix_len);
		return;
	}
	be32 ones = wire::ipv4::subnet_broadcast(addr.peer, addr.prefix_len);
	be32 zeros = addr.peer & wire::ipv4::prefix_mask(addr.prefix_len);

	if (addr.broadcast != be32{} && addr.broadcast != wire::ipv4::broadcast_addr)
		add_key(host, *key++, addr_kind::broadcast, addr.broadcast, 32);
	if (addr.prefix_len >= 31 || !(read_once(iface.flags) & iff::broadcast))
		return;
	if (ones != addr.broadcast)
		add_key(host, *key++, addr_kind::broadcast, ones, 32);
	if (zeros != be32{})
		add_key(host, *key++, addr_kind::broadcast, zeros, 32);
}

static void append(edu_iface &iface, ifaddr &addr)
{
	ifaddr *last = nullptr;

	for (ifaddr &other : iface.addrs)
		last = &other;
	if (last)
		iface.addrs.insert_after(*last, addr);
	else
		iface.addrs.push_front(addr);
	write_once(iface.addresses, iface.addresses + 1);
}

static void describe(const ifaddr &addr, edu_addr_info &out)
{
	out = {};
	out.ifindex = addr.iface->ifindex;
	out.local = addr.local.raw();
	out.peer = addr.peer.raw();
	out.broadcast = addr.broadcast.raw();
	out.has_broadcast = addr.broadcast != be32{};
	out.prefix_len = addr.prefix_len;
	out.scope = addr.scope;
	out.secondary = read_once(addr.secondary);
	out.probing = read_once(addr.state) == addr_state::probing;
	out.refused = read_once(addr.state) == addr_state::refused;
	for (size_t i = 0; i < sizeof(out.label); i++)
		out.label[i] = addr.label[i];
}

static void notify(const ifaddr &addr, bool added)
{
	edu_addr_info info;

	describe(addr, info);
	edu_k_notify_addr(addr.iface->host->net, added, &info);
}

void ifaddr_notify(const ifaddr &addr)
{
	notify(addr, true);
}

/* Takes one address away; its secondaries are the caller's. RTNL. */
static void remove_one(ifaddr &addr)
{
	edu_iface &iface = *addr.iface;

	for (addr_entry &key : addr.keys)
		remove_key(*iface.host, key);
	iface.addrs.remove(addr);
	write_once(iface.addresses, iface.addresses - 1);
	arp_probe_end(addr);
	if (const iface_listener *above = iface_get_listener(); above && addr.in_use())
		above->addr_removed(iface, addr);
	notify(addr, false);
	destroy_rcu(&addr);
}

static bool is_secondary_of(const ifaddr &addr, const ifaddr &primary)
{
	return &addr != &primary && addr.secondary && addr.prefix_len == primary.prefix_len &&
	       primary.same_subnet(addr.peer);
}

void ifaddr_remove(ifaddr &addr)
{
	edu_iface &iface = *addr.iface;

	if (!addr.secondary && addr.in_use()) {
		ifaddr *other = iface.addrs.front();

		while (other) {
			ifaddr *next = iface.addrs.after(*other);

			if (is_secondary_of(*other, addr))
				remove_one(*other);
			other = next;
		}
	}
	remove_one(addr);
}

static ifaddr *find_ifaddr(const edu_iface &iface, be32 local, u8 prefix_len)
{
	for (ifaddr &addr : iface.addrs)
		if (addr.local == local && (addr.prefix_len == prefix_len || !prefix_len))
			return &addr;
	return nullptr;
}

static bool has_primary_for(const edu_iface &iface, const ifaddr &addr)
{
	for (ifaddr &other : iface.addrs)
		if (!other.secondary && other.in_use() && other.prefix_len == addr.prefix_len &&
		    other.same_subnet(addr.peer))
			return true;
	return false;
}

static void fill(ifaddr &addr, edu_iface &iface, const edu_addr_info &info)
{
	addr.iface = &iface;
	addr.serial = ++iface.last_serial;
	addr.local = be32::from_raw(info.local);
	addr.peer = info.peer ? be32::from_raw(info.peer) : addr.local;
	addr.prefix_len = info.prefix_len;
	addr.scope = info.scope;
	for (size_t i = 0; i < sizeof(addr.label) - 1; i++)
		addr.label[i] = info.label[i];
	if (info.has_broadcast)
		addr.broadcast = be32::from_raw(info.broadcast);
	else if (info.prefix_len < 31 && read_once(iface.flags) & iff::broadcast)
		addr.broadcast = wire::ipv4::subnet_broadcast(addr.peer, addr.prefix_len);
	addr.secondary = has_primary_for(iface, addr);
}

/* Can a host have it? */
static bool is_acceptable(const edu_addr_info &info)
{
	be32 local = be32::from_raw(info.local);

	/* Packets to and from others are dropped on the way in. Linux gives 240/4 to its hosts. */
	return info.prefix_len <= 32 && wire::ipv4::is_host(local);
}

result<void> ifaddr_use(ifaddr &addr)
{
	edu_iface &iface = *addr.iface;
	const iface_listener *above = iface_get_listener();

	write_once(addr.secondary, has_primary_for(iface, addr));
	write_once(addr.state, addr_state::used);
	add_keys(addr);
	result<void> accepted = above ? above->addr_added(iface, addr) : result<void>{};

	if (!accepted) {
		for (addr_entry &key : addr.keys) {
			remove_key(*iface.host, key);
			key.kind = addr_kind::none;
		}
		above->addr_removed(iface, addr);
		write_once(addr.state, addr_state::refused);
	}
	notify(addr, true);
	return accepted;
}

static result<void> addr_add(edu_stack &host, const edu_addr_info &info, unsigned int how)
{
	edu_iface *iface = find_iface(host, info.ifindex);

	if (!iface)
		return errc::enodev;
	if (!is_acceptable(info))
		return errc::einval;
	if (find_ifaddr(*iface, be32::from_raw(info.local), info.prefix_len)) {
		if (how & EDU_CONFIG_REPLACE && !(how & EDU_CONFIG_EXCL))
			return {};
		return errc::eexist;
	}
	owner<ifaddr> fresh = make<ifaddr>(gfp::kernel);
	if (!fresh)
		return errc::enomem;
	fill(*fresh, *iface, info);
	ifaddr *addr = fresh.release();

	append(*iface, *addr);
	if (iface->uses_arp() && iface_tune(*iface, EDU_IFACE_arp_probe)) {
		arp_probe_begin(*addr);
		notify(*addr, true);
		return {};
	}
	add_keys(*addr);
	const iface_listener *above = iface_get_listener();
	result<void> accepted = above ? above->addr_added(*iface, *addr) : result<void>{};

	notify(*addr, true);
	if (!accepted) {
		remove_one(*addr);
		return accepted;
	}
	if (iface->is_up() && iface->uses_arp()) {
		rcu_guard guard;

		arp_announce(*iface, addr->local);
	}
	return {};
}

} // namespace edu

using namespace edu;

int edu_core_config_addr_add(edu_stack *stack, const edu_addr_info *addr, unsigned int how)
{
	edu_k_assert_rtnl();
	return to_errno(addr_add(*stack, *addr, how));
}

int edu_core_config_addr_del(edu_stack *stack, const edu_addr_info *addr)
{
	edu_k_assert_rtnl();
	edu_iface *iface = find_iface(*stack, addr->ifindex);

	if (!iface)
		return to_errno(errc::enodev);
	ifaddr *found = find_ifaddr(*iface, be32::from_raw(addr->local), addr->prefix_len);
	if (!found)
		return to_errno(errc::eaddrnotavail);
	ifaddr_remove(*found);
	return 0;
}

int edu_core_addr_next(edu_stack *stack, edu_cursor *at, edu_addr_info *out)
{
	rcu_guard guard;
	auto &index = at->position[0];	/* of the interface being shown */
	auto &serial = at->position[1]; /* of its address shown last */

	for (const edu_iface &iface : stack->interfaces.dev_base) {
		if (static_cast<u64>(iface.ifindex) < index)
			continue;
		if (static_cast<u64>(iface.ifindex) > index)
			serial = 0;
		index = static_cast<u64>(iface.ifindex);
		for (const ifaddr &addr : iface.addrs) {
			if (addr.serial <= serial)
				continue;
			serial = addr.serial;
			describe(addr, *out);
			return 1;
		}
	}
	return 0;
}
