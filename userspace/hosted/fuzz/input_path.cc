// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: the whole way in. Frames arrive at a host with sockets open.
 *
 * An input is a list of records: a control octet, two octets of length (big endian), and a frame.
 * The control octet lets the fuzzer past the checks that it would hardly guess, and brings in time
 * and want of memory:
 *
 *	01  the frame is addressed to the host's station
 *	02  the IP header gets a right checksum
 *	04  the UDP, ICMP or IGMP message gets a right checksum
 *	08  a second passes after it
 *	10  it arrives in pieces, and softirqs interrupt system calls
 *	20  one of the next allocations fails
 *	40  the sockets are read
 *	80  a socket sends a datagram to the frame's IP source
 *
 * Afterwards everything is closed, and nothing may be left. Each input makes its world anew, so
 * that one input alone shows what it shows.
 *
 * Requirements: LAYER-1, OVER-3, "hostile input gets a drop with a named counter". Locking: none.
 */
#include "fuzz.hh"
#include "home.hh"

#include <algorithm>
#include <cstring>

namespace {

using octets = std::vector<std::uint8_t>;

enum control : std::uint8_t {
	to_us = 1,
	good_header = 2,
	good_payload = 4,
	second_passes = 8,
	in_pieces = 0x10,
	no_memory = 0x20,
	read_sockets = 0x40,
	answer = 0x80,
};

constexpr std::size_t link_len = 14;
constexpr std::uint8_t station[6] = {2, 0, 0, 0, 0, 1};
constexpr edu_be32 our_ip = 0x0100000a; /* 10.0.0.1 */

/* RFC 1071, with the two octets at `field` counted as zero and then replaced. */
void fix_sum(octets &frame, std::size_t from, std::size_t to, std::size_t field, std::uint32_t sum)
{
	if (field + 2 > to || to > frame.size())
		return;
	frame[field] = frame[field + 1] = 0;
	for (std::size_t i = from; i < to; i++)
		sum += (i - from) % 2 ? frame[i] : frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	frame[field] = static_cast<std::uint8_t>(sum >> 8);
	frame[field + 1] = static_cast<std::uint8_t>(sum);
}

std::uint32_t pseudo_header(const octets &frame, std::size_t len)
{
	std::uint32_t sum = frame[link_len + 9] + static_cast<std::uint32_t>(len);

	for (std::size_t i = link_len + 12; i < link_len + 20; i += 2)
		sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
	return sum;
}

void fix_payload(octets &frame)
{
	std::size_t from = link_len + (frame[link_len] & 0xf) * 4u;
	std::size_t to = link_len + (frame[link_len + 2] << 8 | frame[link_len + 3]);

	if (from < link_len + 20 || to > frame.size() || from >= to)
		return;
	switch (frame[link_len + 9]) {
	case 1: /* ICMP */
	case 2: /* IGMP */
		return fix_sum(frame, from, to, from + 2, 0);
	case 17:
		return fix_sum(frame, from, to, from + 6, pseudo_header(frame, to - from));
	}
}

void repair(octets &frame, std::uint8_t how)
{
	if (frame.size() >= link_len && how & to_us)
		std::copy(station, station + 6, frame.begin());
	if (frame.size() < link_len + 20)
		return;
	if (how & good_header)
		fix_sum(frame, link_len, link_len + (frame[link_len] & 0xf) * 4u, link_len + 10, 0);
	if (how & good_payload)
		fix_payload(frame);
}

/* A host with UDP sockets, one of them connected, RAW sockets and a ping socket; two of them are
 * members of groups. It answers ARP for 10.1.0.0/24, which is behind another device of its, and serves
 * RARP. */
class victim {
public:
	victim() : cable_{edu_t_cable_new()}, far_cable_{edu_t_cable_new()}, host_{edu_t_host_new()}
	{
		edu_dev_info info = edu_t_ethernet(0);
		edu_addr_info addr = {};

		std::copy(station, station + 6, info.addr);
		addr.ifindex = ifindex_ = edu_t_dev_new(host_, cable_, &info);
		addr.local = addr.peer = our_ip;
		addr.prefix_len = 24;
		edu_t_rtnl_lock();
		edu_core_config_addr_add(edu_t_stack(host_), &addr, EDU_CONFIG_CREATE);
		edu_t_rtnl_unlock();
		edu_core_tunables(edu_t_stack(host_))[EDU_TUNE_ping_group_min] = 0;
		edu_core_tunables(edu_t_stack(host_))[EDU_TUNE_ping_group_max] = 1000;
		info.addr[5] = 3;
		serve(edu_t_dev_new(host_, far_cable_, &info));
		open_sockets();
	}

	~victim()
	{
		edu_t_host_free(host_);
		edu_t_cable_free(far_cable_);
		edu_t_cable_free(cable_);
	}

	void take(const octets &frame, std::uint8_t how)
	{
		hosted::set_nonlinear(how & in_pieces ? 1000 : 0);
		hosted::set_preemption(how & in_pieces ? 300 : 0);
		if (how & no_memory)
			edu_t_fail_alloc(1 + frame.size() % 8);
		edu_t_inject(host_, ifindex_, frame.data(),
			     static_cast<unsigned int>(frame.size()));
		edu_t_run(how & second_passes ? 1000 : 0);
		if (how & read_sockets)
			drain();
		if (how & answer && frame.size() >= link_len + 16) {
			edu_be32 to;

			std::memcpy(&to, &frame[link_len + 12], 4);
			send(to);
		}
	}

private:
	void serve(int far_index)
	{
		edu_addr_info addr = {};
		edu_neigh_info proxy = {};
		edu_rarp_info rarp = {};

		addr.ifindex = far_index;
		addr.local = addr.peer = 0x0100010a; /* 10.1.0.1 */
		addr.prefix_len = 24;
		proxy.ip = 0x0000010a;
		proxy.mask = 0x00ffffff;
		proxy.flags = 8; /* ATF_PUBL */
		rarp.ip = 0x3200000a;
		rarp.hardware_len = 6;
		std::copy(station, station + 6, rarp.hardware_address);
		rarp.hardware_address[5] = 2;
		edu_t_rtnl_lock();
		edu_core_config_addr_add(edu_t_stack(host_), &addr, EDU_CONFIG_CREATE);
		edu_core_config_neigh_add(edu_t_stack(host_), &proxy, EDU_CONFIG_CREATE);
		edu_core_config_rarp_set(edu_t_stack(host_), &rarp);
		edu_t_rtnl_unlock();
	}

	void open_sockets()
	{
		int error;

		/* SOCK_DGRAM 2, SOCK_RAW 3; IPPROTO_ICMP 1, IPPROTO_UDP 17 */
		for (auto [type, protocol] :
		     {std::pair{2, 17}, {2, 17}, {3, 1}, {2, 1}, {3, 2 /* IPPROTO_IGMP */}})
			sockets_.push_back(edu_t_socket(host_, type, protocol, &error));
		for (edu_t_sock *sock : sockets_)
			fuzz::require(sock);
		int on = 1;

		edu_t_bind(sockets_[0], 0, 0x0700);		       /* port 7 */
		edu_t_setsockopt(sockets_[0], 0, 8, &on, sizeof(on));  /* IP_PKTINFO */
		edu_t_setsockopt(sockets_[0], 0, 11, &on, sizeof(on)); /* IP_RECVERR */
		edu_t_setsockopt(sockets_[0], 0, 6, &on, sizeof(on));  /* IP_RECVOPTS */
		edu_t_bind(sockets_[1], our_ip, 0x0900);
		edu_t_connect(sockets_[1], 0x0200000a, 0x0900);
		join_groups();
	}

	/* 239.1.2.3 from anybody, 239.1.2.4 from 10.0.0.2; so that IGMP has something to say. */
	void join_groups()
	{
		const edu_be32 any[] = {0x030201ef, our_ip};
		const edu_be32 some[] = {0x040201ef, our_ip, 0x0200000a};

		edu_t_setsockopt(sockets_[0], 0, 35 /* IP_ADD_MEMBERSHIP */, any, sizeof(any));
		edu_t_setsockopt(sockets_[0], 0, 39 /* IP_ADD_SOURCE_MEMBERSHIP */, some,
				 sizeof(some));
		edu_t_setsockopt(sockets_[0], 0, 32 /* IP_MULTICAST_IF */, &our_ip, sizeof(our_ip));
	}

	void send(edu_be32 to)
	{
		edu_t_send(sockets_[0], "tlk", 3, 0x40, to, 0x0900);
		edu_t_send(sockets_[1], "tlk", 3, 0x40, 0, 0);
		edu_t_send(sockets_[0], "tlk", 3, 0x40, 0x030201ef, 0x0700);
		edu_t_run(0);
	}

	void drain()
	{
		std::uint8_t room[256];

		for (edu_t_sock *sock : sockets_)
			for (edu_u32 flags :
			     {0x42u, 0x40u, 0x2040u}) { /* peek, read, error queue */
				edu_t_recv recv = {};

				recv.data = room;
				recv.room = sizeof(room);
				recv.flags = flags;
				edu_t_recvmsg(sock, &recv);
			}
	}

	edu_t_cable *cable_, *far_cable_;
	edu_t_host *host_;
	int ifindex_ = 0;
	std::vector<edu_t_sock *> sockets_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	hosted::seed(size);
	hosted::set_eager_cables(true);
	edu_t_begin();
	{
		victim host;

		for (std::size_t at = 0; at + 3 <= size;) {
			std::uint8_t how = data[at];
			std::size_t len =
				static_cast<std::size_t>(data[at + 1] << 8 | data[at + 2]);

			at += 3;
			len = std::min(len, size - at);
			octets frame(data + at, data + at + len);

			at += len;
			repair(frame, how);
			host.take(frame, how);
		}
		edu_t_fail_alloc(0);
	}
	fuzz::require(edu_t_end() == 0);
	return 0;
}
