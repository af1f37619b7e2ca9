// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragments: put together in any order, given up, bounded; cut, with their options and flags.
 *
 * Requirements: IP-4 … IP-9; RFC 791 3.2, RFC 815, RFC 1122 3.3.2 and 3.3.3, RFC 1858, RFC 5722.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "hostile.hh"

namespace edu::test {
namespace {

/* The datagram that most of these tests cut up: a UDP header to port 7 and 40 octets. */
constexpr u32 datagram_len = 48;

struct sample {
	u8 octet[datagram_len] = {0x30, 0x39, 0, 7, 0, datagram_len};

	sample()
	{
		for (u8 i = 8; i < datagram_len; i++)
			octet[i] = i;
	}
	bytes all() const { return {octet, datagram_len}; }
	bytes data() const { return all().subspan(8); }
};

constexpr be32 station_nine = ip4(10, 0, 0, 9);

/* Octets [from, to) of the sample, as a fragment for host a; without `more` it is the last. */
handmade piece(u32 from, u32 to, bool more, wire::ipv4::repr ip = {})
{
	static const sample whole;
	static const u8 zeros[200] = {};

	ip.id = ip.id ? ip.id : 77;
	ip.ttl = 9;
	ip.protocol = ip.protocol ? ip.protocol : udp_protocol_number;
	ip.src = ip.src != be32{} ? ip.src : station_nine;
	ip.dst = ip.dst != be32{} ? ip.dst : ip4(10, 0, 0, 1);
	ip.more_fragments = more;
	ip.fragment_offset = static_cast<u16>(from);
	return ip_frame(9, 1, ip,
			to <= datagram_len ? whole.all().subspan(from, to - from) :
					     bytes{zeros, to - from});
}

/* Two hosts, and a socket on a's port 7. */
struct frag_fixture {
	world w;
	socket to = w.a.udp(7);

	frag_fixture() { w.a.inject(arp_question(9, station_nine, w.a.address()).all()); }

	void give(const handmade &frame)
	{
		w.a.inject(frame.all());
		w.settle();
	}
	void give(u32 from, u32 end, bool more) { give(piece(from, end, more)); }
	u64 count(edu_counter which) { return w.a.counter(which); }
	u32 memory() { return w.a.stack()->frag.memory.load(); }
	u32 waiting() { return w.a.stack()->frag.ipqueue.size(); }
	/* Exactly the sample has arrived, once, and nothing of it is left. */
	void expect_whole()
	{
		sample whole;

		EXPECT_BYTES(to.receive().payload(), whole.data());
		expect_nothing();
	}
	void expect_nothing()
	{
		EXPECT_EQ(to.receive().length, -11);
		EXPECT_EQ(waiting(), 0u);
		EXPECT_EQ(memory(), 0u);
	}
	/* ICMP messages a has sent since the last clear(), of that type and code. */
	u32 said(u8 type, u8 code)
	{
		u32 found = 0;

		for (u32 i = 0; i < w.cable.frames(ethertype_ip); i++) {
			bytes frame = w.cable.frame(ethertype_ip, i);

			if (ip_of(frame).protocol() == icmp_protocol_number)
				found += payload_of(frame)[0] == type &&
					 payload_of(frame)[1] == code;
		}
		return found;
	}
};

} // namespace

/*
 * In
 */

EDU_TEST_F(frag_fixture, fragment, in_order_they_make_the_datagram, "IP-5", "IP-6", "IP-8")
{
	give(0, 24, true);
	give(24, 40, true);
	EXPECT_EQ(waiting(), 1u);
	EXPECT_GT(memory(), 0u);
	give(40, 48, false);
	expect_whole();
	EXPECT_EQ(count(EDU_Ip_ReasmReqds), 3u);
	EXPECT_EQ(count(EDU_Ip_ReasmOKs), 1u);
	EXPECT_EQ(count(EDU_Ip_ReasmFails), 0u);
	EXPECT_EQ(count(EDU_Ip_InDelivers), 1u);
}

EDU_TEST_F(frag_fixture, fragment, any_order_will_do, "IP-6", "RFC815")
{
	static constexpr u8 orders[][4] = {{3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1},
					   {0, 3, 1, 2}, {3, 0, 2, 1}, {1, 0, 2, 3}};

	static constexpr u8 cuts[] = {0, 16, 24, 40, 48};

	for (const u8(&order)[4] : orders) {
		for (u8 i : order)
			give(cuts[i], cuts[i + 1], i < 3);
		expect_whole();
	}
	EXPECT_EQ(count(EDU_Ip_ReasmOKs), 6u);
}

EDU_TEST_F(frag_fixture, fragment, of_other_datagrams_stay_apart, "IP-7")
{
	static const wire::ipv4::repr others[] = {{.id = 78},
						  {.protocol = 200},
						  {.src = ip4(10, 0, 0, 8)},
						  {.dst = ip4(10, 0, 0, 7)}};

	w.a.add_address(ip4(10, 0, 0, 7), 24);
	give(0, 24, true);
	for (const wire::ipv4::repr &other : others)
		give(piece(24, 48, false, other));
	EXPECT_EQ(to.receive().length, -11);
	EXPECT_EQ(waiting(), 5u);
	give(24, 48, false);
	EXPECT_EQ(to.receive().length, 40);
	EXPECT_EQ(waiting(), 4u);
}

EDU_TEST_F(frag_fixture, fragment, the_same_one_twice_does_no_harm, "IP-6", "RFC5722")
{
	give(0, 24, true);
	give(0, 24, true);
	give(40, 48, false);
	give(40, 48, false);
	EXPECT_EQ(count(EDU_Ip_DropFragmentDuplicate), 2u);
	EXPECT_EQ(count(EDU_Ip_ReasmFails), 0u);
	give(24, 40, true);
	expect_whole();
}

EDU_TEST_F(frag_fixture, fragment, an_overlap_ends_the_datagram, "IP-9", "RFC5722")
{
	static constexpr struct {
		u8 from, to;
		bool more;
	} evil[] = {
		{16, 32, true}, /* into the end of the first */
		{8, 16, true},	/* inside of it: teardrop */
		{0, 16, true},	/* its beginning */
		{0, 32, true},	/* around it */
		{24, 48, true}, /* into the other */
		{0, 40, true},	/* around both, but for the end */
	};

	for (const auto &bad : evil) {
		u64 before = count(EDU_Ip_DropFragmentOverlap);

		give(0, 24, true);
		give(32, 40, true);
		give(bad.from, bad.to, bad.more);
		EXPECT_EQ(count(EDU_Ip_DropFragmentOverlap), before + 3);
		expect_nothing();
	}
	EXPECT_EQ(count(EDU_Ip_ReasmFails), 6u);
}

EDU_TEST_F(frag_fixture, fragment, they_must_agree_on_the_end, "IP-9")
{
	static constexpr struct {
		u8 first_from, first_to;
		bool first_more;
		u8 then_from, then_to;
		bool then_more;
	} pairs[] = {
		{24, 48, false, 24, 40, false}, /* another end */
		{24, 40, false, 40, 48, true},	/* something behind the end */
		{24, 40, false, 24, 40, true},	/* the end is none */
		{24, 40, true, 16, 24, false},	/* the end is before what we have */
		{24, 40, true, 24, 40, false},
	};

	for (const auto &p : pairs) {
		u64 before = count(EDU_Ip_DropFragmentEnd);

		give(p.first_from, p.first_to, p.first_more);
		give(p.then_from, p.then_to, p.then_more);
		EXPECT_EQ(count(EDU_Ip_DropFragmentEnd), before + 2);
		expect_nothing();
	}
}

EDU_TEST_F(frag_fixture, fragment, what_no_sender_sends_is_refused, "IP-9", "RFC1858")
{
	constexpr u8 tcp = 6;

	give(0, 23, true); /* no multiple of 8 */
	give(8, 8, true);  /* empty */
	give(8, 8, false);
	EXPECT_EQ(count(EDU_Ip_DropFragmentLength), 3u);
	give(piece(65528, 65544, false)); /* Ping of Death */
	give(piece(65512, 65520, true));
	EXPECT_EQ(count(EDU_Ip_DropFragmentTooLong), 2u);
	give(piece(0, 8, true, {.protocol = tcp}));  /* ports only */
	give(piece(8, 24, true, {.protocol = tcp})); /* would overwrite the flags */
	EXPECT_EQ(count(EDU_Ip_DropFragmentTiny), 2u);
	EXPECT_EQ(count(EDU_Ip_ReasmFails), 7u);
	expect_nothing();
	give(piece(0, 16, true, {.protocol = tcp}));
	EXPECT_EQ(waiting(), 1u);
}

EDU_TEST_F(frag_fixture, fragment, a_damaged_datagram_is_seen_by_its_checksum, "IP-8", "UDP-3")
{
	handmade first = piece(0, 24, true);

	first.octet[14 + 20 + 6] = 0xde; /* a UDP checksum that is wrong */
	give(first);
	give(24, 48, false);
	EXPECT_EQ(count(EDU_Ip_ReasmOKs), 1u);
	EXPECT_EQ(count(EDU_Udp_DropChecksum), 1u);
	expect_nothing();
}

EDU_TEST_F(frag_fixture, fragment, a_raw_socket_sees_one_packet_with_a_right_header, "IP-8",
	   "BSD-4")
{
	socket raw = w.a.open(sock_raw, udp_protocol_number);

	give(24, 48, false);
	give(0, 24, true);
	datagram got = raw.receive();
	ASSERT_EQ(got.length, 68);
	auto [header, why] = wire::ipv4::view::checked(got.payload());
	EXPECT_EQ(why, wire::ipv4::fault::none);
	EXPECT_EQ(header.total_length(), 68u);
	EXPECT_FALSE(header.is_fragment());
	EXPECT_EQ(header.id(), 77u);
	EXPECT_BYTES(header.payload(), sample{}.all());
}

EDU_TEST_F(frag_fixture, fragment, a_mark_of_congestion_marks_the_whole, "IP-8", "RFC3168")
{
	static constexpr u8 not_ect = 0, ect_1 = 1, ect_0 = 2, ce = 3, lost = 0xff;
	static constexpr u8 cases[][3] = {/* first, last, whole */
					  {not_ect, not_ect, not_ect},
					  {ect_0, ect_0, ect_0},
					  {ect_0, ce, ce},
					  {ce, ect_0, ce},
					  {ect_1, ce, ce},
					  {ce, ce, ce},
					  {ect_0, not_ect, ect_0},
					  {ce, not_ect, lost},
					  {not_ect, ce, lost}};
	socket raw = w.a.open(sock_raw, udp_protocol_number);
	constexpr u8 service = 0x28; /* is none of its bits */
	u64 refused = 0;

	for (const u8(&marks)[3] : cases) {
		give(piece(0, 24, true, {.tos = static_cast<u8>(service | marks[0])}));
		give(piece(24, 48, false, {.tos = static_cast<u8>(service | marks[1])}));
		datagram got = raw.receive();

		refused += marks[2] == lost;
		EXPECT_EQ(count(EDU_Ip_DropFragmentEcn), 2 * refused);
		EXPECT_EQ(memory(), 0u);
		if (marks[2] == lost) {
			EXPECT_EQ(got.length, -11);
			continue;
		}
		ASSERT_EQ(got.length, 68);
		auto [header, why] = wire::ipv4::view::checked(got.payload());
		EXPECT_EQ(why, wire::ipv4::fault::none);
		EXPECT_EQ(header.tos(), service | marks[2]);
	}
}

EDU_TEST_F(frag_fixture, fragment, each_new_one_restarts_the_timer, "IP-9")
{
	w.a.tune(EDU_TUNE_ip_frag_time_ms, 1000);
	give(0, 8, true);
	for (u32 at = 8; at < 48; at += 8) {
		w.run_for(900);
		EXPECT_EQ(waiting(), 1u);
		give(at, at + 8, at < 40);
	}
	expect_whole();
	EXPECT_EQ(count(EDU_Ip_ReasmTimeout), 0u);
}

EDU_TEST_F(frag_fixture, fragment, the_timer_gives_up_and_tells_who_sent_the_first, "IP-9",
	   "RFC1122-3.3.2", "RFC792")
{
	w.a.tune(EDU_TUNE_ip_frag_time_ms, 1000);
	w.cable.clear();
	give(0, 24, true);
	w.run_for(1100);
	expect_nothing();
	EXPECT_EQ(count(EDU_Ip_ReasmTimeout), 1u);
	EXPECT_EQ(count(EDU_Ip_ReasmFails), 1u);
	EXPECT_EQ(count(EDU_Ip_DropFragmentTimeout), 1u);
	EXPECT_EQ(said(11, 1), 1u);
}

EDU_TEST_F(frag_fixture, fragment, without_the_first_nobody_is_told, "IP-9", "RFC792")
{
	w.a.tune(EDU_TUNE_ip_frag_time_ms, 1000);
	w.cable.clear();
	give(24, 48, false);
	w.run_for(1100);
	expect_nothing();
	EXPECT_EQ(count(EDU_Ip_ReasmTimeout), 1u);
	EXPECT_EQ(w.cable.frames(ethertype_ip), 0u);
}

EDU_TEST_F(frag_fixture, fragment, duplicates_keep_nothing_alive, "IP-9")
{
	w.a.tune(EDU_TUNE_ip_frag_time_ms, 1000);
	for (int i = 0; i < 4; i++) {
		give(0, 24, true);
		w.run_for(400);
	}
	EXPECT_EQ(count(EDU_Ip_ReasmTimeout), 1u);
}

EDU_TEST_F(frag_fixture, fragment, nor_does_a_trickle_of_new_ones, "IP-9", "RFC1122-3.3.2")
{
	w.a.tune(EDU_TUNE_ip_frag_time_ms, 1000);
	w.a.tune(EDU_TUNE_ip_frag_life_ms, 3000);
	for (u32 i = 0; i < 5; i++) {
		give(piece(800 + 8 * i, 808 + 8 * i, true));
		w.run_for(700);
	}
	EXPECT_EQ(count(EDU_Ip_ReasmTimeout), 1u);
	EXPECT_EQ(count(EDU_Ip_DropFragmentTimeout), 5u);
	expect_nothing();
}

/*
 * Bounds
 */

/* The steps of a search do not follow the number of fragments, whatever their order. */
EDU_TEST(fragment, no_order_makes_the_tree_deep, "IP-6", "RFC815")
{
	constexpr u32 many = 1000, deepest = 60;
	list<ipfrag, &ipfrag::node> all;
	ipfrag *tree = nullptr;

	for (u32 i = 0; i < many; i++) {
		u32 at = 8 * (i < many / 2 ? i : many + many / 2 - i); /* up, then down */
		owner<ipfrag> one = make_fragment({at, at + 8, true}, 0);

		ASSERT_TRUE(one);
		all.push_back(*one);
		insert_into_tree(tree, *one.release());
	}
	for (const ipfrag &one : all) {
		u32 steps = 0;

		EXPECT_EQ(find_at_or_before(tree, one.offset + 7), &one);
		for (const ipfrag *at = tree; at != &one; steps++)
			at = one.offset < at->offset ? at->less : at->more;
		EXPECT_LT(steps, deepest);
	}
	while (ipfrag *one = all.pop_front())
		destroy(one);
}

EDU_TEST_F(frag_fixture, fragment, memory_is_bounded_and_the_oldest_goes, "IP-9")
{
	constexpr u32 high = 16384;
	edu_cursor at{};
	edu_frag_info info;
	u32 left = 0;

	w.a.tune(EDU_TUNE_ip_frag_high_thresh, high);
	w.a.tune(EDU_TUNE_ip_frag_low_thresh, 12288);
	for (u16 id = 1000; id < 1400; id++) {
		give(piece(0, 24, true, {.id = id}));
		EXPECT_LE(memory(), high);
		w.run_for(1);
	}
	while (edu_core_frag_next(w.a.stack(), &at, &info)) {
		EXPECT_GE(be16::from_raw(info.identification).host(), 1350u); /* the youngest */
		left++;
	}
	EXPECT_GT(left, 5u);
	EXPECT_EQ(count(EDU_Ip_DropFragmentEvicted), 400 - left);
}

EDU_TEST_F(frag_fixture, fragment, a_flood_does_not_stop_honest_datagrams, "IP-9")
{
	w.a.tune(EDU_TUNE_ip_frag_high_thresh, 16384);
	w.a.tune(EDU_TUNE_ip_frag_low_thresh, 12288);
	for (u16 id = 1000; id < 1300; id++) {
		give(piece(0, 24, true, {.id = id, .src = ip4(10, 0, 0, 66)}));
		w.run_for(1);
		if (id % 10)
			continue;
		give(0, 24, true);
		give(24, 48, false);
		EXPECT_EQ(to.receive().length, 40);
	}
}

EDU_TEST_F(frag_fixture, fragment, so_is_the_number_of_datagrams, "IP-9")
{
	w.a.tune(EDU_TUNE_ip_frag_max_queues, 10);
	for (u16 id = 1; id <= 50; id++) {
		give(piece(0, 24, true, {.id = id}));
		EXPECT_LE(waiting(), 10u);
	}
	EXPECT_EQ(count(EDU_Ip_DropFragmentEvicted), 40u);
	EXPECT_EQ(count(EDU_Ip_ReasmFails), 40u);
}

EDU_TEST_F(frag_fixture, fragment, the_last_arrival_decides_who_goes, "IP-9")
{
	w.a.tune(EDU_TUNE_ip_frag_max_queues, 2);
	give(piece(0, 24, true, {.id = 1}));
	give(piece(0, 24, true, {.id = 2}));
	w.run_for(1);
	give(piece(24, 32, true, {.id = 1})); /* needs no place of its own */
	EXPECT_EQ(count(EDU_Ip_DropFragmentEvicted), 0u);
	give(piece(0, 24, true, {.id = 3})); /* 2 goes */
	EXPECT_EQ(count(EDU_Ip_DropFragmentEvicted), 1u);
	give(piece(32, 48, false, {.id = 1}));
	EXPECT_EQ(to.receive().length, 40);
}

EDU_TEST_F(frag_fixture, fragment, an_interface_takes_its_own_along, "LAYER-3", "IP-9")
{
	give(0, 24, true);
	give(32, 40, true);
	EXPECT_EQ(waiting(), 1u);
	edu_t_dev_gone(w.a.get(), w.a.ifindex());
	EXPECT_EQ(count(EDU_Ip_DropFragmentIface), 2u);
	EXPECT_EQ(waiting(), 0u);
	EXPECT_EQ(memory(), 0u);
}

/* The world's end sees whether anything is left. */
EDU_TEST_F(frag_fixture, fragment, a_host_may_go_while_they_wait, "LAYER-3", "IP-9")
{
	for (u16 id = 1; id <= 50; id++)
		give(piece(0, 24, true, {.id = id}));
	EXPECT_EQ(waiting(), 50u);
}

EDU_TEST_F(frag_fixture, fragment, want_of_memory_costs_the_datagram_alone, "IP-8")
{
	for (u32 n = 1; n <= 12; n++) {
		edu_t_fail_alloc(n);
		give(0, 24, true);
		give(24, 40, true);
		give(40, 48, false);
		bool struck = edu_t_alloc_failed();

		edu_t_fail_alloc(0);
		datagram got = to.receive();

		EXPECT_TRUE(got.length == 40 || (struck && got.length == -11));
		w.run_for(31000);
		EXPECT_EQ(waiting(), 0u);
		EXPECT_EQ(memory(), 0u);
	}
}

EDU_TEST_F(frag_fixture, fragment, the_table_can_be_seen, "IP-6", "IP-7")
{
	edu_cursor at{};
	edu_frag_info info;

	give(24, 48, false);
	w.run_for(100);
	give(0, 8, true);
	ASSERT_EQ(edu_core_frag_next(w.a.stack(), &at, &info), 1);
	EXPECT_EQ(info.source, station_nine.raw());
	EXPECT_EQ(info.destination, w.a.address().raw());
	EXPECT_EQ(info.identification, be16{77}.raw());
	EXPECT_EQ(info.protocol, udp_protocol_number);
	EXPECT_EQ(info.has_first, 1u);
	EXPECT_EQ(info.fragments, 2u);
	EXPECT_EQ(info.octets, 32u);
	EXPECT_EQ(info.length, 48u);
	EXPECT_EQ(info.memory, memory());
	EXPECT_GE(info.first_ms, 100u);
	EXPECT_LT(info.last_ms, 100u);
	EXPECT_GT(info.left_ms, 29000u);
	EXPECT_EQ(edu_core_frag_next(w.a.stack(), &at, &info), 0);
}

/*
 * Out
 */

namespace {

/* A long datagram from a to b over a link of a small MTU. */
struct cut_fixture {
	static constexpr u32 mtu = 100, len = 400;
	world w;
	socket to = w.b.udp(7), from = w.a.udp();
	u8 data[len];

	cut_fixture()
	{
		edu_dev_info info = host::ethernet(1);

		info.mtu = mtu;
		edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
		for (u32 i = 0; i < len; i++)
			data[i] = static_cast<u8>(i * 7);
		from.send("a", w.b.address(), 7); /* resolves */
		w.settle();
		to.receive();
		w.cable.clear();
	}
	int send() { return from.send({data, len}, w.b.address(), 7); }
	u32 pieces() { return w.cable.frames(ethertype_ip); }
	bytes nth(u32 i) { return w.cable.frame(ethertype_ip, i); }
};

} // namespace

EDU_TEST_F(cut_fixture, fragment, a_packet_larger_than_the_mtu_leaves_in_pieces, "IP-4", "IP-5",
	   "RFC1122-3.3.3")
{
	static u8 room[512];
	edu_t_recv call = {};
	u32 at = 0;

	EXPECT_EQ(send(), 400);
	w.settle();
	ASSERT_EQ(pieces(), 6u); /* 408 octets, 80 at a time */
	for (u32 i = 0; i < 6; i++) {
		auto [ip, why] = wire::ipv4::view::checked(nth(i).subspan(14));

		EXPECT_EQ(why, wire::ipv4::fault::none);
		EXPECT_LE(ip.total_length(), mtu);
		EXPECT_EQ(ip.fragment_offset(), at);
		EXPECT_EQ(ip.more_fragments(), i < 5);
		EXPECT_EQ(ip.id(), ip_of(nth(0)).id());
		EXPECT_FALSE(ip.dont_fragment());
		at += static_cast<u32>(ip.payload_length());
	}
	EXPECT_EQ(at, 408u);
	EXPECT_EQ(w.a.counter(EDU_Ip_FragOKs), 1u);
	EXPECT_EQ(w.a.counter(EDU_Ip_FragCreates), 6u);
	call.data = room;
	call.room = sizeof(room);
	call.flags = msg_dontwait;
	ASSERT_EQ(edu_t_recvmsg(to.get(), &call), 400);
	EXPECT_BYTES((bytes{room, len}), (bytes{data, len}));
}

EDU_TEST_F(cut_fixture, fragment, the_options_that_are_copied_go_into_all, "IP-4", "RFC791-3.2")
{
	/* Record route (first only), router alert (all), as ip(7) has them set. */
	static constexpr u8 options[] = {7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0};

	EXPECT_EQ(edu_t_setsockopt(from.get(), sol_ip, 4, options, sizeof(options)), 0);
	EXPECT_EQ(send(), 400);
	w.settle();
	ASSERT_GE(pieces(), 6u);
	EXPECT_EQ(ip_of(nth(0)).header_length(), 32u);
	for (u32 i = 1; i < pieces(); i++) {
		EXPECT_EQ(ip_of(nth(i)).header_length(), 24u);
		EXPECT_BYTES(ip_of(nth(i)).options(), (bytes{options + 8, 4}));
	}
}

EDU_TEST_F(cut_fixture, fragment, want_of_memory_fails_the_send_and_sends_nothing, "IP-4")
{
	u32 struck = 0;

	from.set(sol_ip, 11, 1); /* IP_RECVERR: wants to know */
	for (u32 n = 1; n <= 9; n++) {
		w.cable.clear();
		edu_t_fail_alloc(n);
		int sent = send();

		w.settle();
		const bool failed = edu_t_alloc_failed();

		edu_t_fail_alloc(0);
		if (!failed)
			continue;
		struck++;
		EXPECT_TRUE(sent == -105 || sent == 400);
		EXPECT_TRUE(sent == 400 || pieces() == 0);
	}
	EXPECT_GE(struck, 7u);
	EXPECT_GE(w.a.counter(EDU_Ip_FragFails), 6u);
}

EDU_TEST_F(cut_fixture, fragment, a_device_that_refuses_one_ends_the_send, "IP-4")
{
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), -105);
	send();
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Ip_FragCreates), 1u);
	EXPECT_EQ(w.a.counter(EDU_Link_DropXmitError), 1u);
	EXPECT_EQ(w.a.counter(EDU_Ip_DropFragmentUnsent), 5u);
	EXPECT_EQ(w.a.counter(EDU_Ip_FragFails), 1u);
	EXPECT_EQ(w.a.counter(EDU_Ip_FragOKs), 0u);
}

/* They wait for ARP like any packet; that it never answers is told once, by the first. */
EDU_TEST_F(cut_fixture, fragment, an_address_nobody_has_is_told_by_the_first_alone, "IP-4", "ARP-5")
{
	socket lost = w.a.udp();

	/* Octets 80 on would be ports of this socket, if they were taken for a header. */
	for (u32 at = 72; at + 4 < len; at += 80)
		store_be32(&data[at], 5555u << 16 | 7);
	lost.bind({}, 5555);
	lost.connect(ip4(10, 0, 0, 77), 7);
	from.connect(ip4(10, 0, 0, 77), 7);
	EXPECT_EQ(from.send({data, len}), 400);
	w.run_for(10000);
	EXPECT_EQ(w.a.counter(EDU_Arp_DropUnresolved), 6u);
	EXPECT_EQ(from.get(sol_socket, 4), 113);
	EXPECT_EQ(lost.get(sol_socket, 4), 0);
}

EDU_TEST_F(cut_fixture, fragment, a_fragment_can_be_cut_again, "IP-4", "RFC1812-5.2.6")
{
	flow wanted{.dst = w.b.address()};
	ref<rtable> route = ip_route_output(*w.a.stack(), wanted).value();
	wire::ipv4::repr header{.total_length = 84,
				.id = 5,
				.more_fragments = true,
				.fragment_offset = 160,
				.protocol = 200,
				.src = w.a.address(),
				.dst = w.b.address()};
	skb_ptr packet = skb_ptr::alloc(32, 84, gfp::atomic);

	ASSERT_TRUE(packet);
	header.emit({packet.put(84), 20});
	EXPECT_TRUE(ip_fragment(*w.a.stack(), std::move(packet), *route, 60).ok());
	w.settle();
	ASSERT_EQ(pieces(), 2u);
	EXPECT_EQ(ip_of(nth(0)).fragment_offset(), 160u);
	EXPECT_EQ(ip_of(nth(1)).fragment_offset(), 200u);
	EXPECT_TRUE(ip_of(nth(1)).more_fragments());
	EXPECT_EQ(ip_of(nth(1)).payload_length(), 24u);
}

EDU_TEST_F(cut_fixture, fragment, a_checksum_that_was_put_off_is_made_before_cutting, "IP-4",
	   "SKB-1")
{
	flow wanted{.dst = w.b.address()};
	ref<rtable> route = ip_route_output(*w.a.stack(), wanted).value();
	skb_ptr packet = skb_ptr::alloc(64, 208, gfp::atomic);
	wire::udp::repr udp{.source = 9, .dest = 7, .length = 208, .checksum = {}};

	ASSERT_TRUE(packet);
	copy_bytes(packet.put(208), bytes{data, 208});
	udp.checksum = udp.checksum_for_device(w.a.address(), w.b.address());
	udp.emit(std::span<u8, 8>{packet.data(), 8});
	edu_k_skb_mark_transport(packet.get());
	edu_k_skb_csum_offload(packet.get(), 6);
	ip_params params{.src = w.a.address(), .dst = w.b.address(), .protocol = 17, .ttl = 9};
	EXPECT_TRUE(ip_send(*w.a.stack(), std::move(packet), *route, params).ok());
	w.settle();
	EXPECT_EQ(pieces(), 3u);
	EXPECT_EQ(to.receive(msg_dontwait | msg_trunc).length, 200);
	EXPECT_EQ(w.b.counter(EDU_Udp_DropChecksum), 0u);
}

EDU_TEST_F(cut_fixture, fragment, an_mtu_without_room_for_data_is_refused, "IP-4")
{
	flow wanted{.dst = w.b.address()};
	ref<rtable> route = ip_route_output(*w.a.stack(), wanted).value();
	wire::ipv4::repr header{.total_length = 84, .src = w.a.address(), .dst = w.b.address()};
	skb_ptr packet = skb_ptr::alloc(32, 84, gfp::atomic);

	ASSERT_TRUE(packet);
	header.emit({packet.put(84), 20});
	EXPECT_EQ(ip_fragment(*w.a.stack(), std::move(packet), *route, 27).error(), errc::emsgsize);
	EXPECT_EQ(w.a.counter(EDU_Ip_FragFails), 1u);
}

} // namespace edu::test
