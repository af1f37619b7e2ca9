// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memberships of sockets: joined, left, filtered, asked for by packets.
 *
 * Requirements: UDP-3, IP-10. RFC 1112, RFC 3678, ip(7); the errors are Linux's, in its order.
 *
 * Locking: as in membership.hh.
 */
#include "sock/membership.hh"

#include "stack.hh"

namespace edu {

namespace {

u32 membership_hash(const edu_stack &host, const sock &s, int ifindex, be32 group)
{
	const auto who = reinterpret_cast<std::uintptr_t>(&s);

	return static_cast<u32>(siphash13(host.key, static_cast<u32>(who),
					  static_cast<u32>(u64{who} >> 32),
					  static_cast<u32>(ifindex), group.raw()));
}

/* RCU. */
ip_mc_socklist *find_membership(const sock &s, int ifindex, be32 group)
{
	return s.host->memberships.table.find(membership_hash(*s.host, s, ifindex, group),
					      [&](const ip_mc_socklist &m) {
						      return m.owner == &s &&
							     m.wish.ifindex == ifindex &&
							     m.wish.multiaddr == group;
					      });
}

/* The same for callers who hold the locks under which it stays. */
ip_mc_socklist *held_membership(const sock &s, const mc_request &request)
{
	rcu_guard guard;

	return find_membership(s, request.ifindex, request.group);
}

/* The interface that has that address. */
int interface_of(const edu_stack &host, be32 address)
{
	rcu_guard guard;
	addr_match found = find_address(host, address);

	return found.kind == addr_kind::local ? found.iface->ifindex : 0;
}

/* Which interface is meant: by index, by address, or by the route to the group. False: none. */
bool choose_interface(const sock &s, mc_request &request)
{
	edu_stack &host = *s.host;

	if (!request.ifindex && request.address != be32{})
		request.ifindex = interface_of(host, request.address);
	else if (!request.ifindex) {
		auto route = ip_route_output(host, {.dst = request.group, .src = {}});

		if (route)
			request.ifindex = route.value()->rt_dev->ifindex;
	}
	return request.ifindex && find_iface(host, request.ifindex);
}

void replace_filter(ip_mc_socklist &m, source_filter *fresh)
{
	destroy_rcu(const_cast<source_filter *>(m.filter.replace(fresh)));
}

/* Takes the membership that *link leads to away. */
void drop_membership(sock &s, ip_mc_socklist *&link)
{
	ip_mc_socklist &m = *link;

	link = m.next;
	write_once(s.mc_count, s.mc_count - 1);
	s.host->memberships.table.remove(m);
	ip_mc_leave(*s.host, m.wish);
	destroy_rcu(&m);
}

} // namespace

bool ip_mc_sf_allow(const sock &s, be32 group, be32 source, int ifindex)
{
	if (!wire::ipv4::is_multicast(group))
		return true;
	const ip_mc_socklist *m = read_once(s.mc_count) ? find_membership(s, ifindex, group) :
							  nullptr;

	return m ? m->filter.load()->allows(source) : read_once(s.mc_all);
}

result<void> ip_mc_join_group(sock &s, mc_request &request, filter_mode mode)
{
	edu_stack &host = *s.host;

	if (!wire::ipv4::is_multicast(request.group))
		return errc::einval;
	if (!choose_interface(s, request))
		return errc::enodev;
	if (held_membership(s, request))
		return errc::eaddrinuse;
	if (s.mc_count >= host.tune(EDU_TUNE_igmp_max_memberships))
		return errc::enobufs;
	auto fresh = make<ip_mc_socklist>(gfp::kernel);
	auto filter = make<source_filter>(gfp::kernel);

	if (!fresh || !filter)
		return errc::enobufs;
	filter->mode = mode;
	fresh->filter.publish(filter.release());
	fresh->owner = &s;
	fresh->address = request.address;
	fresh->wish.ifindex = request.ifindex;
	fresh->wish.multiaddr = request.group;
	/* The socket first: what arrives for a new group on the interface finds its member. */
	host.memberships.table.insert(*fresh,
				      membership_hash(host, s, request.ifindex, request.group));
	if (auto joined = ip_mc_join(host, fresh->wish); !joined) {
		host.memberships.table.remove(*fresh);
		destroy_rcu(fresh.release());
		return joined;
	}
	fresh->next = s.mc_list;
	s.mc_list = fresh.release();
	write_once(s.mc_count, s.mc_count + 1);
	return {};
}

result<void> ip_mc_leave_group(sock &s, mc_request &request)
{
	const bool unnamed = !request.ifindex && request.address == be32{};

	if (!choose_interface(s, request) && unnamed)
		return errc::enodev;
	for (ip_mc_socklist **link = &s.mc_list; *link; link = &(*link)->next) {
		const ip_mc_socklist &m = **link;

		if (m.wish.multiaddr != request.group)
			continue;
		if (request.ifindex ? m.wish.ifindex != request.ifindex :
				      m.address != request.address)
			continue;
		drop_membership(s, *link);
		return {};
	}
	return errc::eaddrnotavail;
}

/*
 * Filters (RFC 3678)
 */

namespace {

result<void> add_source(const sock &s, source_filter &filter, be32 source)
{
	if (filter.listed && filter.count >= s.host->tune(EDU_TUNE_igmp_max_msf))
		return errc::enobufs;
	if (filter.count >= most_sources)
		return errc::enobufs;
	filter.listed = true;
	if (filter.find(source) < filter.count)
		return errc::eaddrnotavail;
	filter.source[filter.count++] = source;
	return {};
}

result<void> remove_source(source_filter &filter, be32 source)
{
	const u32 at = filter.find(source);

	if (at >= filter.count)
		return errc::eaddrnotavail;
	filter.source[at] = filter.source[--filter.count];
	return {};
}

owner<source_filter> copy_of(const source_filter &filter)
{
	auto fresh = make<source_filter>(gfp::kernel);

	if (fresh) {
		fresh->mode = filter.mode;
		fresh->listed = filter.listed;
		fresh->count = filter.count;
		for (u32 i = 0; i < filter.count; i++)
			fresh->source[i] = filter.source[i];
	}
	return fresh;
}

/* The membership whose filter is to change. */
result<ip_mc_socklist *> filtered_membership(const sock &s, mc_request &request)
{
	if (!wire::ipv4::is_multicast(request.group))
		return errc::einval;
	if (!choose_interface(s, request))
		return errc::enodev;
	ip_mc_socklist *m = held_membership(s, request);

	return m ? result<ip_mc_socklist *>{m} : errc::einval;
}

} // namespace

result<void> ip_mc_source(sock &s, mc_request &request, filter_mode mode, bool add)
{
	ip_mc_socklist *m = TRY(filtered_membership(s, request));
	const source_filter &now = *m->filter.load_locked();

	if (now.listed && now.mode != mode)
		return errc::einval;
	auto fresh = copy_of(now);

	if (!fresh)
		return errc::enobufs;
	fresh->mode = mode;
	auto changed = add ? add_source(s, *fresh, request.source) :
			     remove_source(*fresh, request.source);
	/* A mode that was free to change has changed, even when the source was wrong (Linux). */
	if (changed && !fresh->count && mode == filter_mode::include)
		return ip_mc_leave_group(s, request); /* nobody is wanted */
	if (changed || now.mode != mode)
		replace_filter(*m, fresh.release());
	return changed;
}

result<void> ip_mc_msfilter(sock &s, mc_request &request, owner<source_filter> filter)
{
	if (filter->mode == filter_mode::include && !filter->count) {
		if (!wire::ipv4::is_multicast(request.group))
			return errc::einval;
		if (!choose_interface(s, request))
			return errc::enodev;
		return ip_mc_leave_group(s, request);
	}
	ip_mc_socklist *m = TRY(filtered_membership(s, request));

	filter->listed = filter->count;
	replace_filter(*m, filter.release());
	return {};
}

result<const source_filter *> ip_mc_msfget(const sock &s, mc_request &request)
{
	if (!wire::ipv4::is_multicast(request.group))
		return errc::einval;
	if (!request.ifindex && !choose_interface(s, request))
		return errc::enodev;
	const ip_mc_socklist *m = held_membership(s, request);

	return m ? result<const source_filter *>{m->filter.load_locked()} : errc::eaddrnotavail;
}

/*
 * Life
 */

void ip_mc_drop_socket(sock &s)
{
	while (s.mc_list)
		drop_membership(s, s.mc_list);
}

result<void> membership_host_init(edu_stack &host)
{
	return host.memberships.table.init(EDU_LOCK_IFACE);
}

void membership_host_exit(edu_stack &host)
{
	host.memberships.table.free();
}

} // namespace edu
