// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: sequences of TCP segments, from a peer that does as it likes.
 *
 * A host listens at port 7 and has connected to port 5000 of the peer; the peer is the fuzzer. Its segments
 * are made near the truth: numbers are told relative to what the host expects, sums are right, ports are
 * those of one of two connections. An input is a list of records of eight octets:
 *
 *	0  bits 0 to 5: flags of the header; bit 6: the connection that the host has opened; bit 7: time
 *	   passes, so many milliseconds as octet 7 squared
 *	1  sequence number, signed, from the next that the host expects; times 1 or, if even, 97
 *	2  acknowledgement, signed, from the last number that the host has sent; likewise
 *	3  window / 256
 *	4  octets of data; times 1 or, if even, 11
 *	5  options: bit 0 timestamp, 1 an old one, 2 SACK blocks, 3 SACK below the acknowledgement,
 *	   4 MSS, 5 window scale, 6 SACK permitted, 7 an option of a wrong length
 *	6  what the program does afterwards: 1 accept, 2 read, 4 write, 8 shutdown, 16 close, 32 urgent pointer
 *	   (a segment), 64 an ICMP error comes, 128 an allocation fails
 *	7  a number for those
 *
 * The peer's octet at each number is always the same: so what a program reads must be the peer's octets in
 * order from the first, however often and in whatever pieces they came.
 *
 * Requirements: OVER-3, TCP-5, TCP-12. Locking: none.
 */
#include "fuzz.hh"
#include "network.hh"

#include <cstring>

using namespace hosted;

namespace {

using octets = std::vector<std::uint8_t>;

constexpr edu_be32 our_ip = ip4(10, 0, 0, 1), their_ip = ip4(10, 0, 0, 9);
constexpr std::uint8_t fin = 1, syn = 2, rst = 4, ack = 16, urg = 32;
constexpr std::size_t link_len = 14, ip_at = link_len, tcp_at = ip_at + 20;

edu_u32 load16(const std::uint8_t *at)
{
	return static_cast<edu_u32>(at[0] << 8 | at[1]);
}
edu_u32 load32(const std::uint8_t *at)
{
	return load16(at) << 16 | load16(at + 2);
}
void store16(std::uint8_t *at, edu_u32 value)
{
	at[0] = static_cast<std::uint8_t>(value >> 8);
	at[1] = static_cast<std::uint8_t>(value);
}
void store32(std::uint8_t *at, edu_u32 value)
{
	store16(at, value >> 16);
	store16(at + 2, value);
}

edu_u32 sum_of(const octets &from, std::size_t at, edu_u32 start)
{
	for (std::size_t i = at; i < from.size(); i++)
		start += (i - at) % 2 ? from[i] : static_cast<edu_u32>(from[i] << 8);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* The peer's octet at that number. */
std::uint8_t octet_at(edu_u32 n)
{
	return static_cast<std::uint8_t>(n * 0x9e3779b1u >> 24);
}

edu_u32 stretched(std::uint8_t octet, edu_u32 by)
{
	const edu_u32 value = static_cast<edu_u32>(static_cast<std::int8_t>(octet));

	return octet % 2 ? value : value * by;
}

/* One connection as the peer sees it. */
struct line {
	edu_u32 our_port, their_port; /* the host's, the peer's */
	edu_t_sock *sock = nullptr;   /* the host's, once it has one */
	edu_u32 expected;	      /* by the host: the peer's next number */
	edu_u32 sent = 0;	      /* by the host: behind its last octet */
	edu_u32 stamp = 0;	      /* the host's last */
	std::vector<edu_u32>
		births; /* numbers at which the peer's octets may begin: behind each SYN */
	std::vector<edu_u32> heard; /* those of them, moved on, that fit what the program has read */
};

class victim {
public:
	victim()
	{
		introduce_peer();
		listener_ = stream_of(host_);
		set_option(listener_, sol_socket, 10 /* SO_OOBINLINE */, 1);
		edu_t_bind(listener_, 0, port_of(7));
		edu_t_listen(listener_, 2);
		lines_[0].our_port = 7;
		lines_[0].their_port = 6000;
		lines_[0].expected = 0xfffffff0; /* the numbers soon wrap */
		lines_[1].their_port = 5000;
		lines_[1].expected = 0x7ffffff0;
		lines_[1].sock = stream_of(host_);
		set_option(lines_[1].sock, sol_socket, 10, 1);
		edu_t_connect_flags(lines_[1].sock, their_ip, port_of(5000), nonblock);
		edu_t_run(0);
		listen_to_host();
	}

	void take(const std::uint8_t *record)
	{
		line &to = lines_[record[0] >> 6 & 1];

		if (record[6] & 128)
			edu_t_fail_alloc(1 + record[7] % 8);
		if (record[6] & 64)
			inject(error_about(to, record));
		else
			inject(segment(to, record));
		edu_t_run(record[0] & 128 ? edu_u32{record[7]} * record[7] : 0);
		listen_to_host();
		act(to, record);
		edu_t_run(0);
		listen_to_host();
	}

private:
	void introduce_peer()
	{
		edu_neigh_info peer = {};

		peer.ip = their_ip;
		peer.mask = 0xffffffff;
		peer.ifindex = device_;
		peer.hardware_address[0] = 2;
		peer.hardware_len = 6;
		peer.state = 0x80; /* NUD_PERMANENT */
		edu_t_rtnl_lock();
		edu_core_config_neigh_add(edu_t_stack(host_), &peer, EDU_CONFIG_CREATE);
		edu_t_rtnl_unlock();
	}

	/* What the host has sent tells where it stands. */
	void listen_to_host()
	{
		for (unsigned int i = 0; i < edu_t_frames(cable_); i++) {
			unsigned int len;
			const edu_u8 *frame = edu_t_frame(cable_, i, &len);

			if (len >= tcp_at + 20 && frame[ip_at + 9] == 6)
				hear(frame, len);
		}
		edu_t_cable_clear(cable_);
	}

	void hear(const edu_u8 *frame, unsigned int len)
	{
		const edu_u8 *tcp = &frame[tcp_at];
		line &from = lines_[load16(tcp) != 7];
		const edu_u32 header = (tcp[12] >> 4) * 4u;
		const edu_u32 payload = static_cast<edu_u32>(len - tcp_at - header);
		const std::uint8_t flags = tcp[13];

		if (load16(tcp + 2) != from.their_port || flags & rst)
			return;
		from.our_port = load16(tcp);
		from.sent = load32(tcp + 4) + payload + !!(flags & syn) + !!(flags & fin);
		if (flags & ack)
			from.expected = load32(tcp + 8);
		if (header >= 32 && tcp[20] == 1 && tcp[22] == 8)
			from.stamp = load32(tcp + 24);
	}

	octets options_of(const line &to, const std::uint8_t *record, edu_u32 acked) const
	{
		const std::uint8_t kinds = record[5];
		octets opts;
		auto put = [&opts](std::initializer_list<edu_u32> some) {
			for (edu_u32 octet : some)
				opts.push_back(static_cast<std::uint8_t>(octet));
		};
		auto put32 = [&put](edu_u32 v) { put({v >> 24, v >> 16, v >> 8, v}); };

		if (kinds & 16)
			put({2, 4, record[7], record[3]});
		if (kinds & 32)
			put({1, 3, 3, record[7]});
		if (kinds & 64)
			put({1, 1, 4, 2});
		if (kinds & 128)
			put({8, record[7], 1, 1});
		if (kinds & 1) {
			put({1, 1, 8, 10});
			put32(static_cast<edu_u32>(edu_k_now_ms()) - (kinds & 2 ? 5000 : 0));
			put32(to.stamp);
		}
		if (kinds & 4 && opts.size() <= 20) {
			const edu_u32 from =
				acked + (kinds & 8 ? ~0u - 50 : stretched(record[7], 97));

			put({1, 1, 5, 18});
			for (edu_u32 v : {from, from + 50, from + 200, from + 200 + record[2]})
				put32(v);
		}
		opts.resize(std::min<std::size_t>(opts.size(), 40) & ~std::size_t{3});
		return opts;
	}

	octets packet(std::uint8_t protocol, std::size_t payload) const
	{
		octets frame(tcp_at + payload);

		frame[0] = 2;
		std::memcpy(&frame[2], &our_ip, 4);
		frame[6] = 2;
		store16(&frame[12], 0x0800);
		frame[ip_at] = 0x45;
		store16(&frame[ip_at + 2], static_cast<edu_u32>(20 + payload));
		frame[ip_at + 8] = 64;
		frame[ip_at + 9] = protocol;
		std::memcpy(&frame[ip_at + 12], &their_ip, 4);
		std::memcpy(&frame[ip_at + 16], &our_ip, 4);
		const octets header(frame.begin() + ip_at, frame.begin() + tcp_at);

		store16(&frame[ip_at + 10], ~sum_of(header, 0, 0));
		return frame;
	}

	octets segment(line &to, const std::uint8_t *record) const
	{
		const edu_u32 seq = to.expected + stretched(record[1], 97);
		const edu_u32 acked = to.sent + stretched(record[2], 97);
		const edu_u32 len = record[4] % 2 ? record[4] : record[4] * 11u;
		const octets opts = options_of(to, record, acked);
		const std::size_t header = 20 + opts.size();
		octets frame = packet(6, header + len);
		std::uint8_t *tcp = &frame[tcp_at];

		store16(tcp, to.their_port);
		store16(tcp + 2, to.our_port);
		store32(tcp + 4, seq);
		store32(tcp + 8, acked);
		tcp[12] = static_cast<std::uint8_t>(header / 4 << 4);
		tcp[13] = record[0] & 63;
		store16(tcp + 14, edu_u32{record[3]} << 8);
		if (record[6] & 32) {
			tcp[13] |= urg;
			store16(tcp + 18, record[7]);
		}
		std::copy(opts.begin(), opts.end(), tcp + 20);
		for (edu_u32 i = 0; i < len; i++)
			tcp[header + i] = octet_at(seq + !!(tcp[13] & syn) + i);
		if (tcp[13] & syn)
			to.births.push_back(seq + 1);
		const octets ends(frame.begin() + ip_at + 12, frame.begin() + tcp_at);

		store16(tcp + 16, ~sum_of(frame, tcp_at,
					  sum_of(ends, 0, 6 + static_cast<edu_u32>(header + len))));
		return frame;
	}

	/* An ICMP error that quotes a segment of the host's. */
	octets error_about(const line &to, const std::uint8_t *record) const
	{
		octets frame = packet(1, 8 + 28);
		std::uint8_t *icmp = &frame[tcp_at], *quote = icmp + 8;

		icmp[0] = record[3] % 4 ? 3 : 11;
		icmp[1] = record[4] % 16;
		store16(icmp + 6, edu_u32{record[7]} << 3);
		quote[0] = 0x45;
		store16(quote + 2, 100);
		quote[8] = 60;
		quote[9] = 6;
		std::memcpy(quote + 12, &our_ip, 4);
		std::memcpy(quote + 16, &their_ip, 4);
		const octets header(quote, quote + 20);

		store16(quote + 10, ~sum_of(header, 0, 0));
		store16(quote + 20, to.our_port);
		store16(quote + 22, to.their_port);
		store32(quote + 24, to.sent - 1 + stretched(record[1], 97));
		store16(icmp + 2, ~sum_of(frame, tcp_at, 0));
		return frame;
	}

	void inject(const octets &frame)
	{
		edu_t_inject(host_, device_, frame.data(), static_cast<unsigned int>(frame.size()));
	}

	void act(line &on, const std::uint8_t *record)
	{
		static const std::uint8_t data[8000] = {};
		int error;

		if (record[6] & 1 && !lines_[0].sock) {
			lines_[0].sock = edu_t_accept(listener_, nonblock, &error);
			lines_[0].heard = lines_[0].births;
		}
		if (!on.sock)
			return;
		if (record[6] & 2)
			read(on);
		if (record[6] & 4)
			edu_t_send(on.sock, data, 1 + edu_u32{record[7]} * 31, dontwait, 0, 0);
		if (record[6] & 8)
			edu_t_shutdown(on.sock, record[7] % 3);
		if (record[6] & 16) {
			edu_t_close(on.sock);
			on.sock = nullptr;
		}
	}

	void read(line &on)
	{
		static std::uint8_t room[5000];
		edu_t_recv recv = {};

		recv.data = room;
		recv.room = sizeof(room);
		recv.flags = dontwait;
		const int got = edu_t_recvmsg(on.sock, &recv);

		if (got <= 0)
			return;
		if (&on == &lines_[1])
			on.heard.insert(on.heard.end(), on.births.begin(), on.births.end());
		if (&on == &lines_[1])
			on.births.clear();
		std::erase_if(on.heard, [&](edu_u32 from) {
			for (int i = 0; i < got; i++)
				if (room[i] != octet_at(from + static_cast<edu_u32>(i)))
					return true;
			return false;
		});
		fuzz::require(!on.heard.empty());
		for (edu_u32 &from : on.heard)
			from += static_cast<edu_u32>(got);
	}

	network net_;
	edu_t_cable *cable_ = net_.cable();
	edu_t_host *host_ = net_.host();
	int device_ = net_.plug(host_, cable_, {.address = our_ip});
	edu_t_sock *listener_ = nullptr;
	line lines_[2] = {};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	constexpr std::size_t record_len = 8;

	seed(size);
	set_preemption(size % 2 ? 200 : 0);
	set_nonlinear(size % 3 ? 300 : 0);
	edu_t_begin();
	{
		victim host;

		for (std::size_t at = 0; at + record_len <= size; at += record_len)
			host.take(data + at);
		edu_t_fail_alloc(0);
	}
	fuzz::require(edu_t_end() == 0);
	return 0;
}
