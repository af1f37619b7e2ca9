// SPDX-License-Identifier: GPL-2.0-only
/*
 * Properties of reassembly: a datagram that was cut anyhow, and whose fragments come in any order,
 * some twice, some never, arrives exactly as it was, or not at all; nothing is left of either. And
 * the cost of a fragment does not grow with the number of those that wait with it.
 *
 * Requirements: IP-6, IP-8, IP-9; RFC 815. Locking: none, a single thread.
 */
#include "home.hh"
#include "sim_test.hh"

#include <algorithm>
#include <cstring>
#include <ctime>

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			edu_t_fail(__FILE__, __LINE__, #condition, 0, 1);                          \
	} while (0)

namespace {

using octets = std::vector<std::uint8_t>;

constexpr std::uint8_t protocol = 200; /* read by a RAW socket */
constexpr std::size_t link_len = 14, ip_len = 20;

struct cut {
	std::uint32_t from, to; /* octets of the payload */
};

/* A host that knows 10.0.0.9 only by what it sends, and a RAW socket on it. */
class target {
public:
	target() : cable_{edu_t_cable_new()}, host_{edu_t_host_new()}
	{
		edu_dev_info info = edu_t_ethernet(0);
		edu_addr_info addr = {};
		int error, room = 1 << 24;

		addr.ifindex = ifindex_ = edu_t_dev_new(host_, cable_, &info);
		addr.local = addr.peer = 0x0100000a; /* 10.0.0.1 */
		addr.prefix_len = 24;
		edu_t_rtnl_lock();
		edu_core_config_addr_add(edu_t_stack(host_), &addr, EDU_CONFIG_CREATE);
		edu_t_rtnl_unlock();
		sock_ = edu_t_socket(host_, 3, protocol, &error);
		edu_t_setsockopt(sock_, 1, 8, &room, sizeof(room)); /* SO_RCVBUF */
	}
	~target()
	{
		edu_t_host_free(host_);
		edu_t_cable_free(cable_);
	}

	edu_u32 &tune(edu_tunable which) { return edu_core_tunables(edu_t_stack(host_))[which]; }

	void take(const octets &payload, cut part, std::uint16_t id)
	{
		octets frame(link_len + ip_len);
		std::uint8_t *ip = frame.data() + link_len;
		std::uint32_t total = ip_len + part.to - part.from, word = part.from / 8;

		frame[0] = 2;
		frame[12] = 8;
		word |= part.to < payload.size() ? 0x2000 : 0;
		const std::uint8_t header[] = {0x45,
					       0,
					       std::uint8_t(total >> 8),
					       std::uint8_t(total),
					       std::uint8_t(id >> 8),
					       std::uint8_t(id),
					       std::uint8_t(word >> 8),
					       std::uint8_t(word),
					       9,
					       protocol,
					       0,
					       0,
					       10,
					       0,
					       0,
					       9,
					       10,
					       0,
					       0,
					       1};
		std::uint32_t sum = 0;

		for (std::size_t i = 0; i < ip_len; i += 2)
			sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
		sum = ~((sum & 0xffff) + (sum >> 16));
		std::copy(header, header + ip_len, ip);
		ip[10] = static_cast<std::uint8_t>(sum >> 8);
		ip[11] = static_cast<std::uint8_t>(sum);
		frame.insert(frame.end(), payload.begin() + part.from, payload.begin() + part.to);
		edu_t_inject(host_, ifindex_, frame.data(),
			     static_cast<unsigned int>(frame.size()));
	}

	/* The payload of the next datagram, or nothing. */
	octets receive()
	{
		edu_t_recv recv = {};

		room_.resize(70000);
		recv.data = room_.data();
		recv.room = static_cast<unsigned int>(room_.size());
		recv.flags = 0x40;
		int len = edu_t_recvmsg(sock_, &recv);

		return len < 0 ? octets{} : octets(room_.begin() + ip_len, room_.begin() + len);
	}

	/* Nothing waits any more. */
	bool is_empty() const
	{
		edu_cursor at = {};
		edu_frag_info info;

		return !edu_core_frag_next(edu_t_stack(host_), &at, &info);
	}

private:
	edu_t_cable *cable_;
	edu_t_host *host_;
	int ifindex_ = 0;
	edu_t_sock *sock_;
	octets room_;
};

octets some_payload(std::size_t len)
{
	octets payload(len);

	for (std::uint8_t &octet : payload)
		octet = static_cast<std::uint8_t>(hosted::chance());
	return payload;
}

/* Cuts at multiples of 8, pieces of up to `most` octets. */
std::vector<cut> cut_up(std::size_t len, std::uint32_t most)
{
	std::vector<cut> cuts;
	std::uint32_t from = 0, size = static_cast<std::uint32_t>(len);

	while (from < size) {
		std::uint32_t to = from + 8 * (1 + hosted::chance() % (most / 8));

		to = std::min(to, size);
		cuts.push_back({from, to});
		from = to;
	}
	return cuts;
}

void shuffle(std::vector<cut> &cuts)
{
	for (std::size_t i = cuts.size(); i > 1; i--)
		std::swap(cuts[i - 1], cuts[hosted::chance() % i]);
}

} // namespace

void any_cut_comes_out_exact_or_not_at_all()
{
	constexpr int datagrams = 200;

	edu_t_begin();
	{
		target host;

		for (std::uint16_t id = 0; id < datagrams; id++) {
			octets payload = some_payload(1 + hosted::chance() % 65515);
			std::vector<cut> cuts =
				cut_up(payload.size(), hosted::happens(300) ? 64 : 1480);
			const bool lost = cuts.size() > 1 && hosted::happens(300);

			shuffle(cuts);
			if (lost)
				cuts.pop_back();
			for (std::size_t i = 0; i < cuts.size(); i++) {
				host.take(payload, cuts[i], id);
				if (i + 1 < cuts.size() && hosted::happens(100))
					host.take(payload, cuts[hosted::chance() % (i + 1)], id);
			}
			edu_t_run(0);
			EXPECT(host.receive() == (lost ? octets{} : payload));
			EXPECT(host.receive().empty());
			EXPECT(host.is_empty() == !lost);
			edu_t_run(lost ? 31000 : 0);
			EXPECT(host.is_empty());
		}
	}
	EXPECT(edu_t_end() == 0);
}

namespace {

enum class order { ascending, descending, shuffled };

/* Processor time for each of `count` fragments of 8 octets that wait together, in seconds. */
double cost_each(std::uint32_t count, order how)
{
	double spent = 0;
	octets payload = some_payload(8 * std::size_t{count});
	std::vector<cut> cuts = cut_up(payload.size(), 8);

	if (how == order::descending)
		std::reverse(cuts.begin(), cuts.end());
	else if (how == order::shuffled)
		shuffle(cuts);
	edu_t_begin();
	{
		target host;
		std::clock_t begin = std::clock();

		host.tune(EDU_TUNE_ip_frag_high_thresh) = 1u << 30;
		for (const cut &part : cuts)
			host.take(payload, part, 1);
		spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
		EXPECT(host.receive() == payload);
	}
	EXPECT(edu_t_end() == 0);
	return spent / count;
}

} // namespace

/* Sixteen times as many may cost twice as much each (a tree, a cache); a list would cost sixteen
 * times as much. The best of three runs, since the machine has other things to do. */
void the_cost_of_a_fragment_does_not_grow()
{
	for (order how : {order::ascending, order::descending, order::shuffled}) {
		double few = 1, many = 1;

		for (int run = 0; run < 3; run++) {
			few = std::min(few, cost_each(512, how));
			many = std::min(many, cost_each(8189, how));
		}
		EXPECT(many < 4 * few);
	}
}
