// SPDX-License-Identifier: GPL-2.0-only
/* What `edu monitor` tells: monitor.hh; and settings of interfaces: iface_settings.hh. */
#include "failure.hh"
#include "iface_settings.hh"
#include "monitor.hh"
#include "names.hh"
#include "netlink.hh"

#include <gtest/gtest.h>
#include <linux/neighbour.h>

using namespace edu;

namespace {

constexpr int our_family = 13;
const std::chrono::system_clock::time_point never{};

request neighbour(std::uint16_t type, int family)
{
	static const std::uint8_t lladdr[] = {2, 0, 0, 0, 0, 7};
	request made(type, 0);
	auto &header = made.put_header<ndmsg>();

	header.ndm_family = static_cast<unsigned char>(family);
	header.ndm_ifindex = 4711;
	header.ndm_state = NUD_REACHABLE;
	made.put_u32(NDA_DST, parse_address("10.0.0.7"));
	made.put(NDA_LLADDR, lladdr, sizeof(lladdr));
	return made;
}

} // namespace

class monitoring : public testing::Test {
protected:
	void SetUp() override
	{
		ctx.family = our_family;
		remember_device(4711, "e0");
	}

	std::string tell(request &message)
	{
		return tell_change(ctx, w, 0, message.message(), never);
	}

	context ctx;
	monitor_wishes w;
};

TEST_F(monitoring, tells_as_ip_monitor_does)
{
	request added = neighbour(RTM_NEWNEIGH, our_family);
	request deleted = neighbour(RTM_DELNEIGH, our_family);

	EXPECT_EQ(tell(added), "10.0.0.7 dev e0 lladdr 02:00:00:00:00:07 REACHABLE\n");
	w.labels = true;
	EXPECT_EQ(tell(deleted),
		  "[NEIGH]Deleted 10.0.0.7 dev e0 lladdr 02:00:00:00:00:07 REACHABLE\n");
	ctx.json = true;
	EXPECT_EQ(tell(deleted),
		  "{\"event\":\"neigh\",\"deleted\":true,\"dst\":\"10.0.0.7\",\"dev\":\"e0\","
		  "\"lladdr\":\"02:00:00:00:00:07\",\"state\":[\"REACHABLE\"]}\n");
}

TEST_F(monitoring, leaves_out_what_was_not_asked_for)
{
	request linux = neighbour(RTM_NEWNEIGH, AF_INET),
		ours = neighbour(RTM_NEWNEIGH, our_family);

	EXPECT_EQ(tell(linux), "");
	EXPECT_EQ(tell_change(ctx, w, 4712, ours.message(), never), "");
	w.route = true;
	EXPECT_EQ(tell(ours), "");
}

TEST_F(monitoring, messages_cut_short_tell_nothing)
{
	for (std::uint16_t type : {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH}) {
		request cut(type, 0);

		*static_cast<unsigned char *>(mnl_nlmsg_put_extra_header(cut.message(), 1)) =
			type == RTM_NEWLINK ? 0 : our_family;
		EXPECT_EQ(tell(cut), "") << type;
	}
}

TEST_F(monitoring, says_when)
{
	auto when = never + std::chrono::microseconds(86400000123);

	setenv("TZ", "UTC", 1);
	EXPECT_EQ(show_timestamp(when, true), "[1970-01-02T00:00:00.000123] ");
	EXPECT_EQ(show_timestamp(when, false), "Timestamp: Fri Jan  2 00:00:00 1970 123 usec\n");
}

TEST(settings, take_words_and_numbers)
{
	EXPECT_EQ(parse_setting("forwarding", 0, 1, "on"), 1u);
	EXPECT_EQ(parse_setting("forwarding", 0, 1, "0"), 0u);
	EXPECT_EQ(parse_setting("rp_filter", 0, 2, "2"), 2u);
	EXPECT_EQ(parse_setting("rp_filter", 0, 2, "on"), 1u);
	for (const char *bad : {"yes", "2", ""})
		EXPECT_THROW(parse_setting("forwarding", 0, 1, bad), failure) << bad;
	EXPECT_THROW(parse_setting("rp_filter", 0, 2, "3"), failure);
}

TEST(settings, are_shown_by_their_names)
{
	EXPECT_EQ(settings_text({{"forwarding", 1}, {"rp_filter", 0}}),
		  "    forwarding on rp_filter 0\n");
	EXPECT_EQ(settings_text(record::object()), "");
}
