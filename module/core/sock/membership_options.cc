// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options about groups: IP_ADD_MEMBERSHIP and its relatives (ip(7)), and RFC 3678's, by which a
 * program names groups and sources as socket addresses (MCAST_JOIN_GROUP and so on).
 *
 * Requirements: UDP-3, IP-10. Structures, lengths and errors are Linux's. A socket address in them may
 * be of our family or of AF_INET. 32-bit programs: the home brings MCAST_*'s structures into the
 * layout of 64 bits first.
 *
 * Locking: the RTNL and the socket lock are held.
 */
#include "sock/membership.hh"
#include "stack.hh"

namespace edu {

namespace {

constexpr int ip_add_membership = 35, ip_drop_membership = 36, ip_unblock_source = 37,
	      ip_block_source = 38, ip_add_source_membership = 39, ip_drop_source_membership = 40,
	      ip_msfilter = 41, mcast_join_group = 42, mcast_block_source = 43,
	      mcast_unblock_source = 44, mcast_leave_group = 45, mcast_join_source_group = 46,
	      mcast_leave_source_group = 47, mcast_msfilter = 48;

/* struct ip_mreq, ip_mreqn, ip_mreq_source. */
constexpr size_t mreq_len = 8, mreqn_len = 12, mreq_source_len = 12;

/* struct ip_msfilter: group, interface, mode, number of sources, sources. */
namespace msf {
constexpr size_t mode_at = 8, count_at = 12, header_len = 16;
}

/* struct group_req and group_source_req: an index, and struct sockaddr_storages. */
namespace greq {
constexpr size_t storage_len = 128, group_at = 8, source_at = group_at + storage_len,
		 join_len = source_at, source_len = source_at + storage_len;
}

/* struct group_filter: the same with mode, number of sources, sources. */
namespace gf {
constexpr size_t mode_at = 136, count_at = 140, header_len = 144;
}

int load_int(bytes value, size_t at)
{
	return static_cast<int>(load_native<u32>(&value[at]));
}

/*
 * By addresses and indices
 */

result<void> add_or_drop(sock &s, int name, bytes value)
{
	if (s.type == sock_stream)
		return errc::eproto;
	if (value.size() < mreq_len)
		return errc::einval;
	mc_request request{load_addr(&value[0]), load_addr(&value[4]), 0, {}};

	if (value.size() >= mreqn_len)
		request.ifindex = load_int(value, 8);
	return name == ip_add_membership ? ip_mc_join_group(s, request, filter_mode::exclude) :
					   ip_mc_leave_group(s, request);
}

/* What each option about one source does; joins: the membership is made if there is none. */
struct source_action {
	filter_mode mode;
	bool add;
	bool joins;
};

source_action action_of(int name)
{
	switch (name) {
	case ip_block_source:
	case mcast_block_source:
		return {filter_mode::exclude, true, false};
	case ip_unblock_source:
	case mcast_unblock_source:
		return {filter_mode::exclude, false, false};
	case ip_add_source_membership:
	case mcast_join_source_group:
		return {filter_mode::include, true, true};
	default:
		return {filter_mode::include, false, false};
	}
}

result<void> change_source(sock &s, int name, mc_request &request)
{
	const source_action action = action_of(name);

	if (action.joins) {
		auto joined = ip_mc_join_group(s, request, filter_mode::include);

		if (!joined && joined.error() != errc::eaddrinuse)
			return joined;
	}
	return ip_mc_source(s, request, action.mode, action.add);
}

result<void> change_mreq_source(sock &s, int name, bytes value)
{
	if (value.size() != mreq_source_len)
		return errc::einval;
	mc_request request{load_addr(&value[0]), load_addr(&value[4]), 0, load_addr(&value[8])};

	return change_source(s, name, request);
}

/* A filter without its sources yet. */
result<owner<source_filter>> make_filter(u32 mode)
{
	if (mode > static_cast<u32>(filter_mode::include))
		return errc::einval;
	auto filter = make<source_filter>(gfp::kernel);

	if (!filter)
		return errc::enobufs;
	filter->mode = static_cast<filter_mode>(mode);
	return filter;
}

result<void> set_msfilter(sock &s, bytes value)
{
	if (value.size() < msf::header_len)
		return errc::einval;
	const u32 count = load_native<u32>(&value[msf::count_at]);

	if (count > s.host->tune(EDU_TUNE_igmp_max_msf) || count > most_sources)
		return errc::enobufs;
	if (value.size() < msf::header_len + count * sizeof(be32))
		return errc::einval;
	mc_request request{load_addr(&value[0]), load_addr(&value[4]), 0, {}};
	auto filter = TRY(make_filter(load_native<u32>(&value[msf::mode_at])));

	for (u32 i = 0; i < count; i++)
		filter->source[i] = load_addr(&value[msf::header_len + i * sizeof(be32)]);
	filter->count = count;
	return ip_mc_msfilter(s, request, std::move(filter));
}

/* As many sources as there is room for; the number says how many there are. */
result<u32> get_msfilter(sock &s, mutable_bytes value)
{
	if (value.size() < msf::header_len)
		return errc::einval;
	mc_request request{load_addr(&value[0]), load_addr(&value[4]), 0, {}};
	const source_filter &filter = *TRY(ip_mc_msfget(s, request));
	const u32 wanted = load_native<u32>(&value[msf::count_at]);
	const u32 mode = static_cast<u32>(filter.mode);
	u32 used = msf::header_len;

	for (u32 i = 0; i < filter.count && i < wanted; i++, used += sizeof(be32)) {
		if (used + sizeof(be32) > value.size())
			break;
		store_addr(&value[used], filter.source[i]);
	}
	__builtin_memcpy(&value[msf::mode_at], &mode, sizeof(mode));
	__builtin_memcpy(&value[msf::count_at], &filter.count, sizeof(filter.count));
	return used;
}

/*
 * By socket addresses (RFC 3678 5)
 */

bool is_internet_name(bytes name)
{
	constexpr u16 af_inet = 2;
	const u16 family = load_native<u16>(name.data());

	return family == af_inet || family == edu_k_family;
}

be32 address_in(bytes name)
{
	return load_addr(&name[4]);
}

void store_name(u8 *out, be32 address)
{
	const auto family = static_cast<u16>(edu_k_family);

	for (size_t i = 0; i < greq::storage_len; i++)
		out[i] = 0;
	__builtin_memcpy(out, &family, sizeof(family));
	store_addr(out + 4, address);
}

bytes name_at(bytes value, size_t at)
{
	return value.subspan(at, greq::storage_len);
}

result<void> join_or_leave(sock &s, int name, bytes value)
{
	if (value.size() < greq::join_len || !is_internet_name(name_at(value, greq::group_at)))
		return errc::einval;
	mc_request request{address_in(name_at(value, greq::group_at)), {}, load_int(value, 0), {}};

	return name == mcast_join_group ? ip_mc_join_group(s, request, filter_mode::exclude) :
					  ip_mc_leave_group(s, request);
}

result<void> change_group_source(sock &s, int name, bytes value)
{
	if (value.size() != greq::source_len)
		return errc::einval;
	bytes group = name_at(value, greq::group_at), source = name_at(value, greq::source_at);

	if (!is_internet_name(group) || !is_internet_name(source))
		return errc::eaddrnotavail;
	mc_request request{address_in(group), {}, load_int(value, 0), address_in(source)};

	return change_source(s, name, request);
}

result<void> set_group_filter(sock &s, bytes value)
{
	if (value.size() < gf::header_len)
		return errc::einval;
	const u32 count = load_native<u32>(&value[gf::count_at]);

	if (count > s.host->tune(EDU_TUNE_igmp_max_msf) || count > most_sources)
		return errc::enobufs;
	if (value.size() < gf::header_len + count * greq::storage_len)
		return errc::einval;
	bytes group = name_at(value, greq::group_at);

	if (!is_internet_name(group))
		return errc::eaddrnotavail;
	auto source = [=](u32 i) { return name_at(value, gf::header_len + i * greq::storage_len); };
	for (u32 i = 0; i < count; i++)
		if (!is_internet_name(source(i)))
			return errc::eaddrnotavail;
	mc_request request{address_in(group), {}, load_int(value, 0), {}};
	auto filter = TRY(make_filter(load_native<u32>(&value[gf::mode_at])));

	for (u32 i = 0; i < count; i++)
		filter->source[i] = address_in(source(i));
	filter->count = count;
	return ip_mc_msfilter(s, request, std::move(filter));
}

result<u32> get_group_filter(sock &s, mutable_bytes value)
{
	if (value.size() < gf::header_len || !is_internet_name(name_at(value, greq::group_at)))
		return errc::einval;
	mc_request request{address_in(name_at(value, greq::group_at)), {}, load_int(value, 0), {}};
	if (wire::ipv4::is_multicast(request.group) && !request.ifindex)
		return errc::eaddrnotavail; /* no interface is looked for here (Linux) */
	const source_filter &filter = *TRY(ip_mc_msfget(s, request));
	const u32 wanted = load_native<u32>(&value[gf::count_at]);
	const u32 mode = static_cast<u32>(filter.mode);
	u32 used = gf::header_len;

	for (u32 i = 0; i < filter.count && i < wanted; i++, used += greq::storage_len) {
		if (used + greq::storage_len > value.size())
			break;
		store_name(&value[used], filter.source[i]);
	}
	__builtin_memcpy(&value[gf::mode_at], &mode, sizeof(mode));
	__builtin_memcpy(&value[gf::count_at], &filter.count, sizeof(filter.count));
	return used;
}

} // namespace

bool is_membership_option(int name)
{
	return name >= ip_add_membership && name <= mcast_msfilter;
}

result<void> membership_setsockopt(sock &s, int name, bytes value)
{
	switch (name) {
	case ip_add_membership:
	case ip_drop_membership:
		return add_or_drop(s, name, value);
	case ip_unblock_source:
	case ip_block_source:
	case ip_add_source_membership:
	case ip_drop_source_membership:
		return change_mreq_source(s, name, value);
	case ip_msfilter:
		return set_msfilter(s, value);
	case mcast_join_group:
	case mcast_leave_group:
		return join_or_leave(s, name, value);
	case mcast_msfilter:
		return set_group_filter(s, value);
	default:
		return change_group_source(s, name, value);
	}
}

result<u32> membership_getsockopt(sock &s, int name, mutable_bytes value)
{
	switch (name) {
	case ip_msfilter:
		return get_msfilter(s, value);
	case mcast_msfilter:
		return get_group_filter(s, value);
	default:
		return errc::enoprotoopt;
	}
}

} // namespace edu
