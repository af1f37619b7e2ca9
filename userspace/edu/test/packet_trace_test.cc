// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu trace` on a recording: a ping, a datagram in three fragments and one to a closed port, between two
 * hosts (data/ping_and_fragments.jsonl). Reader, follower, filter, text, pcapng, page.
 */
#include "context.hh"
#include "failure.hh"
#include "trace_file.hh"
#include "trace_filter.hh"
#include "trace_live.hh"
#include "trace_page.hh"
#include "trace_pcapng.hh"
#include "trace_text.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <sstream>

using namespace edu;

namespace {

const char *const recorded = EDU_TEST_DATA "/ping_and_fragments.jsonl";

std::string content(const std::string &path)
{
	std::ifstream in(path, std::ios::binary);

	return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<trace_event> events_of(const std::string &text)
{
	std::istringstream in(text);
	recording_reader reader(in, "file");
	std::vector<trace_event> events;

	for (trace_event event; reader.next(event);)
		events.push_back(event);
	return events;
}

/* What the reader says of a damaged recording; "" when it finds no fault. */
std::string fault_of(const std::string &text)
{
	try {
		events_of(text);
	} catch (const failure &bad) {
		EXPECT_EQ(bad.status(), exit_refused);
		return bad.what();
	}
	return "";
}

std::vector<trace_step> steps_of(const std::vector<trace_event> &events)
{
	follower follow;
	std::vector<trace_step> steps;

	for (const auto &event : events)
		steps.push_back(follow.follow(event));
	return steps;
}

const std::vector<trace_step> &recorded_steps()
{
	static const std::vector<trace_step> steps = steps_of(events_of(content(recorded)));

	return steps;
}

std::vector<trace_step> of_packet(std::uint64_t packet)
{
	std::vector<trace_step> steps;

	for (const auto &step : recorded_steps())
		if (step.packet == packet)
			steps.push_back(step);
	return steps;
}

const trace_step &find_step(const std::function<bool(const trace_step &)> &wanted)
{
	auto &steps = recorded_steps();
	auto found = std::find_if(steps.begin(), steps.end(), wanted);

	if (found == steps.end())
		throw std::runtime_error("no such step");
	return *found;
}

std::vector<std::string> events(const std::vector<trace_step> &steps)
{
	std::vector<std::string> names;

	for (const auto &step : steps)
		names.push_back(step.event);
	return names;
}

std::vector<trace_step> filtered(const std::function<void(trace_wishes &)> &choose)
{
	trace_wishes wishes;
	std::vector<trace_step> passed;

	choose(wishes);
	trace_filter filter(wishes, [&](const trace_step &step) { passed.push_back(step); });
	for (const auto &step : recorded_steps())
		filter.take(step);
	std::erase_if(passed, [](const auto &step) { return !std::strcmp(step.kind, "host"); });
	return passed;
}

} // namespace

TEST(recording, what_is_written_is_read)
{
	std::string path = testing::TempDir() + "edu-recording";
	std::vector<trace_event> written = events_of(content(recorded));
	recording_writer out(path, 42);

	for (const auto &event : written)
		out.write(event);
	out.finish();
	std::vector<trace_event> read = events_of(content(path));
	ASSERT_EQ(read.size(), written.size());
	for (std::size_t i = 0; i < read.size(); i++) {
		EXPECT_EQ(read[i].when, written[i].when);
		EXPECT_EQ(read[i].name, written[i].name);
		EXPECT_EQ(read[i].fields, written[i].fields);
	}
}

TEST(recording, any_changed_octet_is_noticed_at_its_line)
{
	std::string whole = content(recorded);

	ASSERT_EQ(fault_of(whole), "");
	for (std::size_t at = 0; at < whole.size(); at += 97) {
		std::string damaged = whole;
		std::size_t line = at ? whole.rfind('\n', at - 1) : whole.npos;

		damaged[at] = static_cast<char>(damaged[at] ^ 1);
		line = line == whole.npos ? 0 : line + 1;
		EXPECT_NE(fault_of(damaged).find(fmt::format("damaged at offset {}:", line)),
			  std::string::npos)
			<< "at " << at << ": " << fault_of(damaged);
	}
}

TEST(recording, a_cut_is_noticed_wherever_it_is)
{
	std::string whole = content(recorded);

	for (std::size_t length = 0; length < whole.size(); length += 61)
		EXPECT_NE(fault_of(whole.substr(0, length)).find("damaged at offset "),
			  std::string::npos)
			<< length;
	std::size_t second = whole.find('\n') + 1, third = whole.find('\n', second) + 1;
	EXPECT_NE(fault_of(whole.substr(0, second) + whole.substr(third)).find("missing"),
		  std::string::npos);
	EXPECT_NE(fault_of(whole + "x").find("follows its end"), std::string::npos);
	EXPECT_NE(fault_of("#!/bin/sh\n").find("offset 0"), std::string::npos);
}

/* SKB-1, SKB-2, LAYER-1 */
TEST(follower, a_datagram_gets_its_headers_layer_by_layer)
{
	const trace_step &first = find_step([](const auto &step) {
		return step.event == "udp_send" && step.facts.destination_port == 9;
	});
	std::vector<trace_step> steps = of_packet(first.packet);

	ASSERT_EQ(events(steps),
		  (std::vector<std::string>{"sock_send", "udp_send", "ip_send", "dev_send"}));
	EXPECT_TRUE(steps[0].begins);
	EXPECT_TRUE(steps[3].ends);
	const char *headers[] = {"", "UDP", "IP", "Ethernet"};
	const int octets[] = {0, 8, 20, 14};
	for (std::size_t i = 1; i < steps.size(); i++) {
		EXPECT_STREQ(steps[i].change, "push");
		EXPECT_EQ(steps[i].header, headers[i]);
		EXPECT_EQ(steps[i].amount, octets[i]);
		EXPECT_EQ(steps[i].before->data - steps[i].now->data, octets[i]);
		EXPECT_EQ(steps[i].before->tail, steps[i].now->tail);
	}
	EXPECT_EQ(packet_summary(steps[3].facts).substr(0, 9), "10.0.0.1:");
	EXPECT_GT(steps[0].process, 0);
	EXPECT_GT(steps[0].inode, 0);
}

/* DEV-2 */
TEST(follower, a_drop_ends_its_packet_and_names_the_reason)
{
	const trace_step &drop =
		find_step([](const auto &step) { return !std::strcmp(step.kind, "drop"); });

	EXPECT_EQ(drop.text, "dropped: Udp.DropNoSocket");
	EXPECT_EQ(events(of_packet(drop.packet)),
		  (std::vector<std::string>{"dev_rcv", "ip_rcv", "edu_route", "ip_deliver",
					    "udp_rcv", "edu_drop"}));
}

/* IP-4, IP-8 */
TEST(follower, fragments_belong_to_their_datagram_and_arrive_at_the_other_host)
{
	const trace_step &whole = find_step(
		[](const auto &step) { return step.event == "ip_send" && step.now->len > 3000; });
	unsigned pieces = 0, received = 0;

	for (const auto &step : recorded_steps()) {
		if (step.event == "ip_fragment") {
			EXPECT_EQ(step.parent, whole.packet);
			EXPECT_STREQ(step.relation, "fragment");
			pieces++;
		}
		if (step.event == "dev_rcv" && step.facts.fragment) {
			EXPECT_STREQ(step.relation, "received");
			EXPECT_NE(step.netns, whole.netns);
			EXPECT_EQ(of_packet(step.parent).front().event, "ip_fragment");
			received++;
		}
	}
	EXPECT_EQ(pieces, 3u);
	EXPECT_EQ(received, 3u);
	const trace_step &joined =
		find_step([](const auto &step) { return step.event == "ip_defrag"; });
	EXPECT_STREQ(joined.change, "join");
	EXPECT_EQ(joined.now->len, whole.now->len);
}

/* ROUTE-8, ARP-4 */
TEST(follower, decisions_say_hit_or_miss_and_belong_to_their_packet)
{
	const trace_step &missed =
		find_step([](const auto &step) { return !std::strcmp(step.kind, "route"); });
	const trace_step &taken = find_step([&](const auto &step) {
		return std::count(step.claims.begin(), step.claims.end(), missed.number) == 1;
	});
	const trace_step &held =
		find_step([](const auto &step) { return step.event == "arp_hold"; });

	EXPECT_EQ(missed.text,
		  "route to 10.0.0.2: cache miss, it is not in the cache; the FIB says on "
		  "the link by e0");
	EXPECT_EQ(taken.event, "ip_send");
	EXPECT_EQ(held.packet, taken.packet);
	EXPECT_NE(held.text.find("(miss)"), std::string::npos);
	find_step([](const auto &step) { return step.text == "10.0.0.2 is at 02:00:00:00:00:02"; });
	find_step([](const auto &step) {
		return step.text == "route to 10.0.0.2: cache hit, on the link by e0";
	});
	find_step(
		[](const auto &step) { return step.text.find("there is none") != step.text.npos; });
	find_step([](const auto &step) { return step.text == "the route cache is flushed"; });
}

TEST(follower, lost_events_are_told)
{
	trace_event lost;
	follower follow;

	lost.name = event_lost;
	lost.fields = {{"cpu", 1}, {"count", 7}};
	EXPECT_NE(follow.follow(lost).text.find("7 events lost"), std::string::npos);
	EXPECT_EQ(follow.lost(), 7u);
}

TEST(follower, events_it_does_not_know_are_shown_field_by_field)
{
	trace_event state, strange;
	follower follow;

	state.name = "tcp_state";
	state.fields = {{"netns", 1},	       {"saddr", "0a000001"}, {"sport", 40000},
			{"daddr", "0a000002"}, {"dport", 80},	      {"old_state", 2},
			{"new_state", 1}};
	EXPECT_EQ(follow.follow(state).text,
		  "10.0.0.1:40000 → 10.0.0.2:80: old_state SYN-SENT new_state ESTABLISHED");
	strange.name = "edu_new";
	strange.fields = {{"what", "ever"}};
	EXPECT_EQ(follow.follow(strange).text, "{\"what\":\"ever\"}");
	/* A packet's event at a new point: by the fields that all of them have. */
	strange.name = "tcp_send";
	strange.fields = {{"skb", 1},	{"head", 1}, {"data", 10},
			  {"tail", 20}, {"end", 30}, {"len", 10}};
	EXPECT_EQ(follow.follow(strange).where, layer::transport);
}

/* The follower's steps for events of one sk_buff, in memory of its own. */
static std::vector<trace_step> followed(follower &follow, std::initializer_list<const char *> names,
					const std::string &octets = "", int skb = 1, int netns = 1)
{
	std::vector<trace_step> steps;
	auto length = octets.size() / 2;

	for (const char *name : names) {
		trace_event event;

		event.name = name;
		event.fields = {{"skb", skb},	 {"head", 1},		{"netns", netns},
				{"data", 64},	 {"tail", 64 + length}, {"end", 192},
				{"len", length}, {"first", 64},		{"octets", octets}};
		steps.push_back(follow.follow(event));
	}
	return steps;
}

static std::vector<std::uint64_t> packets(const std::vector<trace_step> &steps)
{
	std::vector<std::uint64_t> numbers;

	for (const auto &step : steps)
		numbers.push_back(step.packet);
	return numbers;
}

using numbers = std::vector<std::uint64_t>;

TEST(follower, an_ack_that_is_freed_and_the_segment_after_it_are_two_packets)
{
	follower follow;
	std::vector<trace_step> steps =
		followed(follow, {"dev_rcv", "ip_rcv", "ip_deliver", "tcp_rcv", "tcp_send",
				  "ip_send", "dev_send"});

	EXPECT_EQ(packets(steps), (numbers{1, 1, 1, 1, 2, 2, 2}));
	EXPECT_TRUE(steps[4].begins);
	EXPECT_EQ(steps[4].parent, 0u) << steps[4].relation;
	EXPECT_FALSE(steps[4].before);
	EXPECT_TRUE(steps[6].ends);
	/* The program has read it; a segment that never became a frame. */
	steps = followed(follow, {"dev_rcv", "tcp_rcv", "sock_queue", "sock_rcv", "tcp_send",
				  "ip_send", "tcp_send", "ip_send"});
	EXPECT_EQ(packets(steps), (numbers{3, 3, 3, 3, 4, 4, 5, 5}));
	EXPECT_EQ(steps[6].parent, 0u);
}

TEST(follower, igmps_own_begin_in_ip)
{
	follower follow;

	EXPECT_EQ(packets(followed(follow, {"dev_rcv", "ip_rcv", "ip_deliver", "ip_send",
					    "arp_hold", "arp_release", "dev_send"})),
		  (numbers{1, 1, 1, 2, 2, 2, 2}));
	/* The first stays here: its TTL is 0. */
	EXPECT_EQ(packets(followed(follow, {"ip_send", "ip_send", "dev_send"})),
		  (numbers{3, 4, 4}));
	EXPECT_EQ(packets(followed(follow, {"sock_send", "udp_send", "ip_send", "dev_send"})),
		  (numbers{5, 5, 5, 5}));
}

TEST(follower, what_goes_on_to_others_is_one_packet_and_a_reply_another)
{
	follower follow;
	std::vector<trace_step> steps = followed(follow, {"dev_rcv", "ip_rcv", "ip_forward",
							  "arp_hold", "arp_release", "dev_send"});

	EXPECT_EQ(packets(steps), (numbers{1, 1, 1, 1, 1, 1}));
	steps = followed(follow, {"dev_rcv", "ip_rcv", "ip_deliver", "icmp_rcv", "icmp_send",
				  "ip_send", "dev_send"});
	EXPECT_EQ(packets(steps), (numbers{2, 2, 2, 2, 3, 3, 3}));
	EXPECT_EQ(steps[4].parent, 2u);
	EXPECT_STREQ(steps[4].relation, "reply");
}

TEST(follower, a_segment_sent_again_comes_from_the_one_before)
{
	const std::string ports = "9c400050", header = "00000000501000ff00000000",
			  data = "64617461", ack = ports + "00000001" + header, first = ack + data,
			  next = ports + "00000005" + header + data;
	follower follow;

	auto parent = [&](const std::string &octets, int skb, int netns = 1) {
		trace_step step = followed(follow, {"tcp_send"}, octets, skb, netns)[0];

		EXPECT_TRUE(step.begins);
		EXPECT_STREQ(step.relation, step.parent ? "clone" : "");
		return step.parent;
	};
	EXPECT_EQ(parent(first, 1), 0u);
	EXPECT_EQ(followed(follow, {"dev_send"}, "", 1)[0].packet, 1u);
	/* The very buffer arrives at the other host, and is not what is sent again. */
	EXPECT_EQ(followed(follow, {"dev_rcv"}, "", 1, 2)[0].packet, 2u);
	EXPECT_EQ(parent(first, 2), 1u); /* packet 3 */
	EXPECT_EQ(parent(first, 2), 3u);
	/* The memory has been freed and used again. */
	EXPECT_EQ(parent(next, 2), 0u);
	EXPECT_EQ(parent(ack, 3), 0u);
	EXPECT_EQ(parent(ack, 3), 0u);
	EXPECT_EQ(parent(first, 1), 0u);
	EXPECT_EQ(parent(first, 1, 2), 0u);
}

TEST(follower, hostile_octets_are_read_no_further_than_they_go)
{
	std::vector<std::uint8_t> octets(64, 0xff);

	for (std::size_t length = 0; length <= octets.size(); length++)
		for (unsigned first = 0; first < 256; first++)
			for (auto begin : {begins_with::ethernet, begins_with::network,
					   begins_with::arp, begins_with::ip, begins_with::udp,
					   begins_with::tcp, begins_with::icmp}) {
				packet_facts facts;
				std::vector<std::uint8_t> cut(
					octets.begin(), octets.begin() + static_cast<long>(length));

				if (length)
					cut[0] = static_cast<std::uint8_t>(first);
				if (length > 9)
					cut[9] = static_cast<std::uint8_t>(first % 18);
				read_headers(cut, begin, facts);
				for (const auto &header : facts.headers)
					EXPECT_LE(header.at + header.length, length + 40);
			}
}

TEST(filter, by_port_shows_all_of_a_datagrams_way_and_nothing_else)
{
	std::vector<trace_step> passed = filtered([](auto &w) { w.ports = {9}; });
	std::vector<std::string> names = events(passed);

	ASSERT_GE(names.size(), 2u);
	/* What was decided before the datagram had its header, and its first step, are there. */
	EXPECT_EQ(names[0], "sock_send");
	EXPECT_EQ(names[1], "udp_send");
	EXPECT_EQ(names[2], "edu_route");
	EXPECT_EQ(names.back(), "edu_drop");
	for (const auto &step : passed)
		EXPECT_TRUE(step.facts.destination_port == 9 || step.event == "edu_route" ||
			    step.event == "sock_send")
			<< step.event;
}

TEST(filter, by_protocol)
{
	for (const auto &step : filtered([](auto &w) { wish_protocol(w, "arp"); }))
		EXPECT_TRUE(step.facts.is_arp || step.event == "edu_arp") << step.event;
	std::vector<trace_step> udp = filtered([](auto &w) { wish_protocol(w, "UDP"); });
	unsigned fragments = 0;
	for (const auto &step : udp) {
		EXPECT_TRUE(!step.facts.protocol || step.facts.protocol == IPPROTO_UDP)
			<< step.event;
		fragments += step.event == "ip_fragment";
	}
	EXPECT_EQ(fragments, 3u);
	EXPECT_THROW(filtered([](auto &w) { wish_protocol(w, "ipx"); }), failure);
}

TEST(filter, by_address)
{
	EXPECT_TRUE(
		filtered([](auto &w) { w.addresses = {parse_prefix("192.168.0.0/16")}; }).empty());
	EXPECT_FALSE(filtered([](auto &w) { w.addresses = {parse_prefix("10.0.0.2")}; }).empty());
	std::vector<trace_step> vain =
		filtered([](auto &w) { w.addresses = {parse_prefix("10.9.9.9")}; });
	ASSERT_EQ(vain.size(), 1u); /* the decision that there is no route */
	EXPECT_STREQ(vain[0].kind, "route");
}

TEST(filter, by_socket_and_by_process)
{
	const trace_step &sent =
		find_step([](const auto &step) { return step.event == "sock_send"; });
	std::vector<trace_step> by_inode = filtered([&](auto &w) { w.inodes = {sent.inode}; });
	std::vector<trace_step> by_process =
		filtered([&](auto &w) { w.processes = {sent.process}; });

	ASSERT_FALSE(by_inode.empty());
	EXPECT_EQ(by_inode.front().packet ? by_inode.front().packet : sent.packet, sent.packet);
	unsigned received = 0;
	for (const auto &step : by_process)
		received += step.event == "sock_rcv";
	EXPECT_EQ(received, 2u); /* both replies to the ping */
	EXPECT_TRUE(filtered([](auto &w) { w.inodes = {1}; }).empty());
}

TEST(filter, by_host)
{
	const trace_step &one = find_step([](const auto &step) { return step.event == "ip_send"; });

	for (const auto &step : filtered([&](auto &w) { w.netns = one.netns; }))
		EXPECT_EQ(step.netns, one.netns);
}

/* Runs `edu trace` with these words; its status. */
static int trace_status(const std::vector<std::string> &list)
{
	context ctx;
	words in(list);

	try {
		return run_trace(ctx, in);
	} catch (const failure &bad) {
		EXPECT_NE(std::string(bad.what()).find("name the same file"), std::string::npos)
			<< bad.what();
		return bad.status();
	}
}

TEST(files, none_is_written_that_another_option_names)
{
	namespace fs = std::filesystem;
	std::string directory = testing::TempDir() + "edu-same-file/",
		    read = directory + "recording";

	fs::remove_all(directory);
	fs::create_directory(directory);
	fs::copy_file(recorded, read);
	fs::create_hard_link(read, directory + "hard");
	fs::create_symlink("recording", directory + "soft");
	fs::create_symlink("new", directory + "dangling");
	for (const char *option : {"--record", "--html", "--pcapng"})
		for (const char *name : {"recording", "./recording", "hard", "soft"}) {
			const char *other = std::strcmp(option, "--html") ? "--html" : "--record";

			EXPECT_EQ(trace_status({"--read", read, other, directory + "new", option,
						directory + name}),
				  exit_negative)
				<< option << " " << name;
		}
	/* Files that are not there yet. */
	for (const char *name : {"new", "../edu-same-file/new", "dangling"}) {
		EXPECT_EQ(trace_status({"--read", read, "--html", directory + "new", "--pcapng",
					directory + name}),
			  exit_negative)
			<< name;
		EXPECT_EQ(trace_status({"--record", directory + name, "--html", directory + "new"}),
			  exit_negative)
			<< name;
	}
	EXPECT_EQ(content(read), content(recorded));
	EXPECT_FALSE(fs::exists(directory + "new"));
	/* Different ones, and what is no file. */
	EXPECT_EQ(trace_status({"--read", read, "--html", directory + "page", "--pcapng",
				directory + "frames", "--record", directory + "again"}),
		  exit_ok);
	EXPECT_EQ(content(directory + "again"), content(recorded));
	EXPECT_EQ(trace_status({"--read", read, "--html", "/dev/null", "--pcapng", "/dev/null"}),
		  exit_ok);
	fs::remove_all(directory);
}

TEST(text, a_line_says_what_moved)
{
	const trace_step &step = find_step([](const auto &s) { return s.event == "ip_send"; });
	trace_text plain(false), painted(true);

	EXPECT_EQ(pointers_text(step), "data +36→+16 tail +100 end +192 len 64→84");
	EXPECT_EQ(plain.tell(step, "h1").find('\033'), std::string::npos);
	EXPECT_NE(painted.tell(step, "h1").find('\033'), std::string::npos);
	EXPECT_NE(plain.tell(step, "h1").find("        ip_send     pushes IP header, 20 octets"),
		  std::string::npos);
}

TEST(text, the_name_of_a_device_does_not_speak_to_the_terminal)
{
	trace_step step = find_step([](const auto &s) { return !std::strcmp(s.kind, "route"); });
	trace_text plain(false);

	step.text = "route to 10.0.0.2 by \033[8m\177";
	std::string line = plain.tell(step, "h\b1");
	EXPECT_NE(line.find("by \\x1b[8m\\x7f\n"), std::string::npos) << line;
	EXPECT_NE(line.find("h\\x081"), std::string::npos) << line;
	EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](unsigned char c) {
		return c == '\n' || (c >= 0x20 && c != 0x7f);
	}));
}

TEST(text, control_characters_in_any_form_are_shown_by_their_octets)
{
	EXPECT_EQ(printable("a\x1b[31m\x7f\n"), "a\\x1b[31m\\x7f\\x0a");
	/* C1: U+0080 to U+009F, and the octets alone; what comes before and after them stays. */
	EXPECT_EQ(printable("\u0080 \u009b8m\u009f\u00a0"),
		  "\\xc2\\x80 \\xc2\\x9b8m\\xc2\\x9f\u00a0");
	EXPECT_EQ(printable("\x9b"
			    "8m"),
		  "\\x9b8m");
	for (const char *good : {"", "e0", "~", "Jörg → ß", "\u00ff\u07ff\u0800\ud7ff\uf000\uffff",
				 "\U00010000\U0010ffff"})
		EXPECT_EQ(printable(good), good);
	/* Longer than need be, a surrogate, too large, cut off. */
	EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");
	EXPECT_EQ(printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");
	EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	EXPECT_EQ(printable("\xf0\x80\x82\x9b"), "\\xf0\\x80\\x82\\x9b");
	EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	EXPECT_EQ(printable("\xe2\x86"), "\\xe2\\x86");
	EXPECT_EQ(printable("\xe2\x1b"), "\\xe2\\x1b");
}

/* A recording may come from anybody. */
TEST(text, the_name_of_an_event_does_not_speak_either)
{
	trace_step step = find_step([](const auto &s) { return s.event == "dev_send"; });
	pcapng_writer writer(0);
	std::ostringstream out;
	trace_text plain(false);

	step.event = "ip_\033]0;x\007\u009b8m";
	std::string line = plain.tell(step, "h");
	EXPECT_NE(line.find("ip_\\x1b]0;x\\x07\\xc2\\x9b8m"), std::string::npos) << line;
	EXPECT_EQ(line.find_first_of("\033\007\x9b"), std::string::npos) << line;
	/* The story of a frame: it goes on until the frame leaves. */
	step.ends = false;
	writer.take(step, "h");
	step.event = "dev_send";
	writer.take(step, "h");
	writer.write(out);
	EXPECT_NE(out.str().find("ip_\\x1b]0;x\\x07\\xc2\\x9b8m: "), std::string::npos);
	EXPECT_EQ(out.str().find("\033]0"), std::string::npos);
	EXPECT_EQ(out.str().find("\u009b"), std::string::npos);
}

TEST(live, every_way_to_lose_an_event_counts)
{
	EXPECT_EQ(
		events_lost(
			"entries: 7\noverrun: 1\ncommit overrun: 20\nbytes: 4000\n"
			"oldest event ts:     2.5\nnow ts:  3.5\ndropped events: 300\nread events: 5\n"),
		321u);
	EXPECT_EQ(events_lost(""), 0u);
}

TEST(json, a_step_is_one_object_with_the_pointers_before_and_after)
{
	const trace_step &step = find_step([](const auto &s) { return s.event == "ip_send"; });
	record item = step_record(step, 1000, "h1");

	EXPECT_EQ(item["layer"], "IP");
	EXPECT_EQ(item["before"]["data"], 36);
	EXPECT_EQ(item["after"]["data"], 16);
	EXPECT_EQ(item["change"], "push");
	EXPECT_EQ(item["header"], "IP");
	EXPECT_EQ(item["source"], "10.0.0.1");
	EXPECT_EQ(item["time"], step.when + 1000);
	EXPECT_FALSE(item.contains("skb")) << "an address of the kernel's memory";
}

TEST(pcapng, every_block_is_whole_and_every_frame_has_its_comment)
{
	pcapng_writer writer(0);
	std::ostringstream out;
	std::size_t frames = 0, comments = 0;

	for (const auto &step : recorded_steps())
		writer.take(step, "h");
	writer.write(out);
	std::string data = out.str();
	auto word = [&](std::size_t at) {
		std::uint32_t value = 0;

		if (at + 4 <= data.size())
			std::memcpy(&value, data.data() + at, 4);
		return value;
	};
	ASSERT_EQ(word(0), 0x0a0d0d0au);
	for (std::size_t at = 0, length; at < data.size(); at += length) {
		length = word(at + 4);
		ASSERT_GE(length, 12u);
		ASSERT_EQ(length % 4, 0u);
		ASSERT_LE(at + length, data.size());
		ASSERT_EQ(word(at + length - 4), length);
		if (word(at) != 6)
			continue;
		std::size_t option = at + 28 + (word(at + 20) + 3) / 4 * 4;
		frames++;
		for (std::uint32_t code; (code = word(option) & 0xffff);) {
			comments += code == 1;
			option += 4 + ((word(option) >> 16) + 3) / 4 * 4;
		}
		EXPECT_EQ(option, at + length - 8);
	}
	EXPECT_EQ(frames, writer.frames());
	EXPECT_EQ(frames, 26u);
	EXPECT_EQ(comments, frames);
	EXPECT_NE(data.find("cache miss, it is not in the cache"), std::string::npos);
	EXPECT_NE(data.find("dropped: Udp.DropNoSocket"), std::string::npos);
}

TEST(pcapng, a_frame_is_on_its_device_without_a_route_to_say_which)
{
	pcapng_writer writer(0);
	std::ostringstream out;
	std::uint32_t devices = 0;

	for (const auto &step : recorded_steps())
		if (step.facts.is_arp)
			writer.take(step, "h");
	EXPECT_GE(writer.frames(), 2u);
	writer.write(out);
	std::string data = out.str();
	for (std::size_t at = 0; at + 8 <= data.size();) {
		std::uint32_t block[2];

		std::memcpy(block, data.data() + at, sizeof(block));
		if (block[0] == 1) { /* an interface: its name is the first option, 4 octets long */
			devices++;
			EXPECT_EQ(data.substr(at + 20, 4), "h:e0");
		}
		ASSERT_GE(block[1], 12u);
		at += block[1];
	}
	EXPECT_EQ(devices, 1u);
}

TEST(page, nothing_from_the_network_can_leave_its_element)
{
	page_writer page(0);
	follower follow;
	std::ostringstream out;
	trace_event event;

	event.name = "edu_new";
	event.fields = {{"what", "</script><script>alert(1)</script>"}};
	page.take(follow.follow(event), "<b>");
	page.write(out, follow);
	std::string text = out.str();
	EXPECT_EQ(text.find("alert(1)</script>"), std::string::npos);
	EXPECT_NE(text.find("\\u003c/script>"), std::string::npos);
	for (const char *outside : {"http://", "https://", "src=", "@import", "url("})
		EXPECT_TRUE(text.find(outside) == text.npos ||
			    text.substr(text.find(outside), 26) == "http://www.w3.org/2000/svg")
			<< outside;
}
