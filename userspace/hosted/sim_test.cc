// SPDX-License-Identifier: GPL-2.0-only
/*
 * Properties of the simulated world, for which kunit/ has no words: cables that lose, duplicate,
 * reorder and corrupt, and runs that repeat.
 *
 * They run in this home only, for a kernel has netem and no seed. Written over the test bridge: no
 * core header is seen here.
 *
 * Requirements: OVER-3, OVER-7 (no promise of order or arrival), UDP-3.
 * Locking: none, a single thread.
 */
#include "sim_test.hh"

#include "home.hh"

#include <algorithm>
#include <cstring>
#include <set>

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			edu_t_fail(__FILE__, __LINE__, #condition, 0, 1);                          \
	} while (0)

namespace {

constexpr edu_be16 port = 0x0700; /* 7 */

edu_be32 address_of(unsigned int station)
{
	return 0x0000000a | station << 24; /* 10.0.0.station */
}

/* Two hosts on one cable, b with a socket on port 7 to which a's socket is connected. */
struct pair {
	edu_t_cable *cable = edu_t_cable_new();
	edu_t_host *a = host(1), *b = host(2);
	edu_t_sock *from = socket(a), *to = socket(b);

	pair()
	{
		edu_t_bind(to, 0, port);
		edu_t_connect(from, address_of(2), port);
		send(0xffffffff); /* resolves before the cable becomes bad */
		edu_t_run(0);
		std::vector<std::uint32_t> first;

		receive(first);
		EXPECT(first.size() == 1);
	}
	~pair()
	{
		edu_t_host_free(a);
		edu_t_host_free(b);
		edu_t_cable_free(cable);
	}

	edu_t_host *host(unsigned int station)
	{
		edu_t_host *made = edu_t_host_new();
		edu_dev_info info = edu_t_ethernet(static_cast<edu_u8>(station));
		edu_addr_info addr = {};

		addr.ifindex = edu_t_dev_new(made, cable, &info);
		addr.local = addr.peer = address_of(station);
		addr.prefix_len = 24;
		edu_t_rtnl_lock();
		edu_core_config_addr_add(edu_t_stack(made), &addr, EDU_CONFIG_CREATE);
		edu_t_rtnl_unlock();
		return made;
	}
	edu_t_sock *socket(edu_t_host *host)
	{
		int error;

		return edu_t_socket(host, 2, 17, &error);
	}

	void send(std::uint32_t number)
	{
		std::uint8_t data[64] = {};

		std::memcpy(data, &number, sizeof(number));
		edu_t_send(from, data, sizeof(data), 0x40, 0, 0);
	}

	/* Adds the numbers that have arrived, in order; complains of damaged datagrams. */
	void receive(std::vector<std::uint32_t> &got)
	{
		std::uint8_t data[128];

		for (;;) {
			edu_t_recv recv = {};
			std::uint32_t number;

			recv.data = data;
			recv.room = sizeof(data);
			recv.flags = 0x40;
			int len = edu_t_recvmsg(to, &recv);

			if (len == -11)
				return;
			if (len < 0)
				continue;
			std::memcpy(&number, data, sizeof(number));
			EXPECT(len == 64 &&
			       std::all_of(data + 4, data + 64, [](auto o) { return !o; }));
			got.push_back(number);
		}
	}

	std::vector<std::uint32_t> exchange(std::uint32_t count, const impairment &how)
	{
		std::vector<std::uint32_t> got;

		hosted::impair(cable, how);
		for (std::uint32_t i = 0; i < count; i++) {
			send(i);
			edu_t_run(1);
			receive(got);
		}
		edu_t_run(1000);
		receive(got);
		return got;
	}
};

void nothing_gets_lost_on_a_good_cable()
{
	edu_t_begin();
	{
		pair world;
		auto got = world.exchange(500, {});

		EXPECT(got.size() == 500 && std::is_sorted(got.begin(), got.end()));
	}
	EXPECT(edu_t_end() == 0);
}

void a_lossy_cable_loses_and_keeps_the_order()
{
	edu_t_begin();
	{
		pair world;
		auto got = world.exchange(500, {.loss = 300});

		EXPECT(got.size() > 200 && got.size() < 500);
		EXPECT(std::is_sorted(got.begin(), got.end()));
		EXPECT(std::set<std::uint32_t>(got.begin(), got.end()).size() == got.size());
	}
	EXPECT(edu_t_end() == 0);
}

void duplicates_and_reordering_are_passed_on()
{
	edu_t_begin();
	{
		pair world;
		auto got = world.exchange(500, {.duplicate = 200,
						.reorder = 200,
						.delay_ns = 3000000,
						.jitter_ns = 2000000});

		EXPECT(got.size() > 500);
		EXPECT(!std::is_sorted(got.begin(), got.end()));
		EXPECT(std::set<std::uint32_t>(got.begin(), got.end()).size() == 500);
	}
	EXPECT(edu_t_end() == 0);
}

/* A flipped bit is in the link header, which then may name another station or protocol, or in what
 * one of the two checksums covers: no damaged data arrives, and every drop is counted. */
void a_corrupting_cable_delivers_nothing_damaged()
{
	edu_t_begin();
	{
		pair world;
		auto got = world.exchange(1000, {.corrupt = 500});

		EXPECT(got.size() < 1000 && got.size() >= 400);
		EXPECT(edu_t_counter(world.b, EDU_Udp_DropChecksum) > 0);
		EXPECT(edu_t_counter(world.b, EDU_Ip_DropChecksum) > 0);
	}
	EXPECT(edu_t_end() == 0);
}

/* All that a run did, as one number. */
edu_u64 fingerprint(edu_u64 seed)
{
	edu_u64 print = 0xcbf29ce484222325;
	auto mix = [&print](edu_u64 v) { print = (print ^ v) * 0x100000001b3; };

	hosted::seed(seed);
	edu_t_begin();
	{
		pair world;

		for (std::uint32_t number : world.exchange(200, {.loss = 100,
								.duplicate = 50,
								.corrupt = 50,
								.reorder = 100,
								.delay_ns = 5000000,
								.jitter_ns = 4000000}))
			mix(number);
		for (unsigned int i = 0; i < edu_t_frames(world.cable); i++) {
			unsigned int len;
			const edu_u8 *frame = edu_t_frame(world.cable, i, &len);

			for (unsigned int j = 0; j < len; j++)
				mix(frame[j]);
		}
		for (int c = 0; c < EDU_COUNTER_COUNT; c++) {
			mix(edu_t_counter(world.a, static_cast<edu_counter>(c)));
			mix(edu_t_counter(world.b, static_cast<edu_counter>(c)));
		}
	}
	EXPECT(edu_t_end() == 0);
	return print;
}

void the_same_seed_gives_the_same_run()
{
	edu_u64 first = fingerprint(42);

	EXPECT(fingerprint(42) == first);
	EXPECT(fingerprint(43) != first);
}

/* Hours of lossy traffic in a moment, and the tables end as they should. */
void an_hour_passes_in_a_moment()
{
	edu_t_begin();
	{
		pair world;

		hosted::impair(world.cable, {.loss = 200});
		for (std::uint32_t minute = 0; minute < 60; minute++) {
			world.send(minute);
			edu_t_run(60000);
		}
		std::vector<std::uint32_t> got;

		world.receive(got);
		EXPECT(got.size() > 20);
		EXPECT(edu_k_now_ms() > 3600000);
	}
	EXPECT(edu_t_end() == 0);
}

/* The home's checks find what they are for. */
void a_lock_taken_twice_or_out_of_order_is_a_fault()
{
	edu_spinlock outer = {}, inner = {}, none = {};

	edu_k_spin_init(&outer, EDU_LOCK_ARP_BUCKET);
	edu_k_spin_init(&inner, EDU_LOCK_ARP_ENTRY);
	EXPECT(!hosted::faults_of([&] {
		edu_k_spin_lock(&outer);
		edu_k_spin_lock(&inner);
		edu_k_spin_unlock(&inner);
		edu_k_spin_unlock(&outer);
	}));
	EXPECT(hosted::faults_of([&] {
		edu_k_spin_lock(&inner);
		edu_k_spin_lock(&outer);
		edu_k_spin_unlock(&outer);
		edu_k_spin_unlock(&inner);
	}));
	EXPECT(hosted::faults_of([&] { edu_k_assert_spin_locked(&none); }));
	EXPECT(hosted::faults_of([&] { edu_k_spin_unlock(&outer); }));
}

void sleeping_where_none_may_is_a_fault()
{
	edu_spinlock lock = {};

	edu_k_spin_init(&lock, EDU_LOCK_COUNTED);
	EXPECT(hosted::faults_of(
		[] { hosted::softirq([] { edu_k_free(edu_k_alloc(8, EDU_GFP_KERNEL)); }); }));
	EXPECT(hosted::faults_of([&] {
		edu_k_spin_lock(&lock);
		edu_k_synchronize_rcu();
		edu_k_spin_unlock(&lock);
	}));
	EXPECT(!hosted::faults_of(
		[] { hosted::softirq([] { edu_k_free(edu_k_alloc(8, EDU_GFP_ATOMIC)); }); }));
}

void memory_freed_with_an_armed_timer_is_a_fault()
{
	auto *timer = static_cast<edu_timer *>(edu_k_alloc(sizeof(edu_timer), EDU_GFP_KERNEL));

	edu_k_timer_init(timer, [](edu_timer *) {});
	edu_k_timer_set(timer, 1000);
	EXPECT(hosted::faults_of([&] { edu_k_timer_cancel(timer), edu_k_free(timer); }) == 0);
	timer = static_cast<edu_timer *>(edu_k_alloc(sizeof(edu_timer), EDU_GFP_KERNEL));
	edu_k_timer_init(timer, [](edu_timer *) {});
	edu_k_timer_set(timer, 1000);
	EXPECT(hosted::faults_of([&] { edu_k_free(timer); }) == 1);
	hosted::reset_clock();
}

void headers_shared_with_a_clone_are_not_written()
{
	sk_buff *skb = edu_k_skb_alloc(16, 16, EDU_GFP_KERNEL);
	sk_buff *clone = edu_k_skb_clone(skb, EDU_GFP_KERNEL);

	EXPECT(hosted::faults_of([&] { edu_k_skb_push(skb, 8); }) == 1);
	edu_k_skb_consume(clone);
	EXPECT(hosted::faults_of([&] { edu_k_skb_push(skb, 8); }) == 0);
	edu_k_skb_consume(skb);
	EXPECT(hosted::live_skbs() == 0);
}

void octets_become_linear_only_when_pulled()
{
	std::uint8_t frame[100], copy[100];

	for (std::uint8_t i = 0; i < sizeof(frame); i++)
		frame[i] = i;
	sk_buff *skb = hosted::skb_from(frame, sizeof(frame), true);

	EXPECT(skb->len == 100 && skb->data_len > 0);
	edu_u32 sum = edu_k_skb_csum(skb, 1, 99);

	EXPECT(edu_k_skb_may_pull(skb, 95) && skb->data_len <= 5);
	EXPECT(!edu_k_skb_may_pull(skb, 101));
	EXPECT(edu_k_skb_csum(skb, 1, 99) == sum);
	EXPECT(!edu_k_skb_copy_bits(skb, 0, copy, 100) && !std::memcmp(frame, copy, 100));
	edu_k_skb_consume(skb);
}

} // namespace

#define SIM_TEST(name, requirements)                                                               \
	{                                                                                          \
		"simulator", #name, requirements, name                                             \
	}

const edu_test_case sim_test_cases[] = {
	SIM_TEST(a_lock_taken_twice_or_out_of_order_is_a_fault, "LAYER-1"),
	SIM_TEST(sleeping_where_none_may_is_a_fault, "LAYER-1"),
	SIM_TEST(memory_freed_with_an_armed_timer_is_a_fault, "LAYER-1"),
	SIM_TEST(headers_shared_with_a_clone_are_not_written, "SKB-2"),
	SIM_TEST(octets_become_linear_only_when_pulled, "SKB-1"),
	SIM_TEST(nothing_gets_lost_on_a_good_cable, "UDP-3"),
	SIM_TEST(a_lossy_cable_loses_and_keeps_the_order, "OVER-7"),
	SIM_TEST(duplicates_and_reordering_are_passed_on, "OVER-7"),
	SIM_TEST(a_corrupting_cable_delivers_nothing_damaged, "OVER-3,UDP-3"),
	SIM_TEST(the_same_seed_gives_the_same_run, "LAYER-1"),
	SIM_TEST(a_lost_wake_up_is_a_fault, "BSD-6"),
	SIM_TEST(a_socket_s_spin_lock_has_its_rules, "LAYER-1"),
	SIM_TEST(trees_are_in_order_across_the_end_of_the_numbers, "TCP-12"),
	SIM_TEST(large_buffers_are_cut_into_right_packets, "OVER-3,TCP-12"),
	SIM_TEST(what_leaves_wakes_who_waits_for_that, "BSD-5,TCP-12"),
	SIM_TEST(a_stream_comes_out_exact_over_any_cable, "TCP-5,TCP-8,TCP-12,OVER-7"),
	SIM_TEST(a_session_s_seed_replays_it_exactly, "TCP-12"),
	SIM_TEST(sessions_over_any_network_end_as_they_should, "TCP-5,TCP-8,TCP-12,OVER-6,OVER-7"),
	SIM_TEST(a_stream_goes_on_when_its_numbers_begin_anew, "OVER-6,TCP-12,RFC9293-3.4"),
	SIM_TEST(who_finds_no_port_says_so, "TCP-7,INET-6"),
	SIM_TEST(threads_share_a_stream, "BSD-6,TCP-12"),
	SIM_TEST(anything_may_happen_in_any_state, "LAYER-3,TCP-8,TCP-12"),
	SIM_TEST(any_allocation_may_fail, "TCP-12"),
	SIM_TEST(a_flood_of_syns_shuts_nobody_out, "TCP-10,RFC4987-3.6"),
	SIM_TEST(ten_thousand_connections_at_once, "TCP-7,TCP-11,TCP-12"),
	SIM_TEST(a_storm_breaks_nothing, "LAYER-3,ARP-5,DEV-1,TCP-12"),
	SIM_TEST(any_cut_comes_out_exact_or_not_at_all, "IP-6,IP-8,IP-9,RFC815"),
	SIM_TEST(the_cost_of_a_fragment_does_not_grow, "IP-6,RFC815"),
	SIM_TEST(an_hour_passes_in_a_moment, "ARP-10,ARP-5"),
};
const unsigned int sim_test_case_count = sizeof(sim_test_cases) / sizeof(sim_test_cases[0]);
