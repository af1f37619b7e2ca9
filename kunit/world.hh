// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world for tests: hosts on a cable, in C++ over the test bridge.
 *
 *	world w;				// 10.0.0.1 and 10.0.0.2 on one cable
 *	auto to = w.b.udp(7);
 *	auto from = w.a.udp();
 *
 *	from.send("tlk", w.b.address(), 7);
 *	w.settle();
 *	EXPECT_EQ(to.receive().length, 3);
 *	EXPECT_EQ(w.cable.frames(wire::eth::arp_type), 2u);
 *
 * Frames move only in run_for() and settle(). A world ends by checking that nothing is left of it.
 * It is part of the core's translation unit, so it uses nothing of the C++ library but edu/std.hh,
 * and it runs in a kernel, so its objects stay small on the stack.
 *
 * Locking: process context; config calls hold the RTNL.
 */
#pragma once

#include "base/endian.hh"
#include "edu/bridge.h"
#include "wire/arp.hh"
#include "wire/eth.hh"
#include "wire/ipv4.hh"

#include "test.hh"
#include "test_bridge.h"

namespace edu::test {

/* Linux's numbers, which a test's program would take from <sys/socket.h> and <netinet/in.h>. */
inline constexpr int sock_stream = 1, sock_dgram = 2, sock_raw = 3;
inline constexpr int ipproto_icmp = 1, ipproto_tcp = 6, ipproto_udp = 17;
inline constexpr u32 msg_peek = 0x2, msg_trunc = 0x20, msg_dontwait = 0x40, msg_errqueue = 0x2000;
inline constexpr int sol_ip = 0, sol_socket = 1, sol_tcp = 6;
inline constexpr int o_nonblock = 04000;
inline constexpr u32 iff_up = 0x1, iff_broadcast = 0x2, iff_loopback = 0x8, iff_pointopoint = 0x10,
		     iff_running = 0x40, iff_noarp = 0x80, iff_promisc = 0x100,
		     iff_multicast = 0x1000;

/* "a string" as octets, without its final zero. */
template <size_t n>
inline bytes octets(const char (&text)[n])
{
	return {reinterpret_cast<const u8 *>(text), n - 1};
}

inline bool same(bytes a, bytes b)
{
	if (a.size() != b.size())
		return false;
	for (size_t i = 0; i < a.size(); i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* What a program got from recvmsg(). */
struct datagram {
	int length = 0; /* what the call returned: octets, or a negative errno */
	be32 from{};
	u16 port = 0;	      /* host order */
	u32 flags = 0;	      /* msg_flags */
	u8 data[128] = {};    /* as much as fits; a kernel's stack is small */
	edu_t_recv call = {}; /* control messages */

	bytes payload() const { return {data, length > 0 ? static_cast<size_t>(length) : 0}; }

	/* The data of a control message, or nothing. */
	bytes control(int level, int type) const
	{
		for (u32 at = 0; at + 16 <= call.control_len;) {
			const u8 *c = call.control + at;
			auto size = static_cast<u32>(load_native<u64>(c));

			if (load_native<u32>(c + 8) == static_cast<u32>(level) &&
			    load_native<u32>(c + 12) == static_cast<u32>(type))
				return {c + 16, size - 16};
			at += (size + 7) & ~7u;
		}
		return {};
	}
};

/* An open socket; closes itself. Results are those of the system calls. */
class socket {
public:
	socket(edu_t_host *host, int type, int protocol)
		: sock_{edu_t_socket(host, type, protocol, &error_)}
	{
	}
	socket(socket &&other) : sock_{std::exchange(other.sock_, nullptr)}, error_{other.error_} {}
	socket &operator=(socket &&) = delete;
	~socket() { close(); }

	bool is_open() const { return sock_; }
	int error() const { return error_; } /* why socket(), accept() or bind() failed, or 0 */
	edu_t_sock *get() const { return sock_; }
	::sock *sk() const { return edu_t_sk(sock_); }

	void close()
	{
		if (sock_)
			edu_t_close(sock_);
		sock_ = nullptr;
	}
	int bind(be32 address, u16 port)
	{
		return error_ = edu_t_bind(sock_, address.raw(), be16{port}.raw());
	}
	int connect(be32 address, u16 port)
	{
		return edu_t_connect(sock_, address.raw(), be16{port}.raw());
	}
	int disconnect() { return edu_t_disconnect(sock_); }

	/* Streams. None of these waits: begin() says -EINPROGRESS (-115), accept() gives a socket that
	 * is not open, read() and write() say -EAGAIN (-11). */
	int begin(be32 address, u16 port)
	{
		return edu_t_connect_flags(sock_, address.raw(), be16{port}.raw(), o_nonblock);
	}
	int listen(int backlog) { return edu_t_listen(sock_, backlog); }
	socket accept()
	{
		int error = 0;
		edu_t_sock *next = edu_t_accept(sock_, o_nonblock, &error);

		return socket{next, error};
	}
	int shutdown(int how) { return edu_t_shutdown(sock_, how); } /* 0: rd, 1: wr, 2: both */
	u32 poll() { return edu_t_poll(sock_); }		     /* EDU_POLL* */
	int write(bytes data, u32 flags = msg_dontwait) { return send(data, {}, 0, flags); }
	/* Octets read, 0 at the end of the stream. */
	int read(mutable_bytes to, u32 flags = msg_dontwait)
	{
		edu_t_recv call{};

		call.data = to.data();
		call.room = static_cast<u32>(to.size());
		call.flags = flags;
		return edu_t_recvmsg(sock_, &call);
	}

	/* To the address given, or where the socket is connected to. Never waits. */
	int send(bytes data, be32 address = {}, u16 port = 0, u32 flags = msg_dontwait)
	{
		return edu_t_send(sock_, data.data(), static_cast<u32>(data.size()), flags,
				  address.raw(), be16{port}.raw());
	}
	template <size_t n>
	int send(const char (&text)[n], be32 address = {}, u16 port = 0)
	{
		return send(octets(text), address, port);
	}

	/* The next datagram, or .length -EAGAIN. Never waits. */
	datagram receive(u32 flags = msg_dontwait, u32 room = sizeof(datagram::data))
	{
		datagram d;

		d.call.data = d.data;
		d.call.room = room < sizeof(d.data) ? room : sizeof(d.data);
		d.call.flags = flags;
		d.length = edu_t_recvmsg(sock_, &d.call);
		d.from = be32::from_raw(d.call.address);
		d.port = be16::from_raw(d.call.port).host();
		d.flags = d.call.flags;
		return d;
	}

	int set(int level, int name, int value)
	{
		return edu_t_setsockopt(sock_, level, name, &value, sizeof(value));
	}
	int get(int level, int name)
	{
		u8 value[64] = {};
		unsigned int len = sizeof(int);
		int error = edu_t_getsockopt(sock_, level, name, value, &len);

		return error ? error : static_cast<int>(load_native<u32>(value));
	}
	/* This end's port, host order. */
	u16 port() const
	{
		edu_be32 address = 0;
		edu_be16 port = 0;

		edu_core_getname(sk(), 0, &address, &port);
		return be16::from_raw(port).host();
	}

private:
	socket(edu_t_sock *sock, int error) : sock_{sock}, error_{error} {}

	edu_t_sock *sock_;
	int error_ = 0;
};

/* A shared Ethernet cable (OVER-9). */
class cable {
public:
	cable() : cable_{edu_t_cable_new()} {}
	cable(cable &&) = delete;
	~cable() { edu_t_cable_free(cable_); }

	edu_t_cable *get() const { return cable_; }
	u32 frames() const { return edu_t_frames(cable_); }
	/* Frames of one Ethernet type seen since the last clear(). */
	u32 frames(u16 type) const
	{
		u32 count = 0;

		for (u32 i = 0; i < frames(); i++)
			count += type_of(frame(i)) == type;
		return count;
	}
	bytes frame(u32 i) const
	{
		unsigned int len = 0;
		const u8 *octets = edu_t_frame(cable_, i, &len);

		return {octets, len};
	}
	/* The i-th frame of that type, or nothing. */
	bytes frame(u16 type, u32 nth) const
	{
		for (u32 i = 0; i < frames(); i++)
			if (type_of(frame(i)) == type && !nth--)
				return frame(i);
		return {};
	}
	void clear() { edu_t_cable_clear(cable_); }
	void lose(u32 count) { edu_t_cable_lose(cable_, count); }
	/* Large buffers become packets as they leave. */
	void cut() { edu_t_cable_cut(cable_, 1); }

private:
	static u16 type_of(bytes frame) { return frame.size() < 14 ? 0 : load_be16(&frame[12]); }

	edu_t_cable *cable_;
};

/* Configuration holds it. */
class rtnl_guard {
public:
	rtnl_guard() { edu_t_rtnl_lock(); }
	rtnl_guard(const rtnl_guard &) = delete;
	~rtnl_guard() { edu_t_rtnl_unlock(); }
};

/* One host. Its first device is eth0 with ifindex 2; edulo has 1. */
class host {
public:
	host() : host_{edu_t_host_new()} {}
	host(host &&) = delete;
	~host() { edu_t_host_free(host_); }

	edu_t_host *get() const { return host_; }
	edu_stack *stack() const { return edu_t_stack(host_); }

	/* Plugs an Ethernet device into a cable; its hardware address is 02:00:00:00:00:station. */
	int plug(const cable &to, u8 station)
	{
		edu_dev_info info = ethernet(station);

		return ifindex_ = edu_t_dev_new(host_, to.get(), &info);
	}
	static edu_dev_info ethernet(u8 station) { return edu_t_ethernet(station); }

	/* Gives the last plugged device an address. */
	int add_address(be32 address, u8 prefix_len)
	{
		edu_addr_info addr = {};

		addr.ifindex = ifindex_;
		addr.local = addr.peer = address.raw();
		addr.prefix_len = prefix_len;
		address_ = address;
		rtnl_guard rtnl;
		return edu_core_config_addr_add(stack(), &addr,
						EDU_CONFIG_CREATE | EDU_CONFIG_EXCL);
	}
	int del_address(be32 address, u8 prefix_len)
	{
		edu_addr_info addr = {};

		addr.ifindex = ifindex_;
		addr.local = addr.peer = address.raw();
		addr.prefix_len = prefix_len;
		rtnl_guard rtnl;
		return edu_core_config_addr_del(stack(), &addr);
	}
	int add_route(be32 destination, u8 prefix_len, be32 gateway, u32 metric = 0)
	{
		edu_route_info route = describe(destination, prefix_len, gateway, metric);
		rtnl_guard rtnl;

		return edu_core_config_route_add(stack(), &route,
						 EDU_CONFIG_CREATE | EDU_CONFIG_EXCL);
	}
	int del_route(be32 destination, u8 prefix_len, be32 gateway, u32 metric = 0)
	{
		edu_route_info route = describe(destination, prefix_len, gateway, metric);
		rtnl_guard rtnl;

		return edu_core_config_route_del(stack(), &route);
	}
	/* The ARP entry of an address, .ip 0 when there is none. */
	edu_neigh_info neighbour(be32 ip) const
	{
		edu_neigh_info info = {};

		info.ip = ip.raw();
		rtnl_guard rtnl;
		if (edu_core_config_neigh_get(stack(), &info))
			info.ip = 0;
		return info;
	}

	socket open(int type, int protocol) { return {host_, type, protocol}; }
	/* A UDP socket, bound to the port (0: to none yet). */
	socket udp(u16 port = 0)
	{
		socket s{host_, sock_dgram, 0};

		if (port && s.is_open())
			s.bind({}, port);
		return s;
	}

	/* A TCP socket, bound to the port (0: to none yet). */
	socket tcp(u16 port = 0)
	{
		socket s{host_, sock_stream, 0};

		if (port && s.is_open())
			s.bind({}, port);
		return s;
	}

	/* A frame arrives at the last plugged device. */
	void inject(bytes frame)
	{
		edu_t_inject(host_, ifindex_, frame.data(), static_cast<u32>(frame.size()));
	}

	be32 address() const { return address_; } /* the last one added */
	int ifindex() const { return ifindex_; }
	eth_addr hardware_address() const
	{
		edu_dev_info info = {};

		edu_t_dev_info(host_, ifindex_, &info);
		return eth_addr::load(info.addr);
	}
	u64 counter(edu_counter which) const { return edu_t_counter(host_, which); }
	void tune(edu_tunable which, u32 value) { edu_core_tunables(stack())[which] = value; }

private:
	static edu_route_info describe(be32 destination, u8 prefix_len, be32 gateway, u32 metric)
	{
		edu_route_info route = {};

		route.destination = destination.raw();
		route.prefix_len = prefix_len;
		route.gateway = gateway.raw();
		route.metric = metric;
		route.type = 1;	    /* RTN_UNICAST */
		route.protocol = 4; /* RTPROT_STATIC */
		return route;
	}

	edu_t_host *host_;
	int ifindex_ = 0;
	be32 address_{};
};

/* Checks, when everything declared after it is gone, that nothing of it is left. */
class nothing_left {
public:
	nothing_left() { edu_t_begin(); }
	nothing_left(const nothing_left &) = delete;
	~nothing_left() { EXPECT_EQ(edu_t_end(), 0u); }
};

/* Two hosts on one cable: a is 10.0.0.1/24, b 10.0.0.2/24. */
class world {
	nothing_left check_;

public:
	class cable cable;
	host a, b;

	world()
	{
		a.plug(cable, 1);
		b.plug(cable, 2);
		a.add_address(wire::ipv4::make_addr(10, 0, 0, 1), 24);
		b.add_address(wire::ipv4::make_addr(10, 0, 0, 2), 24);
		settle();
		cable.clear();
	}
	world(const world &) = delete;

	/* A connection from a to b's port, which has a socket of its own while it is made: both ends in
	 * ESTABLISHED, or not open. */
	struct stream {
		socket a, b;
	};
	stream connect(u16 port)
	{
		socket listener = b.tcp(port);
		socket from = a.tcp();

		listener.listen(1);
		from.begin(b.address(), port);
		settle();
		socket to = listener.accept();

		return {std::move(from), std::move(to)};
	}

	/* What is on its way arrives, and what that sends, and so on. */
	void settle() { edu_t_run(0); }
	void run_for(u32 ms) { edu_t_run(ms); }
	/* The same for frames alone, also while the test holds the lock of a socket. */
	static void deliver() { edu_t_deliver(); }
};

} // namespace edu::test
