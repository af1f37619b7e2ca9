// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storms: everything that can happen to two hosts, in an order that the seed chooses.
 *
 * Sockets come, talk and go; frames get lost and damaged; devices go down, vanish and return;
 * allocations fail; packets and RCU callbacks come in the middle of system calls. What is expected
 * is only this: no rule of the bridge is broken, no sanitizer complains, nothing is left at the end.
 *
 * Requirements: LAYER-3, ARP-5, DEV-1, TCP-12. Locking: none, a single thread.
 */
#include "home.hh"
#include "sim_test.hh"

#include <cstring>

namespace {

constexpr edu_u32 dontwait = 0x40;

struct party {
	edu_t_host *host = edu_t_host_new();
	unsigned int station;
	int ifindex = 0; /* of its Ethernet device, 0: it has none now */
	std::vector<edu_t_sock *> sockets;

	explicit party(unsigned int number) : station{number} {}
};

class storm {
public:
	storm()
	{
		for (party &p : parties_)
			plug(p);
	}
	~storm()
	{
		edu_t_fail_alloc(0);
		for (party &p : parties_)
			edu_t_host_free(p.host);
		edu_t_cable_free(cable_);
	}

	void step()
	{
		party &p = parties_[hosted::chance() % 2];

		switch (hosted::chance() % 16) {
		case 0:
			return open(p);
		case 1:
			return close(p);
		case 2:
			return plug(p);
		case 3:
			return hosted::happens(200) ? unplug(p) : up_and_down(p);
		case 4:
			return configure(p);
		case 5:
			return edu_t_fail_alloc(hosted::chance() % 20);
		case 6:
			return edu_t_cable_lose(cable_, hosted::chance() % 3);
		case 7:
			return edu_t_run(hosted::chance() % 5000);
		case 8:
			return inject(p);
		default:
			return p.sockets.empty() ? open(p) : talk(p);
		}
	}

private:
	static edu_be32 address_of(unsigned int station) { return 0x0000000a | station << 24; }

	/* Ourselves, the other, nobody, everybody, a loopback, another net. */
	static edu_be32 anyone()
	{
		constexpr edu_be32 all[] = {0x0100000a, 0x0200000a, 0x4d00000a, 0xff00000a,
					    0xffffffff, 0x0100007f, 0x01020304};

		return all[hosted::chance() % std::size(all)];
	}
	static edu_be16 some_port()
	{
		return static_cast<edu_be16>(0x0700 + (hosted::chance() % 4 << 8));
	}

	void plug(party &p)
	{
		edu_dev_info info = edu_t_ethernet(static_cast<edu_u8>(p.station));

		if (p.ifindex)
			return;
		int made = edu_t_dev_new(p.host, cable_, &info);

		if (made < 0)
			return;
		p.ifindex = made;
		change_address(p, true);
	}
	void unplug(party &p)
	{
		if (p.ifindex)
			edu_t_dev_gone(p.host, p.ifindex);
		p.ifindex = 0;
	}
	void up_and_down(party &p)
	{
		edu_dev_info info = {};

		if (!p.ifindex)
			return;
		edu_t_dev_info(p.host, p.ifindex, &info);
		info.flags ^= 1;
		info.mtu = 68 + hosted::chance() % 1500;
		edu_t_dev_change(p.host, p.ifindex, &info);
	}

	void change_address(party &p, bool add)
	{
		edu_addr_info addr = {};

		addr.ifindex = p.ifindex;
		addr.local = addr.peer = address_of(p.station);
		addr.prefix_len = 24;
		edu_t_rtnl_lock();
		if (add)
			edu_core_config_addr_add(edu_t_stack(p.host), &addr, EDU_CONFIG_CREATE);
		else
			edu_core_config_addr_del(edu_t_stack(p.host), &addr);
		edu_t_rtnl_unlock();
	}
	void change_route(party &p, bool add)
	{
		edu_route_info route = {};

		route.destination = 0x00020304 & (0xffffffffu >> 8 * (hosted::chance() % 4));
		route.prefix_len = 24;
		route.gateway = address_of(3 - p.station);
		route.metric = hosted::chance() % 3;
		route.type = 1;
		edu_t_rtnl_lock();
		if (add)
			edu_core_config_route_add(edu_t_stack(p.host), &route, EDU_CONFIG_CREATE);
		else
			edu_core_config_route_del(edu_t_stack(p.host), &route);
		edu_t_rtnl_unlock();
	}
	void change_neighbour(party &p, bool add)
	{
		edu_neigh_info neigh = {};

		neigh.ip = anyone();
		neigh.mask = 0xffffffff;
		neigh.ifindex = p.ifindex;
		neigh.hardware_address[0] = 2;
		neigh.hardware_len = 6;
		neigh.state = 0x80; /* NUD_PERMANENT */
		neigh.flags = 6;    /* ATF_COM, ATF_PERM */
		edu_t_rtnl_lock();
		if (add)
			edu_core_config_neigh_add(edu_t_stack(p.host), &neigh, EDU_CONFIG_CREATE);
		else
			edu_core_config_neigh_del(edu_t_stack(p.host), &neigh);
		edu_t_rtnl_unlock();
	}
	void configure(party &p)
	{
		bool add = hosted::happens(600);

		switch (hosted::chance() % 5) {
		case 0:
			return change_address(p, add);
		case 1:
			return change_route(p, add);
		case 2:
			return change_neighbour(p, add);
		case 3:
			edu_core_tunables(edu_t_stack(p.host))[EDU_TUNE_arp_max_entries] =
				4 + hosted::chance() % 4;
			return;
		default:
			return list(p);
		}
	}

	/* Reads every table from end to end, as /proc does. */
	void list(party &p)
	{
		edu_stack *stack = edu_t_stack(p.host);
		edu_cursor at[7] = {};
		edu_iface_info iface;
		edu_addr_info addr;
		edu_route_info route;
		edu_rtcache_info cached;
		edu_neigh_info neigh;
		edu_sock_info sock;
		edu_tcp_info tcp;

		while (edu_core_iface_next(stack, &at[0], &iface))
			;
		while (edu_core_addr_next(stack, &at[1], &addr))
			;
		while (edu_core_route_next(stack, &at[2], &route))
			;
		while (edu_core_rtcache_next(stack, &at[3], &cached))
			;
		while (edu_core_neigh_next(stack, &at[4], &neigh))
			;
		while (edu_core_sock_next(stack, 17, &at[5], &sock))
			;
		while (edu_core_tcp_next(stack, &at[6], &tcp))
			;
	}

	void open(party &p)
	{
		struct {
			int type, protocol;
		} constexpr kinds[] = {{2, 17}, {2, 17}, {3, 1}, {1, 6}, {1, 6}};
		const auto &kind = kinds[hosted::chance() % std::size(kinds)];
		int error;
		edu_t_sock *sock = edu_t_socket(p.host, kind.type, kind.protocol, &error);
		int on = 1;

		if (!sock)
			return;
		p.sockets.push_back(sock);
		edu_t_setsockopt(sock, 1, 6, &on, sizeof(on));	/* SO_BROADCAST */
		edu_t_setsockopt(sock, 0, 11, &on, sizeof(on)); /* IP_RECVERR */
	}
	void close(party &p)
	{
		if (p.sockets.empty())
			return;
		std::size_t i = hosted::chance() % p.sockets.size();

		edu_t_close(p.sockets[i]);
		p.sockets.erase(p.sockets.begin() + static_cast<std::ptrdiff_t>(i));
	}
	void talk(party &p)
	{
		edu_t_sock *sock = p.sockets[hosted::chance() % p.sockets.size()];
		std::uint8_t data[2000] = {};

		if (edu_core_sock_is_stream(edu_t_sk(sock)) && hosted::happens(800))
			return stream(p, sock);
		switch (hosted::chance() % 6) {
		case 0:
			edu_t_bind(sock, hosted::happens(500) ? 0 : anyone(), some_port());
			return;
		case 1:
			edu_t_connect(sock, anyone(), some_port());
			return;
		case 2:
			edu_t_disconnect(sock);
			return;
		case 3:
			return receive(sock, data, sizeof(data));
		default:
			edu_t_send(sock, data, hosted::chance() % sizeof(data), dontwait,
				   hosted::happens(300) ? 0 : anyone(), some_port());
		}
	}
	/* What only streams do; a call that waits does so for a while at most. */
	void stream(party &p, edu_t_sock *sock)
	{
		static std::uint8_t data[30000];
		constexpr int nonblock = 04000;

		switch (hosted::chance() % 8) {
		case 0:
			edu_t_bind(sock, 0, some_port());
			edu_t_listen(sock, static_cast<int>(hosted::chance() % 3));
			return;
		case 1:
			return set_option(sock);
		case 2:
			edu_t_connect_flags(
				sock, address_of(hosted::happens(700) ? 3 - p.station : p.station),
				some_port(), hosted::happens(500) ? nonblock : 0);
			return;
		case 3:
			return accept(p, sock);
		case 4:
			return receive(sock, data, sizeof(data));
		case 5:
			edu_t_shutdown(sock, static_cast<int>(hosted::chance() % 3));
			return;
		case 6:
			edu_t_poll(sock);
			return;
		default:
			edu_t_send(sock, data, hosted::chance() % sizeof(data),
				   (hosted::happens(800) ? dontwait : 0) |
					   (hosted::happens(50) ? 1 : 0) |	/* MSG_OOB */
					   (hosted::happens(100) ? 0x8000 : 0), /* MSG_MORE */
				   0, 0);
		}
	}
	void accept(party &p, edu_t_sock *sock)
	{
		constexpr int nonblock = 04000;
		int error;

		if (edu_t_sock *child = edu_t_accept(sock, nonblock, &error))
			p.sockets.push_back(child);
	}
	static void set_option(edu_t_sock *sock)
	{
		/* SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_LINGER, SO_RCVLOWAT, time limits;
		 * TCP_NODELAY, TCP_CORK, TCP_DEFER_ACCEPT, TCP_QUICKACK */
		constexpr struct {
			int level, name, most;
		} options[] = {{1, 7, 30000}, {1, 8, 30000}, {1, 9, 1},	   {1, 10, 1},
			       {1, 13, 3},    {1, 18, 5000}, {1, 20, 500}, {1, 21, 500},
			       {6, 1, 1},     {6, 3, 1},     {6, 9, 3},	   {6, 12, 1}};
		const auto &one = options[hosted::chance() % std::size(options)];
		int value = static_cast<int>(hosted::chance() %
					     static_cast<unsigned int>(one.most + 1));

		edu_t_setsockopt(sock, one.level, one.name, &value, sizeof(value));
	}
	void receive(edu_t_sock *sock, std::uint8_t *data, unsigned int size)
	{
		edu_t_recv recv = {};

		recv.data = data;
		recv.room = hosted::chance() % size;
		recv.flags = dontwait | (hosted::happens(200) ? 2 : 0) | /* MSG_PEEK */
			     (hosted::happens(200) ? 0x2000 : 0);	 /* MSG_ERRQUEUE */
		edu_t_recvmsg(sock, &recv);
	}
	/* A frame seen before, perhaps damaged, comes again. */
	void inject(party &p)
	{
		unsigned int count = edu_t_frames(cable_), len = 0;

		if (!count || !p.ifindex)
			return;
		const edu_u8 *frame = edu_t_frame(cable_, hosted::chance() % count, &len);
		std::vector<std::uint8_t> octets(frame, frame + len);

		if (hosted::happens(700))
			octets[hosted::chance() % len] ^=
				static_cast<std::uint8_t>(1 + hosted::chance() % 255);
		octets.resize(len - hosted::chance() % (hosted::happens(300) ? len : 1));
		edu_t_inject(p.host, p.ifindex, octets.data(),
			     static_cast<unsigned int>(octets.size()));
	}

	edu_t_cable *cable_ = edu_t_cable_new();
	party parties_[2] = {party{1}, party{2}};
};

} // namespace

void a_storm_breaks_nothing()
{
	hosted::set_preemption(300);
	hosted::set_nonlinear(300);
	hosted::set_eager_cables(true);
	for (int round = 0; round < 40; round++) {
		edu_t_begin();
		{
			storm s;

			for (int i = 0; i < 400; i++)
				s.step();
		}
		unsigned int left = edu_t_end();

		if (left)
			edu_t_fail(__FILE__, __LINE__, "nothing is left", left, 0);
	}
}
