// SPDX-License-Identifier: GPL-2.0-only
/* Messages of the Domain Name System: queries and answers, and answers that are damaged. */
#include "../dns.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

using namespace edu::wrap::dns;

namespace {

using octets = std::vector<std::uint8_t>;

octets query(const char *name, type wanted = a)
{
	octets made(512);

	made.resize(make_query(made, 0x1234, name, wanted));
	return made;
}

void put16(octets &into, unsigned value)
{
	into.push_back(static_cast<std::uint8_t>(value >> 8));
	into.push_back(static_cast<std::uint8_t>(value));
}

void put_name(octets &into, const std::string &name)
{
	octets whole = query(name.c_str());

	into.insert(into.end(), whole.begin() + 12, whole.end() - 4);
}

/* The query made an answer with so many records to follow. */
octets answer_to(octets asked, unsigned records, unsigned flags = 0x8180)
{
	asked[2] = static_cast<std::uint8_t>(flags >> 8);
	asked[3] = static_cast<std::uint8_t>(flags);
	asked[7] = static_cast<std::uint8_t>(records);
	return asked;
}

/* A record whose owner is the question's name, by a pointer, or `owner`. */
void put_record(octets &into, unsigned kind, const octets &data, const char *owner = nullptr,
		unsigned seconds = 300)
{
	if (owner)
		put_name(into, owner);
	else
		put16(into, 0xc00c);
	put16(into, kind);
	put16(into, 1);
	put16(into, 0);
	put16(into, seconds);
	put16(into, static_cast<unsigned>(data.size()));
	into.insert(into.end(), data.begin(), data.end());
}

} // namespace

TEST(dns, a_query_is_as_rfc_1035_writes_it)
{
	octets made = query("www.lab");
	octets wanted = {0x12, 0x34, 1,	  0, 0,	  1,   0,   0, 0, 0, 0, 0, 3,
			 'w',  'w',  'w', 3, 'l', 'a', 'b', 0, 0, 1, 0, 1};

	EXPECT_EQ(made, wanted);
	EXPECT_EQ(query("www.lab."), wanted);
}

TEST(dns, names_that_are_none)
{
	for (const auto &name :
	     {std::string(""), std::string("."), std::string("a..b"), std::string(".a"),
	      std::string(64, 'x') + ".lab", std::string(254, 'x')})
		EXPECT_TRUE(query(name.c_str()).empty()) << name;
	std::string longest;
	for (int i = 0; i < 127; i++)
		longest += "a.";
	EXPECT_FALSE(query(longest.c_str()).empty());
	EXPECT_TRUE(query(("a." + longest).c_str()).empty());
	octets small(20);
	EXPECT_EQ(make_query(small, 1, "www.lab", a), 0U);
}

TEST(dns, addresses_behind_an_alias)
{
	octets asked = query("www.lab"), target;
	octets packet = answer_to(asked, 4);
	answer told;

	put_name(target, "web.lab");
	put_record(packet, cname, target, nullptr, 60);
	put_record(packet, a, {10, 0, 0, 1}, "WEB.lab");
	put_record(packet, a, {10, 0, 0, 2}, "web.lab", 30);
	put_record(packet, 16, {1, 'x'}, "web.lab"); /* a TXT that nobody asked for */
	ASSERT_EQ(read_answer(packet, asked, told), verdict::answered);
	EXPECT_STREQ(told.name, "web.lab");
	ASSERT_EQ(told.count, 2U);
	EXPECT_EQ(told.addresses[1][3], 2);
	EXPECT_EQ(told.seconds, 30U);
}

TEST(dns, an_answer_of_any_type_is_judged)
{
	octets asked = query("www.lab", static_cast<type>(16));
	octets packet = answer_to(asked, 1);

	put_record(packet, 16, {1, 'x'});
	EXPECT_EQ(judge_answer(packet, asked), verdict::answered);
	EXPECT_EQ(judge_answer(answer_to(asked, 0, 0x8183), asked), verdict::answered)
		<< "no such name";
	EXPECT_EQ(judge_answer(answer_to(asked, 0, 0x8182), asked), verdict::try_other);
	EXPECT_EQ(judge_answer(answer_to(asked, 0, 0x8380), asked), verdict::truncated);
	EXPECT_EQ(judge_answer(asked, asked), verdict::not_ours);
	EXPECT_EQ(judge_answer(answer_to(query("www.lab"), 1), asked), verdict::not_ours);
	packet[1]++;
	EXPECT_EQ(judge_answer(packet, asked), verdict::not_ours);
	EXPECT_EQ(judge_answer({packet.data(), 11}, asked), verdict::not_ours);
}

TEST(dns, a_name_for_an_address)
{
	octets asked = query("1.0.0.10.in-addr.arpa", ptr), target;
	octets packet = answer_to(asked, 1);
	answer told;

	put_name(target, "web.lab");
	put_record(packet, ptr, target);
	ASSERT_EQ(read_answer(packet, asked, told), verdict::answered);
	EXPECT_STREQ(told.name, "web.lab");
}

TEST(dns, what_servers_say_instead)
{
	octets asked = query("www.lab");
	answer told;

	EXPECT_EQ(read_answer(answer_to(asked, 0), asked, told), verdict::no_data);
	EXPECT_EQ(read_answer(answer_to(asked, 0, 0x8183), asked, told), verdict::no_name);
	EXPECT_EQ(read_answer(answer_to(asked, 0, 0x8182), asked, told), verdict::try_other);
	EXPECT_EQ(read_answer(answer_to(asked, 0, 0x8185), asked, told), verdict::try_other);
	EXPECT_EQ(read_answer(answer_to(asked, 0, 0x8380), asked, told), verdict::truncated);
}

TEST(dns, what_does_not_answer_our_question)
{
	octets asked = query("www.lab"), other = query("wwx.lab");
	answer told;

	EXPECT_EQ(read_answer(asked, asked, told), verdict::not_ours); /* a query */
	EXPECT_EQ(read_answer(answer_to(other, 0), asked, told), verdict::not_ours);
	EXPECT_EQ(read_answer(answer_to(query("www.lab", aaaa), 0), asked, told),
		  verdict::not_ours);
	other = answer_to(asked, 0);
	other[1] ^= 1;
	EXPECT_EQ(read_answer(other, asked, told), verdict::not_ours);
	/* Records of another name are passed over. */
	octets packet = answer_to(asked, 1);
	put_record(packet, a, {10, 0, 0, 1}, "evil.lab");
	EXPECT_EQ(read_answer(packet, asked, told), verdict::no_data);
}

TEST(dns, more_addresses_than_there_is_room_for)
{
	octets asked = query("www.lab");
	octets packet = answer_to(asked, 200);
	answer told;

	for (int i = 0; i < 200; i++)
		put_record(packet, a, {10, 0, 0, static_cast<std::uint8_t>(i)});
	EXPECT_EQ(read_answer(packet, asked, told), verdict::answered);
	EXPECT_EQ(told.count, answer::most);
}

TEST(dns, a_damaged_answer_is_no_answer)
{
	octets asked = query("www.lab"), loop = answer_to(asked, 1), cut;
	octets whole = answer_to(asked, 2), target;
	answer told;

	put16(loop, 0xc000 | static_cast<unsigned>(loop.size())); /* a name that points to itself */
	EXPECT_EQ(read_answer(loop, asked, told), verdict::not_ours);
	put_name(target, "web.lab");
	put_record(whole, cname, target);
	put_record(whole, a, {10, 0, 0, 1}, "web.lab");
	for (std::size_t size = 0; size < whole.size(); size++) {
		cut.assign(whole.begin(), whole.begin() + static_cast<long>(size));
		EXPECT_EQ(read_answer(cut, asked, told), verdict::not_ours) << size;
	}
	octets odd = answer_to(asked, 1);
	put_record(odd, a, {10, 0, 0});
	EXPECT_EQ(read_answer(odd, asked, told), verdict::not_ours);
	/* Any octet wrong: whatever is said, nothing is read past the end (AddressSanitizer). */
	std::mt19937 chance(1);
	for (int i = 0; i < 20000; i++) {
		octets bad = whole;
		bad[chance() % bad.size()] = static_cast<std::uint8_t>(chance());
		bad[chance() % bad.size()] = static_cast<std::uint8_t>(chance());
		octets exact(bad.begin(), bad.end());
		read_answer(exact, asked, told);
		EXPECT_LE(told.count, answer::most);
	}
}
