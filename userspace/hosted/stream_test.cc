// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams over the worst of cables: what is written at one end is read at the other, exactly, whatever
 * the seed does to frames, buffers and calls; and then both ends are gone.
 *
 * And what the home promises about streams: lost wake-ups, locks and trees in disorder are found out,
 * large buffers become right packets.
 *
 * Requirements: TCP-5, TCP-8, TCP-12, OVER-3, SKB-1. Locking: none, a single thread.
 */
#include "home.hh"
#include "sim_test.hh"

#include <algorithm>
#include <cstring>

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			edu_t_fail(__FILE__, __LINE__, #condition, 0, 1);                          \
	} while (0)

namespace {

using octets = std::vector<std::uint8_t>;

constexpr edu_be16 port = 0x0700; /* 7 */
constexpr edu_u32 dontwait = 0x40;
constexpr int nonblock = 04000, eagain = -11, einprogress = -115;
constexpr int sol_socket = 1, so_sndbuf = 7, so_rcvbuf = 8;

edu_be32 address_of(unsigned int station)
{
	return 0x0000000a | station << 24; /* 10.0.0.station */
}

/* segment_max: the device takes buffers so large; 0: packets alone. */
edu_t_host *make_host(edu_t_cable *cable, unsigned int station, edu_u32 segment_max)
{
	edu_t_host *host = edu_t_host_new();
	edu_dev_info info = edu_t_ethernet(static_cast<edu_u8>(station));
	edu_addr_info addr = {};

	info.segment_max = segment_max;
	info.csum_offload = segment_max != 0;
	addr.ifindex = edu_t_dev_new(host, cable, &info);
	addr.local = addr.peer = address_of(station);
	addr.prefix_len = 24;
	edu_t_rtnl_lock();
	edu_core_config_addr_add(edu_t_stack(host), &addr, EDU_CONFIG_CREATE);
	edu_t_rtnl_unlock();
	return host;
}

/* One end of a connection that writes and reads as it likes. */
struct end {
	edu_t_sock *sock = nullptr;
	octets out, in;
	std::size_t written = 0;
	bool shut = false, over = false; /* we have said all; the other end has */

	explicit end(std::size_t total)
	{
		out.resize(total);
		for (std::uint8_t &octet : out)
			octet = static_cast<std::uint8_t>(hosted::chance());
	}

	/* Whether anything has moved. */
	bool write_some()
	{
		const std::size_t rest = out.size() - written;
		const auto len = static_cast<unsigned int>(
			std::min<std::size_t>(rest, 1 + hosted::chance() % 40000));

		if (shut)
			return false;
		if (!rest) {
			EXPECT(edu_t_shutdown(sock, 1) == 0);
			return shut = true;
		}
		const int sent = edu_t_send(sock, &out[written], len, dontwait, 0, 0);

		EXPECT(sent > 0 || sent == eagain);
		if (sent > 0)
			written += static_cast<std::size_t>(sent);
		return sent > 0;
	}
	bool read_some()
	{
		static octets room(60000);
		edu_t_recv recv = {};

		if (over)
			return false;
		recv.data = room.data();
		recv.room = 1 + hosted::chance() % static_cast<unsigned int>(room.size());
		recv.flags = dontwait;
		const int got = edu_t_recvmsg(sock, &recv);

		EXPECT(got >= 0 || got == eagain);
		if (got > 0)
			in.insert(in.end(), room.begin(), room.begin() + got);
		over = !got;
		return got >= 0;
	}
};

void limit_buffer(edu_t_sock *sock, int name)
{
	int size = static_cast<int>(2000 + hosted::chance() % 60000);

	if (hosted::happens(300))
		edu_t_setsockopt(sock, sol_socket, name, &size, sizeof(size));
}

/* Two hosts, a connection between them, and what they have to tell each other. */
class conversation {
public:
	conversation(const impairment &how, edu_u32 segment_max, bool cut, std::size_t total)
		: a_{total}, b_{total / 3}
	{
		edu_t_cable_cut(cable_, cut);
		hosts_[0] = make_host(cable_, 1, segment_max);
		hosts_[1] = make_host(cable_, 2, segment_max);
		introduce();
		hosted::impair(cable_, how);
	}
	~conversation()
	{
		for (edu_t_host *host : hosts_)
			edu_t_host_free(host);
		edu_t_cable_free(cable_);
	}

	bool open(bool limited = true)
	{
		constexpr edu_u32 patience_ms = 200000;
		int error;
		edu_t_sock *listener = edu_t_socket(hosts_[1], 1, 0, &error);

		a_.sock = edu_t_socket(hosts_[0], 1, 0, &error);
		EXPECT(edu_t_bind(listener, 0, port) == 0 && edu_t_listen(listener, 1) == 0);
		if (limited) {
			limit_buffer(listener, so_rcvbuf);
			limit_buffer(a_.sock, so_sndbuf);
			limit_buffer(a_.sock, so_rcvbuf);
		}
		EXPECT(edu_t_connect_flags(a_.sock, address_of(2), port, nonblock) == einprogress);
		for (edu_u32 waited = 0; !b_.sock && waited < patience_ms; waited += 100) {
			edu_t_run(100);
			b_.sock = edu_t_accept(listener, nonblock, &error);
		}
		edu_t_close(listener);
		return b_.sock;
	}

	/* Until both have heard all. */
	void talk()
	{
		constexpr int most_idle = 400000; /* ms */

		for (int idle = 0; idle < most_idle && !(a_.over && b_.over);) {
			bool moved = a_.write_some();

			moved |= b_.read_some();
			moved |= b_.write_some();
			moved |= a_.read_some();
			idle = moved ? 0 : idle + 10;
			edu_t_run(moved ? hosted::chance() % 3 : 10);
		}
		EXPECT(a_.in == b_.out);
		EXPECT(b_.in == a_.out);
	}

	/* Both close, and nothing of the connection is left, but a record in TIME-WAIT. */
	void end_well()
	{
		constexpr edu_u32 long_enough_ms = 300000;

		edu_t_close(a_.sock);
		edu_t_run(hosted::chance() % 1000);
		edu_t_close(b_.sock);
		edu_t_run(long_enough_ms);
		for (edu_t_host *host : hosts_)
			EXPECT(host->socks.empty());
	}

	edu_t_cable *cable() const { return cable_; }
	edu_t_host *receiver() const { return hosts_[1]; }
	edu_t_sock *writer() const { return a_.sock; }

private:
	/* ARP gives up after a few tries, and that ends an attempt to connect. */
	void introduce()
	{
		constexpr edu_be16 discard = 0x0900;
		int error;
		edu_t_sock *sock = edu_t_socket(hosts_[0], 2, 17, &error);

		edu_t_send(sock, "", 0, dontwait, address_of(2), discard);
		edu_t_run(0);
		edu_t_close(sock);
	}

	edu_t_cable *cable_ = edu_t_cable_new();
	edu_t_host *hosts_[2];
	end a_, b_;
};

impairment some_impairment()
{
	return {.loss = hosted::chance() % 80,
		.duplicate = hosted::chance() % 80,
		.corrupt = hosted::chance() % 30,
		.reorder = hosted::chance() % 250,
		.delay_ns = hosted::chance() % 30000000,
		.jitter_ns = hosted::chance() % 3000000};
}

} // namespace

void a_stream_comes_out_exact_over_any_cable()
{
	constexpr int rounds = 12;
	constexpr std::size_t most = 300000;
	const edu_u64 first = edu_u64{hosted::chance()} << 32 | hosted::chance();

	for (int i = 0; i < rounds; i++) {
		const edu_u64 seed = first + static_cast<edu_u64>(i);

		hosted::seed(seed);
		hosted::set_preemption(hosted::chance() % 300);
		hosted::set_nonlinear(hosted::chance() % 500);
		hosted::set_eager_cables(hosted::happens(500));
		edu_t_begin();
		{
			const bool large = hosted::happens(500), cut = hosted::happens(500);
			conversation c{some_impairment(),
				       large ? 20000 + hosted::chance() % 45000 : 0, cut,
				       hosted::chance() % most};

			const bool opened = c.open();

			EXPECT(opened);
			if (opened) {
				c.talk();
				c.end_well();
			}
		}
		EXPECT(edu_t_end() == 0);
	}
}

void large_buffers_are_cut_into_right_packets()
{
	constexpr unsigned int mtu_frame = 1514;

	for (bool cut : {false, true}) {
		unsigned int largest = 0;

		edu_t_begin();
		{
			conversation c{{}, 60000, cut, 500000};

			EXPECT(c.open());
			c.talk();
			for (unsigned int i = 0; i < edu_t_frames(c.cable()); i++) {
				unsigned int len;

				edu_t_frame(c.cable(), i, &len);
				largest = std::max(largest, len);
			}
			EXPECT(!edu_t_counter(c.receiver(), EDU_Tcp_DropChecksum));
			EXPECT(!edu_t_counter(c.receiver(), EDU_Ip_DropChecksum));
		}
		EXPECT(edu_t_end() == 0);
		EXPECT(cut ? largest <= mtu_frame : largest > 2 * mtu_frame);
	}
}

/* TCP_NOTSENT_LOWAT: the congestion window is full, no ACK comes, and the probe of the tail takes new octets
 * with it. Whoever waits for that is woken, though nothing has been acknowledged. */
void what_leaves_wakes_who_waits_for_that()
{
	constexpr int sol_tcp = 6, tcp_notsent_lowat = 25, so_sndtimeo = 21;
	constexpr edu_u32 window = 10 * 1448, rest = 1460, eor = 0x80;
	const int lowat = 1000, sndbuf = 100000, patience_ms = 3000;
	octets data(window + rest);

	edu_t_begin();
	{
		conversation c{{}, 0, false, 0};

		EXPECT(c.open(false));
		edu_t_sock *sock = c.writer();

		edu_t_setsockopt(sock, sol_socket, so_sndbuf, &sndbuf, sizeof(sndbuf));
		edu_t_setsockopt(sock, sol_tcp, tcp_notsent_lowat, &lowat, sizeof(lowat));
		edu_t_setsockopt(sock, sol_socket, so_sndtimeo, &patience_ms, sizeof(patience_ms));
		edu_t_cable_lose(c.cable(), 1000);
		EXPECT(edu_t_send(sock, data.data(), window + rest, dontwait | eor, 0, 0) ==
		       static_cast<int>(window + rest));
		EXPECT(edu_t_send(sock, data.data(), rest, dontwait, 0, 0) == eagain);
		EXPECT(hosted::faults_of([&] {
			       EXPECT(edu_t_send(sock, data.data(), rest, 0, 0, 0) > 0);
		       }) == 0);
	}
	EXPECT(edu_t_end() == 0);
}

namespace {

bool it_has_come; /* what the sleeper below waits for */

int has_it_come(sock *)
{
	return it_has_come;
}

/* One socket of a host of its own. */
struct lone_socket {
	edu_t_host *host = edu_t_host_new();
	int error = 0;
	edu_t_sock *open = edu_t_socket(host, 1, 0, &error);
	sock *sk = edu_t_sk(open);

	~lone_socket() { edu_t_host_free(host); }
};

/* Sleeps for what comes in a millisecond, with a wake-up or without. */
int sleep_for_it(sock *sk, bool woken)
{
	edu_u64 left = edu_k_sock_timeout(sk, 0, 0);

	it_has_come = false;
	hosted::at(edu_k_now_ns() + 1000000, hosted::source::timer, [=] {
		it_has_come = true;
		if (woken)
			edu_k_sock_data_ready(sk);
	});
	edu_k_lock_sock(sk);
	const int error = edu_k_sock_wait(sk, has_it_come, &left, 0);

	edu_k_release_sock(sk);
	return error;
}

} // namespace

void a_lost_wake_up_is_a_fault()
{
	edu_t_begin();
	{
		lone_socket one;

		EXPECT(hosted::faults_of([&] { EXPECT(sleep_for_it(one.sk, true) == 0); }) == 0);
		EXPECT(hosted::faults_of([&] { EXPECT(sleep_for_it(one.sk, false) == 0); }) == 1);
	}
	EXPECT(edu_t_end() == 0);
}

void a_socket_s_spin_lock_has_its_rules()
{
	edu_t_begin();
	{
		lone_socket one;
		sock *sk = one.sk;

		EXPECT(hosted::faults_of([&] {
			       hosted::softirq([&] {
				       edu_k_bh_lock_sock(sk);
				       edu_k_assert_sock_locked(sk);
				       edu_k_bh_unlock_sock(sk);
			       });
		       }) == 0);
		EXPECT(hosted::faults_of([&] { edu_k_assert_sock_locked(sk); }) == 1);
		EXPECT(hosted::faults_of([&] { /* softirqs are on */
					       edu_k_bh_lock_sock(sk);
					       edu_k_bh_unlock_sock(sk);
		       }) == 1);
		EXPECT(hosted::faults_of([&] {
			       edu_k_local_bh_disable();
			       edu_k_bh_lock_sock(sk);
			       edu_k_free(edu_k_alloc(8, EDU_GFP_KERNEL));
			       edu_k_bh_unlock_sock(sk);
			       edu_k_local_bh_enable();
		       }) != 0);
		/* A softirq that has interrupted the owner does not have the socket. */
		edu_k_lock_sock(sk);
		EXPECT(hosted::faults_of([&] {
			       hosted::softirq([&] { edu_k_assert_sock_locked(sk); });
		       }) == 1);
		edu_k_release_sock(sk);
	}
	EXPECT(edu_t_end() == 0);
}

void trees_are_in_order_across_the_end_of_the_numbers()
{
	constexpr edu_u32 numbers[] = {5, 0xfffffff0, 0, 0xfffffff0, 100};
	constexpr edu_u32 sorted[] = {0xfffffff0, 0xfffffff0, 0, 5, 100};
	edu_skb_tree tree = {};
	std::vector<sk_buff *> in_order_of_arrival;
	unsigned int i = 0;

	for (edu_u32 number : numbers) {
		sk_buff *skb = edu_k_skb_alloc(0, 0, EDU_GFP_KERNEL);

		std::memcpy(skb->cb, &number, sizeof(number));
		edu_k_skb_tree_insert(&tree, skb);
		in_order_of_arrival.push_back(skb);
	}
	for (sk_buff *skb = edu_k_skb_tree_first(&tree); skb;
	     skb = edu_k_skb_tree_next(&tree, skb)) {
		edu_u32 number;

		std::memcpy(&number, skb->cb, sizeof(number));
		EXPECT(i < std::size(sorted) && number == sorted[i]);
		i++;
	}
	EXPECT(i == 5 && tree.length == 5);
	EXPECT(edu_k_skb_tree_first(&tree) == in_order_of_arrival[1]);
	EXPECT(edu_k_skb_tree_last(&tree) == in_order_of_arrival[4]);
	EXPECT(edu_k_skb_tree_find(&tree, 0xffffffff) == in_order_of_arrival[3]);
	EXPECT(edu_k_skb_tree_find(&tree, 4) == in_order_of_arrival[2]);
	EXPECT(edu_k_skb_tree_find(&tree, 0xffffffef) == nullptr);
	EXPECT(edu_k_skb_tree_prev(&tree, in_order_of_arrival[2]) == in_order_of_arrival[3]);
	for (sk_buff *skb : in_order_of_arrival) {
		edu_k_skb_tree_remove(&tree, skb);
		edu_k_skb_consume(skb);
	}
	EXPECT(!tree.root && !tree.length);
}
