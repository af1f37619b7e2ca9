// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: sequences of fragments. Whatever their order and overlap, a datagram that comes out
 * has in each place the octet that was sent for that place, and ends where a last fragment ended.
 *
 * An input is a list of records of five octets:
 *
 *	0	03  which of four datagrams
 *		04  more fragments follow
 *		08  it arrives in pieces
 *		10  one of the next allocations fails
 *		20  ten seconds pass after it
 *		40  its protocol is TCP
 *		80  its header has options
 *	1, 2	offset, in units of 8 octets (13 bits, big endian; the upper three bits are part of 4)
 *	3, 4	octets of payload (11 bits)
 *
 * Requirements: IP-6, IP-8, IP-9, "hostile input gets a drop with a named counter". Locking: none.
 */
#include "fuzz.hh"
#include "home.hh"

#include <algorithm>
#include <cstring>

namespace {

using octets = std::vector<std::uint8_t>;

enum control : std::uint8_t {
	datagram = 3,
	more = 4,
	in_pieces = 8,
	no_memory = 0x10,
	time_passes = 0x20,
	tcp = 0x40,
	options = 0x80,
};

constexpr std::uint8_t other_protocol = 200, tcp_protocol = 6;
constexpr std::size_t link_len = 14;
constexpr edu_be32 our_ip = 0x0100000a; /* 10.0.0.1 */

std::uint8_t octet_at(std::size_t offset)
{
	return static_cast<std::uint8_t>(offset * 31 + (offset >> 8));
}

octets make_frame(const std::uint8_t *record)
{
	const std::size_t header = record[0] & options ? 24 : 20;
	const std::size_t offset = static_cast<std::size_t>(record[1] & 0x1f) << 8 | record[2];
	const std::size_t len = static_cast<std::size_t>(record[3] & 7) << 8 | record[4];
	octets frame(link_len + header + len);
	std::uint8_t *ip = &frame[link_len];
	std::uint32_t sum = 0;

	frame[0] = 2;
	frame[5] = 1;
	frame[12] = 8;
	ip[0] = static_cast<std::uint8_t>(0x40 | header / 4);
	ip[2] = static_cast<std::uint8_t>((header + len) >> 8);
	ip[3] = static_cast<std::uint8_t>(header + len);
	ip[5] = record[0] & datagram;
	ip[6] = static_cast<std::uint8_t>(offset >> 8 | (record[0] & more ? 0x20 : 0));
	ip[7] = static_cast<std::uint8_t>(offset);
	ip[8] = 9;
	ip[9] = record[0] & tcp ? tcp_protocol : other_protocol;
	std::copy_n("\x0a\0\0\x09\x0a\0\0\x01", 8, ip + 12);
	if (header > 20)
		std::copy_n("\x94\x04\0\0", 4, ip + 20); /* router alert */
	for (std::size_t i = 0; i < header; i += 2)
		sum += static_cast<std::uint32_t>(ip[i] << 8 | ip[i + 1]);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = static_cast<std::uint8_t>(sum >> 8);
	ip[11] = static_cast<std::uint8_t>(sum);
	for (std::size_t i = 0; i < len; i++)
		ip[header + i] = octet_at(8 * offset + i);
	return frame;
}

class victim {
public:
	victim() : cable_{edu_t_cable_new()}, host_{edu_t_host_new()}
	{
		edu_dev_info info = edu_t_ethernet(1);
		edu_addr_info addr = {};
		int error, room = 1 << 22;

		addr.ifindex = ifindex_ = edu_t_dev_new(host_, cable_, &info);
		addr.local = addr.peer = our_ip;
		addr.prefix_len = 24;
		edu_t_rtnl_lock();
		edu_core_config_addr_add(edu_t_stack(host_), &addr, EDU_CONFIG_CREATE);
		edu_t_rtnl_unlock();
		edu_core_tunables(edu_t_stack(host_))[EDU_TUNE_ip_frag_high_thresh] = 65536;
		for (std::uint8_t protocol : {other_protocol, tcp_protocol}) {
			socks_.push_back(edu_t_socket(host_, 3, protocol, &error));
			fuzz::require(socks_.back());
			edu_t_setsockopt(socks_.back(), 1, 8, &room, sizeof(room));
		}
	}
	~victim()
	{
		edu_t_host_free(host_);
		edu_t_cable_free(cable_);
	}

	void take(const std::uint8_t *record)
	{
		const octets frame = make_frame(record);

		hosted::set_nonlinear(record[0] & in_pieces ? 1000 : 0);
		if (record[0] & no_memory)
			edu_t_fail_alloc(1 + record[4] % 8);
		edu_t_inject(host_, ifindex_, frame.data(),
			     static_cast<unsigned int>(frame.size()));
		edu_t_run(record[0] & time_passes ? 10000 : 0);
		for (edu_t_sock *sock : socks_)
			while (look(sock))
				;
	}

private:
	/* A datagram that came out is what was sent. */
	bool look(edu_t_sock *sock)
	{
		static octets room(70000);
		edu_t_recv recv = {};

		recv.data = room.data();
		recv.room = static_cast<unsigned int>(room.size());
		recv.flags = 0x40;
		const int len = edu_t_recvmsg(sock, &recv);

		if (len < 0)
			return false;
		const int header = (room[0] & 0xf) * 4;

		fuzz::require(len >= header && (room[2] << 8 | room[3]) == len);
		fuzz::require(!(room[6] & 0x3f) && !room[7]);
		for (int i = header; i < len; i++)
			fuzz::require(room[static_cast<std::size_t>(i)] ==
				      octet_at(static_cast<std::size_t>(i - header)));
		return true;
	}

	edu_t_cable *cable_;
	edu_t_host *host_;
	int ifindex_ = 0;
	std::vector<edu_t_sock *> socks_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	constexpr std::size_t record_len = 5, most = 500;

	hosted::seed(size);
	edu_t_begin();
	{
		victim host;

		for (std::size_t i = 0; i < most && (i + 1) * record_len <= size; i++)
			host.take(data + i * record_len);
		edu_t_fail_alloc(0);
	}
	fuzz::require(edu_t_end() == 0);
	return 0;
}
