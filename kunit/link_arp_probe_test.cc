// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probing: a new address is asked for before it is used.
 *
 * Requirements: ARP-9, OVER-1; RFC 5227 2.1 and 2.3.
 *
 * Locking: none. Tests run one after the other.
 */
#include "router.hh"

namespace edu::test::on_link_arp_probe {
namespace {

constexpr be32 wanted = ip4(10, 0, 0, 77);
/* Longer than all probes and both announcements may take, in careful. */
constexpr u32 long_enough = 1000;

/* a asks before it uses an address, in a hurry. */
struct careful : world {
	careful()
	{
		set(a, a.ifindex(), EDU_IFACE_arp_probe, 1);
		take_times(100, 100, 100, 100);
	}
	void take_times(u32 wait, u32 min, u32 max, u32 announce)
	{
		for (host *h : {&a, &b}) {
			h->tune(EDU_TUNE_arp_probe_wait_ms, wait);
			h->tune(EDU_TUNE_arp_probe_min_ms, min);
			h->tune(EDU_TUNE_arp_probe_max_ms, max);
			h->tune(EDU_TUNE_arp_announce_wait_ms, announce);
		}
	}
	/* Time goes by; work is done only when a run ends. */
	void pass(u32 ms)
	{
		constexpr u32 step = 50;

		for (; ms > step; ms -= step)
			run_for(step);
		run_for(ms);
	}

	/* Requests for that address from station n; @probes: without a sender. */
	u32 questions(bool probes, u8 n = 1, be32 about = wanted) const
	{
		u32 count = 0;

		for (u32 i = 0; i < cable.frames(ethertype_arp); i++) {
			bytes frame = cable.frame(ethertype_arp, i);
			auto arp = wire::arp::view::checked(frame.subspan(14)).header.parse();

			count += arp.op == wire::arp::operation::request &&
				 arp.target_ip == about && arp.sender_ha == station(n) &&
				 arp.sender_ip == (probes ? be32{} : about) &&
				 eth_addr::load(frame.data()) == eth_addr::broadcast();
		}
		return count;
	}
	edu_addr_info shown(be32 addr = wanted)
	{
		edu_cursor at = {};
		edu_addr_info info = {};

		while (edu_core_addr_next(a.stack(), &at, &info))
			if (info.local == addr.raw())
				return info;
		return {};
	}
	bool is_ours(be32 addr = wanted)
	{
		return inet_addr_type(*a.stack(), addr) == route_type::local;
	}
	void hear(const handmade &frame)
	{
		a.inject(frame.all());
		settle();
	}
	void plug_in(bool in)
	{
		edu_dev_info info = a.ethernet(1);

		info.flags &= in ? ~0u : ~iff_running;
		edu_t_dev_change(a.get(), a.ifindex(), &info);
		settle();
	}
};

} // namespace

EDU_TEST(arp_probe, by_default_nobody_is_asked, "RFC5227-2.1", "RFC5227-2.3")
{
	world w;

	w.a.add_address(wanted, 24);
	EXPECT_EQ(inet_addr_type(*w.a.stack(), wanted), route_type::local);
	w.run_for(60000);
	EXPECT_EQ(w.cable.frames(ethertype_arp), 1u); /* announced */
}

EDU_TEST(arp_probe, an_address_nobody_has_is_used_and_announced, "RFC5227-2.1", "RFC5227-2.3",
	 "OVER-1")
{
	careful w;

	w.take_times(0, 1000, 1000, 2000);
	ASSERT_EQ(w.a.add_address(wanted, 24), 0);
	EXPECT_TRUE(w.shown().probing && !w.shown().refused);
	w.settle();
	EXPECT_EQ(w.questions(true), 1u);
	w.run_for(999);
	EXPECT_EQ(w.questions(true), 1u);
	w.run_for(1);
	EXPECT_EQ(w.questions(true), 2u);
	w.run_for(1000);
	EXPECT_EQ(w.questions(true), 3u);
	w.run_for(1999);
	EXPECT_FALSE(w.is_ours());
	EXPECT_EQ(w.questions(false), 0u);
	w.run_for(1);
	EXPECT_TRUE(w.is_ours());
	EXPECT_FALSE(w.shown().probing || w.shown().refused);
	EXPECT_EQ(w.questions(false), 1u);
	w.run_for(2000);
	EXPECT_EQ(w.questions(false), 2u);
	w.run_for(60000);
	EXPECT_EQ(w.questions(true), 3u);
	EXPECT_EQ(w.questions(false), 2u);
	EXPECT_EQ(w.a.counter(EDU_Arp_OutAddressProbes), 3u);
	EXPECT_EQ(w.a.counter(EDU_Arp_AddressConflicts), 0u);
	EXPECT_EQ(w.a.del_address(wanted, 24), 0);
	EXPECT_FALSE(w.is_ours());
}

EDU_TEST(arp_probe, the_times_are_at_random, "RFC5227-2.1")
{
	careful w;
	u32 early = 0, late = 0;

	w.take_times(1000, 1000, 2000, 2000);
	for (u8 n = 100; n < 120; n++)
		w.a.add_address(ip4(10, 0, 0, n), 24);
	w.pass(500);
	for (u8 n = 100; n < 120; n++) {
		u32 sent = w.questions(true, 1, ip4(10, 0, 0, n));

		EXPECT_LE(sent, 1u);
		early += sent == 1;
		late += sent == 0;
	}
	EXPECT_GT(early, 0u);
	EXPECT_GT(late, 0u);
	w.pass(500);
	EXPECT_EQ(w.a.counter(EDU_Arp_OutAddressProbes),
		  20u); /* PROBE_WAIT, and before PROBE_MIN */
	w.pass(4300);
	EXPECT_EQ(w.a.counter(EDU_Arp_OutAddressProbes), 60u);
	w.pass(4300);
	for (u8 n = 100; n < 120; n++)
		EXPECT_TRUE(w.is_ours(ip4(10, 0, 0, n)));
}

EDU_TEST(arp_probe, until_then_the_host_has_no_such_address, "RFC5227-2.1", "ARP-8")
{
	careful w;
	socket s = w.a.udp();

	w.a.tune(EDU_TUNE_arp_probe_wait_ms, 0);
	ASSERT_EQ(w.a.add_address(ip4(10, 9, 0, 1), 24), 0);
	EXPECT_EQ(s.send("x", ip4(10, 9, 0, 2), 7), -101); /* no route follows from it */
	w.settle();
	w.cable.clear();
	w.hear(arp_question(9, ip4(10, 0, 0, 9), ip4(10, 9, 0, 1)));
	EXPECT_EQ(w.cable.frames(), 0u);		       /* no answer */
	EXPECT_EQ(w.a.add_address(ip4(10, 9, 0, 1), 24), -17); /* EEXIST, all the same */
	w.pass(long_enough);
	EXPECT_EQ(s.send("x", ip4(10, 9, 0, 2), 7), 1);
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_arp),
		  2u + 2 + 1); /* probes, announcements, a question */
}

EDU_TEST(arp_probe, an_address_that_answers_is_not_used, "RFC5227-2.1", "ARP-9")
{
	careful w;

	w.b.add_address(wanted, 24);
	w.settle();
	w.cable.clear();
	ASSERT_EQ(w.a.add_address(wanted, 24), 0);
	w.pass(long_enough);
	EXPECT_FALSE(w.is_ours());
	EXPECT_TRUE(w.shown().refused && !w.shown().probing);
	EXPECT_EQ(w.questions(true), 1u); /* and no more */
	EXPECT_EQ(w.questions(false), 0u);
	EXPECT_EQ(w.a.counter(EDU_Arp_AddressConflicts), 1u);
	EXPECT_EQ(w.b.counter(EDU_Arp_Conflicts), 0u); /* a probe accuses nobody */
	w.run_for(600000);
	EXPECT_EQ(w.questions(true), 1u); /* nor periodically */
	EXPECT_EQ(w.a.del_address(wanted, 24), 0);
	EXPECT_EQ(w.shown().local, 0u);
	/* Given again when the other has gone. */
	w.b.del_address(wanted, 24);
	EXPECT_EQ(w.a.add_address(wanted, 24), 0);
	w.pass(long_enough);
	EXPECT_TRUE(w.is_ours());
}

EDU_TEST(arp_probe, whoever_claims_it_meanwhile_has_it, "RFC5227-2.1")
{
	using enum wire::arp::operation;
	static constexpr wire::arp::repr claims[] = {
		{request, station(9), wanted, {}, ip4(10, 0, 0, 1)},
		{reply, station(9), wanted, station(8), ip4(10, 0, 0, 8)},
		{request, station(9), wanted, {}, wanted}, /* announces it */
		{request, station(9), {}, {}, wanted},	   /* probes for it, too */
	};

	for (const wire::arp::repr &claim : claims) {
		careful w;

		w.a.add_address(wanted, 24);
		w.pass(200);
		w.hear(arp_frame(claim, eth_addr::broadcast()));
		w.pass(long_enough);
		EXPECT_TRUE(w.shown().refused);
		EXPECT_FALSE(w.is_ours());
	}
}

EDU_TEST(arp_probe, what_is_no_claim_changes_nothing, "RFC5227-2.1")
{
	careful w;

	w.a.add_address(wanted, 24);
	w.pass(100);
	w.hear(arp_question(9, ip4(10, 0, 0, 9), wanted));  /* somebody looks for it */
	w.hear(arp_question(1, {}, wanted));		    /* our own, looped back */
	w.hear(arp_answer(9, ip4(10, 0, 0, 9), 1, wanted)); /* about another address */
	w.hear(arp_frame({wire::arp::operation::reply, station(9), {}, station(1), wanted},
			 station(1)));
	w.pass(long_enough);
	EXPECT_TRUE(w.is_ours());
	EXPECT_EQ(w.a.counter(EDU_Arp_AddressConflicts), 0u);
}

EDU_TEST(arp_probe, of_two_who_ask_at_once_one_has_it_at_most, "RFC5227-2.1")
{
	careful w;

	set(w.b, w.b.ifindex(), EDU_IFACE_arp_probe, 1);
	w.a.add_address(wanted, 24);
	w.b.add_address(wanted, 24);
	w.pass(long_enough);
	bool is_bs = inet_addr_type(*w.b.stack(), wanted) == route_type::local;
	EXPECT_FALSE(w.is_ours() && is_bs);
	EXPECT_GT(w.a.counter(EDU_Arp_AddressConflicts) + w.b.counter(EDU_Arp_AddressConflicts),
		  0u);
}

EDU_TEST(arp_probe, without_a_cable_nobody_can_be_asked, "RFC5227-2.1", "LAYER-3")
{
	careful w;

	w.plug_in(false);
	w.a.add_address(wanted, 24);
	w.run_for(60000);
	EXPECT_EQ(w.questions(true), 0u);
	EXPECT_TRUE(w.shown().probing);
	w.plug_in(true);
	w.pass(150);
	w.plug_in(false);
	w.plug_in(true); /* begins anew */
	w.cable.clear();
	w.pass(long_enough);
	EXPECT_EQ(w.questions(true), 3u);
	EXPECT_TRUE(w.is_ours());
	w.cable.clear();
	w.plug_in(false);
	w.plug_in(true);
	EXPECT_TRUE(w.is_ours()); /* it stays */
}

EDU_TEST(arp_probe, a_refused_address_gets_another_chance_with_the_cable, "RFC5227-2.1")
{
	careful w;

	w.a.add_address(wanted, 24);
	w.pass(150);
	w.hear(arp_question(9, wanted, wanted));
	EXPECT_TRUE(w.shown().refused);
	w.plug_in(false);
	w.plug_in(true);
	EXPECT_TRUE(w.shown().probing);
	w.pass(long_enough);
	EXPECT_TRUE(w.is_ours());
}

EDU_TEST(arp_probe, which_address_is_secondary_shows_when_it_is_used, "OVER-1", "RFC5227-2.1")
{
	careful w;

	w.a.add_address(ip4(10, 9, 0, 1), 24);
	set(w.a, w.a.ifindex(), EDU_IFACE_arp_probe, 0);
	w.a.add_address(ip4(10, 9, 0, 2), 24); /* used at once: the primary */
	w.a.add_address(ip4(10, 9, 0, 3), 24);
	EXPECT_FALSE(w.shown(ip4(10, 9, 0, 2)).secondary);
	EXPECT_TRUE(w.shown(ip4(10, 9, 0, 3)).secondary);
	w.a.add_address(ip4(10, 8, 0, 1), 24);
	EXPECT_EQ(w.a.del_address(ip4(10, 8, 0, 1), 24), 0);
	w.pass(long_enough);
	EXPECT_TRUE(w.shown(ip4(10, 9, 0, 1)).secondary);
	set(w.a, w.a.ifindex(), EDU_IFACE_arp_probe, 1);
	w.a.add_address(ip4(10, 9, 0, 4), 25);
	EXPECT_EQ(w.a.del_address(ip4(10, 9, 0, 4), 25), 0); /* takes no other along */
	EXPECT_TRUE(w.is_ours(ip4(10, 9, 0, 1)) && w.is_ours(ip4(10, 9, 0, 3)));
	EXPECT_EQ(w.a.del_address(ip4(10, 9, 0, 2), 24), 0);
	EXPECT_FALSE(w.is_ours(ip4(10, 9, 0, 1)) || w.is_ours(ip4(10, 9, 0, 3)));
}

EDU_TEST(arp_probe, addresses_and_devices_may_go_at_any_step, "LAYER-3", "RFC5227-2.1")
{
	for (u32 ms = 0; ms < long_enough; ms += 75) {
		careful w;

		w.a.add_address(wanted, 24);
		w.a.add_address(ip4(10, 0, 0, 78), 24);
		w.pass(ms);
		EXPECT_EQ(w.a.del_address(wanted, 24), 0);
		w.pass(50);
		if (ms % 150)
			edu_t_dev_gone(w.a.get(), w.a.ifindex());
		w.settle();
	} /* and the host */
}

EDU_TEST(arp_probe, want_of_memory_leaves_it_unused, "RFC5227-2.1", "OVER-1")
{
	bool failed = true;

	for (u32 nth = 1; failed && nth < 40; nth++) {
		careful w;

		w.a.add_address(ip4(10, 9, 0, 1), 24);
		w.pass(100);
		edu_t_fail_alloc(nth);
		w.pass(long_enough);
		failed = edu_t_alloc_failed();
		edu_t_fail_alloc(0);
		edu_addr_info shown = w.shown(ip4(10, 9, 0, 1));
		EXPECT_FALSE(shown.probing);
		EXPECT_EQ(w.is_ours(ip4(10, 9, 0, 1)), !shown.refused);
		EXPECT_EQ(w.a.del_address(ip4(10, 9, 0, 1), 24), 0);
		EXPECT_FALSE(w.is_ours(ip4(10, 9, 0, 1)));
	}
	EXPECT_FALSE(failed);
}

} // namespace edu::test::on_link_arp_probe
