// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proxy ARP: for whom else do we answer?
 *
 * OVER-11, ARP-8; RFC 1027; arp_proxy.hh says what is not here.
 *
 * Locking: as in arp_proxy.hh.
 */
#include "link/arp_proxy.hh"

#include "stack.hh"

namespace edu {

static arp_route_query route_query;

void arp_set_route_query(arp_route_query query)
{
	__atomic_store_n(&route_query, query, __ATOMIC_RELEASE);
}

static u32 proxy_hash(const edu_stack &host, be32 ip, u32 prefix_len)
{
	return static_cast<u32>(siphash13(host.key, ip.raw(), prefix_len));
}

/* The entry of exactly that mask; @iface null: one for every interface. RCU or RTNL. */
static arp_proxy *find_exact(const edu_stack &host, const edu_iface *iface, be32 ip, u32 prefix_len)
{
	be32 key = ip & wire::ipv4::prefix_mask(prefix_len);

	return host.arp.proxies.entries.find(proxy_hash(host, key, prefix_len),
					     [&](const arp_proxy &proxy) {
						     return proxy.ip == key &&
							    proxy.prefix_len == prefix_len &&
							    proxy.dev.get() == iface;
					     });
}

/* Longest mask first; of two alike the one for this interface. RCU. */
static const arp_proxy *find_matching(const edu_iface &iface, be32 ip)
{
	u64 lengths = read_once(iface.host->arp.proxies.lengths);

	while (lengths) {
		u32 len = 63 - static_cast<u32>(std::countl_zero(lengths));

		lengths &= ~(u64{1} << len);
		if (const arp_proxy *own = find_exact(*iface.host, &iface, ip, len))
			return own;
		if (const arp_proxy *any = find_exact(*iface.host, nullptr, ip, len))
			return any;
	}
	return nullptr;
}

/* All ones or all zeros in the host part, as a host sees it that knows of no subnets (RFC 1027). */
static bool is_classful_broadcast(be32 ip)
{
	be32 host_part = ip & ~wire::ipv4::classful_mask(ip);

	return host_part == be32{} || host_part == ~wire::ipv4::classful_mask(ip);
}

bool arp_answers_for(edu_iface &iface, const wire::arp::repr &question, eth_addr &ha)
{
	be32 target = question.target_ip;
	arp_route_query leaves_elsewhere = __atomic_load_n(&route_query, __ATOMIC_ACQUIRE);

	if (question.sender_ip == be32{} || question.sender_ip == target)
		return false; /* a probe, an announcement */
	const arp_proxy *proxy = find_matching(iface, target);
	if (!proxy &&
	    !(iface_tune(iface, EDU_IFACE_proxy_arp) && iface_tune(iface, EDU_IFACE_forwarding)))
		return false;
	if (!wire::ipv4::is_host(target) || wire::ipv4::is_loopback(target) ||
	    is_classful_broadcast(target) ||
	    find_address(*iface.host, target).kind != addr_kind::none)
		return false;
	if (!leaves_elsewhere || !leaves_elsewhere(iface, target))
		return false;
	ha = proxy && proxy->published ? proxy->ha : eth_addr::load(iface.info.load()->addr);
	return true;
}

/*
 * The administrator
 */

static edu_neigh_info describe(const arp_proxy &proxy)
{
	edu_neigh_info out{}; /* state NUD_NONE, as Linux shows them */

	out.ip = proxy.ip.raw();
	out.mask = wire::ipv4::prefix_mask(proxy.prefix_len).raw();
	out.ifindex = proxy.dev ? proxy.dev->ifindex : 0;
	out.type = arphrd_ether;
	out.flags = atf::publ | atf::perm | (proxy.published ? atf::com : 0);
	out.used_ms = out.updated_ms = static_cast<u32>(edu_k_now_ms() - proxy.made);
	if (proxy.published) {
		out.hardware_len = eth_addr::len;
		proxy.ha.store(out.hardware_address);
	}
	return out;
}

/* What a request names. */
struct proxy_key {
	edu_iface *iface = nullptr; /* null: every interface */
	be32 ip;
	u8 prefix_len = 32;
};

static result<proxy_key> key_of(const edu_stack &host, const edu_neigh_info &neigh)
{
	u32 zeros = ~be32::from_raw(neigh.mask).host();
	proxy_key key;

	if (zeros & (zeros + 1))
		return errc::einval;
	key.prefix_len = static_cast<u8>(std::countl_zero(zeros));
	key.ip = be32::from_raw(neigh.ip) & wire::ipv4::prefix_mask(key.prefix_len);
	if (neigh.ifindex) {
		key.iface = find_iface(host, neigh.ifindex);
		if (!key.iface)
			return errc::enodev;
	}
	return key;
}

static result<void> check_proxy(const proxy_key &key, const edu_neigh_info &neigh)
{
	if (key.iface && !key.iface->uses_arp())
		return errc::einval;
	if (key.prefix_len == 32 &&
	    (!wire::ipv4::is_host(key.ip) || wire::ipv4::is_loopback(key.ip)))
		return errc::einval;
	if (!neigh.hardware_len)
		return {};
	if (neigh.hardware_len != eth_addr::len)
		return errc::einval;
	eth_addr ha = eth_addr::load(neigh.hardware_address);
	return ha.is_zero() || ha.is_station() ? result<void>{} : errc::einval;
}

/* What to answer with, zero: the interface's own address, whatever that will be by then. Tools name
 * it when they mean it. RCU. */
static eth_addr published_address(const proxy_key &key, const edu_neigh_info &neigh)
{
	eth_addr ha = neigh.hardware_len ? eth_addr::load(neigh.hardware_address) : eth_addr{};

	if (key.iface && ha == eth_addr::load(key.iface->info.load()->addr))
		return {};
	return ha;
}

static void count_length(arp_proxy_state &state, u8 prefix_len, bool more)
{
	u32 &count = state.of_length[prefix_len];

	count += more ? 1 : -1u;
	write_once(state.lengths, count ? state.lengths | u64{1} << prefix_len :
					  state.lengths & ~(u64{1} << prefix_len));
}

static void remove_proxy(edu_stack &host, arp_proxy &proxy)
{
	edu_neigh_info info = describe(proxy);

	host.arp.proxies.entries.remove(proxy);
	count_length(host.arp.proxies, proxy.prefix_len, false);
	edu_k_notify_neigh(host.net, 0, &info);
	destroy_rcu(&proxy);
}

result<void> arp_proxy_add(edu_stack &host, const edu_neigh_info &neigh, unsigned int how)
{
	arp_proxy_state &state = host.arp.proxies;
	proxy_key key = TRY(key_of(host, neigh));

	TRY(check_proxy(key, neigh));
	rcu_guard guard;
	arp_proxy *old = find_exact(host, key.iface, key.ip, key.prefix_len);
	if (old && how & EDU_CONFIG_EXCL)
		return errc::eexist;
	if (!old && !(how & EDU_CONFIG_CREATE))
		return errc::enoent;
	if (!old && state.entries.size() >= host.tune(EDU_TUNE_arp_max_proxies))
		return errc::enobufs;
	arp_proxy *fresh = new (gfp::atomic) arp_proxy;
	if (!fresh)
		return errc::enomem;
	fresh->ip = key.ip;
	fresh->prefix_len = key.prefix_len;
	fresh->dev = ref<edu_iface>::share(key.iface);
	fresh->made = edu_k_now_ms();
	fresh->ha = published_address(key, neigh);
	fresh->published = !fresh->ha.is_zero();
	/* The most recent is found first: there is always one, the old or the new. */
	state.entries.insert(*fresh, proxy_hash(host, fresh->ip, fresh->prefix_len));
	count_length(state, fresh->prefix_len, true);
	if (old)
		remove_proxy(host, *old);
	edu_neigh_info info = describe(*fresh);
	edu_k_notify_neigh(host.net, 1, &info);
	return {};
}

result<void> arp_proxy_del(edu_stack &host, const edu_neigh_info &neigh)
{
	proxy_key key = TRY(key_of(host, neigh));
	rcu_guard guard;
	arp_proxy *proxy = find_exact(host, key.iface, key.ip, key.prefix_len);

	if (!proxy)
		return errc::enoent;
	remove_proxy(host, *proxy);
	return {};
}

result<void> arp_proxy_get(edu_stack &host, edu_neigh_info &neigh)
{
	proxy_key key = TRY(key_of(host, neigh));
	rcu_guard guard;
	const arp_proxy *proxy = find_exact(host, key.iface, key.ip, key.prefix_len);

	if (!proxy)
		return errc::enxio;
	neigh = describe(*proxy);
	return {};
}

bool arp_proxy_next(edu_stack &host, edu_cursor &at, edu_neigh_info &out)
{
	rcu_guard guard;
	const arp_proxy *proxy = host.arp.proxies.entries.next(at);

	if (!proxy)
		return false;
	out = describe(*proxy);
	return true;
}

void arp_proxy_flush(edu_stack &host, const edu_iface *iface)
{
	edu_cursor at{};
	rcu_guard guard;

	while (arp_proxy *proxy = host.arp.proxies.entries.next(at))
		if (!iface || proxy->dev.get() == iface)
			remove_proxy(host, *proxy);
}

} // namespace edu
