// SPDX-License-Identifier: GPL-2.0-only
/*
 * Networks of hosts, see network.hh.
 *
 * Locking: none, a single thread.
 */
#include "network.hh"

#include <cstring>

namespace hosted {

network::~network()
{
	while (!hosts_.empty())
		remove(hosts_.back());
	for (edu_t_cable *cable : cables_)
		edu_t_cable_free(cable);
}

edu_t_cable *network::cable()
{
	cables_.push_back(edu_t_cable_new());
	return cables_.back();
}

edu_t_host *network::host()
{
	hosts_.push_back(edu_t_host_new());
	return hosts_.back();
}

void network::remove(edu_t_host *host)
{
	std::erase(hosts_, host);
	edu_t_host_free(host);
}

void network::wait_for_silence() const
{
	constexpr edu_u32 hour_ms = 3600000, step_ms = 20000;
	auto is_silent = [](const edu_t_host *host) { return host->socks.empty(); };

	for (edu_u32 passed = 0; passed < hour_ms; passed += step_ms) {
		edu_t_run(step_ms);
		if (std::all_of(hosts_.begin(), hosts_.end(), is_silent))
			return;
	}
}

int network::plug(edu_t_host *host, edu_t_cable *cable, const connector &how)
{
	edu_dev_info info = edu_t_ethernet(0);
	edu_addr_info addr = {};

	info.mtu = how.mtu;
	std::memcpy(&info.addr[2], &how.address, sizeof(how.address));
	info.segment_max = how.segment_max;
	info.csum_offload = how.segment_max != 0;
	addr.ifindex = edu_t_dev_new(host, cable, &info);
	if (addr.ifindex < 0)
		return addr.ifindex;
	addr.local = addr.peer = how.address;
	addr.prefix_len = 24;
	edu_t_rtnl_lock();
	edu_core_config_addr_add(edu_t_stack(host), &addr, EDU_CONFIG_CREATE);
	edu_t_rtnl_unlock();
	return addr.ifindex;
}

void network::default_route(edu_t_host *host, edu_be32 gateway)
{
	edu_route_info route = {};

	route.gateway = gateway;
	route.type = 1;
	edu_t_rtnl_lock();
	edu_core_config_route_add(edu_t_stack(host), &route, EDU_CONFIG_CREATE);
	edu_t_rtnl_unlock();
}

void network::forward(edu_t_host *router)
{
	edu_t_rtnl_lock();
	edu_u32 *values = edu_core_all_iface_tunables(edu_t_stack(router));

	values[EDU_IFACE_forwarding] = 1;
	edu_core_iface_tunable_written(edu_t_stack(router), values, EDU_IFACE_forwarding);
	edu_t_rtnl_unlock();
}

edu_t_sock *stream_of(edu_t_host *host)
{
	int error;

	return edu_t_socket(host, 1, 0, &error);
}

int set_option(edu_t_sock *sock, int level, int name, int value)
{
	return edu_t_setsockopt(sock, level, name, &value, sizeof(value));
}

int error_of(edu_t_sock *sock)
{
	constexpr int so_error = 4;
	int value = 0;
	unsigned int len = sizeof(value);

	edu_t_getsockopt(sock, sol_socket, so_error, &value, &len);
	return value;
}

void introduce(edu_t_host *host, edu_be32 to)
{
	constexpr edu_be16 discard = port_of(9);
	int error;
	edu_t_sock *sock = edu_t_socket(host, 2, 17, &error);

	edu_t_send(sock, "", 0, dontwait, to, discard);
	edu_t_run(0);
	edu_t_close(sock);
}

} // namespace hosted
