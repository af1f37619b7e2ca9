// SPDX-License-Identifier: GPL-2.0-only
/*
 * fib_netlink: the routing table of a kernel's stack, with as many routes as asked, by rtnetlink.
 *
 * One program for both stacks: the address family is an argument, all else is the same messages in
 * the same order. Routes are added and deleted in batches; a look-up is RTM_GETROUTE with
 * RTM_F_FIB_MATCH, which asks the tables themselves, behind any cache. Its time is that of a system
 * call each way and of the answer's making too: the same look-ups with a table of one route tell how
 * much. Requirement ROUTE-2.
 *
 * Prints one JSON object: nanoseconds for each of: add, lookup, miss, delete; lookup_in_one.
 * Exit status 1 when a route could not be added or an answer is not the right one.
 */
#include "bench.hh"
#include "prefixes.hh"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <net/if.h>

using namespace bench;

namespace {

struct plan {
	int family = AF_INET;
	std::string netns, device, gateway;
	unsigned int routes = 1000000;
	unsigned int lookups = 20000;
	unsigned int ifindex = 0; /* of device */
	in_addr_t next_hop = 0;	  /* gateway, network byte order */
};

/* Requests and answers of rtnetlink, many requests in one message to the kernel. */
class netlink {
public:
	netlink() : socket_{mnl_socket_open(NETLINK_ROUTE)}
	{
		if (!socket_ || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID))
			fail("rtnetlink");
	}
	~netlink() { mnl_socket_close(socket_); }
	netlink(const netlink &) = delete;
	netlink &operator=(const netlink &) = delete;

	/* A change of one route; sent when the batch is full, or by flush(). */
	void change(const plan &p, int type, const prefixes::prefix &to)
	{
		nlmsghdr *message = mnl_nlmsg_put_header(batch_ + used_);

		message->nlmsg_type = static_cast<unsigned short>(type);
		message->nlmsg_flags = NLM_F_REQUEST;
		if (type == RTM_NEWROUTE)
			message->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
		fill(p, message, to.address, to.length);
		mnl_attr_put_u32(message, RTA_GATEWAY, p.next_hop);
		mnl_attr_put_u32(message, RTA_OIF, p.ifindex);
		used_ += message->nlmsg_len;
		last_ = message;
		if (used_ > sizeof(batch_) - 256)
			flush();
	}

	/* The kernel acknowledges the last of a batch; of the others it tells errors alone. */
	void flush()
	{
		if (!used_)
			return;
		last_->nlmsg_flags |= NLM_F_ACK;
		send(batch_, used_);
		used_ = 0;
		expect_success();
	}

	/* Is there a route to the address? */
	bool matches(const plan &p, std::uint32_t address)
	{
		nlmsghdr *message = mnl_nlmsg_put_header(batch_);

		message->nlmsg_type = RTM_GETROUTE;
		message->nlmsg_flags = NLM_F_REQUEST;
		fill(p, message, address, 32)->rtm_flags = RTM_F_FIB_MATCH;
		send(message, message->nlmsg_len);
		receive();
		return reinterpret_cast<nlmsghdr *>(answer_)->nlmsg_type == RTM_NEWROUTE;
	}

private:
	static rtmsg *fill(const plan &p, nlmsghdr *message, std::uint32_t address,
			   std::uint8_t length)
	{
		auto *route =
			static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));

		route->rtm_family = static_cast<unsigned char>(p.family);
		route->rtm_dst_len = length;
		route->rtm_table = RT_TABLE_MAIN;
		route->rtm_protocol = RTPROT_STATIC;
		route->rtm_type = RTN_UNICAST;
		mnl_attr_put_u32(message, RTA_DST, htonl(address));
		return route;
	}

	void send(const void *data, std::size_t size)
	{
		if (mnl_socket_sendto(socket_, data, size) < 0)
			fail("sendto");
	}

	long receive()
	{
		long size = mnl_socket_recvfrom(socket_, answer_, sizeof(answer_));

		if (size <= 0)
			fail("recvfrom");
		return size;
	}

	void expect_success()
	{
		receive();
		auto *message = reinterpret_cast<nlmsghdr *>(answer_);
		auto *error = static_cast<nlmsgerr *>(mnl_nlmsg_get_payload(message));

		if (message->nlmsg_type != NLMSG_ERROR || error->error) {
			errno = -error->error;
			fail("a route");
		}
	}

	mnl_socket *socket_;
	alignas(nlmsghdr) char batch_[16384];
	alignas(nlmsghdr) char answer_[16384];
	std::size_t used_ = 0;
	nlmsghdr *last_ = nullptr;
};

/* Nanoseconds for each of @count. */
template <typename function>
double each(std::size_t count, function work)
{
	auto begun = std::chrono::steady_clock::now();

	work();
	return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begun)
		       .count() /
	       static_cast<double>(count);
}

void change_all(netlink &rt, const plan &p, int type, const std::vector<prefixes::prefix> &table)
{
	for (const prefixes::prefix &one : table)
		rt.change(p, type, one);
	rt.flush();
}

double look_up(netlink &rt, const plan &p, const std::vector<std::uint32_t> &addresses, bool found)
{
	return each(addresses.size(), [&] {
		for (std::uint32_t address : addresses)
			if (rt.matches(p, address) != found)
				throw std::runtime_error("not the answer that the table gives");
	});
}

void measure(const plan &p)
{
	prefixes::generator make;
	const std::vector<prefixes::prefix> table = make.table(p.routes);
	const std::vector<std::uint32_t> known = make.zipf(p.lookups, table);
	std::vector<std::uint32_t> unknown = make.misses(p.lookups);
	netlink rt;

	for (std::uint32_t &address :
	     unknown) /* groups are no matter of the table: into 10.128/9 */
		address = 0x0a800000 | (address & 0x7fffff);
	change_all(rt, p, RTM_NEWROUTE, {{0x0b000000, 8}});
	double alone = look_up(rt, p, std::vector<std::uint32_t>(p.lookups, 0x0b010203), true);
	change_all(rt, p, RTM_DELROUTE, {{0x0b000000, 8}});
	double add = each(table.size(), [&] { change_all(rt, p, RTM_NEWROUTE, table); });
	double hit = look_up(rt, p, known, true);
	double miss = look_up(rt, p, unknown, false);
	double del = each(table.size(), [&] { change_all(rt, p, RTM_DELROUTE, table); });

	std::printf("{\"lookup_in_one\": %.1f, \"add\": %.1f, \"lookup\": %.1f, \"miss\": %.1f, "
		    "\"delete\": %.1f}\n",
		    alone, add, hit, miss, del);
}

} // namespace

int main(int argc, char **argv)
{
	CLI::App app{"A routing table by rtnetlink: adding, looking up, deleting"};
	plan p;

	app.add_option("--family", p.family, "2: Linux's, 13: EDUINET's");
	app.add_option("--netns", p.netns)->required();
	app.add_option("--device", p.device)->required();
	app.add_option("--gateway", p.gateway, "on the device's link")->required();
	app.add_option("--routes", p.routes);
	app.add_option("--lookups", p.lookups);
	return measured(app, argc, argv, "fib_netlink", [&] {
		enter(p.netns);
		p.ifindex = if_nametoindex(p.device.c_str());
		p.next_hop = inet_addr(p.gateway.c_str());
		measure(p);
	});
}
