// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a network namespace is to the core: counters, traces, announcements.
 *
 * Every drop that is counted is also checked: its name must begin with Drop. The trace ring keeps
 * the order in which a packet passed the layers.
 *
 * Locking: none, a single thread.
 */
#include "home.hh"

#include <cstring>

namespace hosted {

bool privileged = true;
int rtnl_depth;

namespace {

constexpr std::size_t most_traces = 256;
std::vector<edu_trace_point> traces;

const char *const counter_names[] = {
#define COUNTER_NAME(group, name) #name,
	EDU_COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
};

} // namespace
} // namespace hosted

using namespace hosted;

extern "C" {

int edu_k_trace_on = 1;

void edu_k_count(struct edu_net *net, enum edu_counter counter)
{
	net->counters[counter]++;
}

void edu_k_count_add(struct edu_net *net, enum edu_counter counter, edu_u32 amount)
{
	net->counters[counter] += amount;
}

void edu_k_trace_skb(struct edu_net *, enum edu_trace_point point, const struct sk_buff *skb, int)
{
	if (skb->data < skb->head ||
	    skb->data + (skb->len - skb->data_len) != skb->head + skb->tail)
		fault("an sk_buff whose data, len and tail disagree");
	if (traces.size() < most_traces)
		traces.push_back(point);
}

void edu_k_trace_drop(struct edu_net *, enum edu_counter reason, const struct sk_buff *)
{
	if (reason >= EDU_COUNTER_COUNT || std::strncmp(counter_names[reason], "Drop", 4))
		fault("a packet dropped for the reason %d, which is not a Drop counter", reason);
}

void edu_k_trace_route(struct edu_net *, const char *, const char *, edu_be32, edu_be32, int) {}

void edu_k_trace_arp(struct edu_net *, const char *, edu_be32, const edu_u8 *) {}

void edu_k_trace_tcp_state(struct edu_net *, const struct edu_tcp_ends *, int from, int to)
{
	constexpr int first = 1, last = 11; /* TCP_ESTABLISHED, TCP_CLOSING */

	if (from < first || from > last || to < first || to > last || from == to)
		fault("a connection goes from state %d to %d", from, to);
}

void edu_k_trace_tcp_retransmit(struct edu_net *, const struct edu_tcp_ends *, edu_u32, edu_u32,
				const char *)
{
}

void edu_k_trace_tcp_cong(struct edu_net *, const struct edu_tcp_ends *, const char *, edu_u32,
			  edu_u32, edu_u32)
{
}

void edu_k_notify_addr(struct edu_net *net, int, const struct edu_addr_info *)
{
	net->notifications++;
}

void edu_k_notify_routes_missed(struct edu_net *net)
{
	net->notifications++;
}

void edu_k_notify_route(struct edu_net *net, int, const struct edu_route_info *)
{
	net->notifications++;
}

void edu_k_notify_neigh(struct edu_net *net, int, const struct edu_neigh_info *)
{
	net->notifications++;
}

int edu_k_dev_index(struct edu_net *net, const char *name)
{
	auto *host = reinterpret_cast<edu_t_host *>(reinterpret_cast<char *>(net) -
						    offsetof(edu_t_host, net));

	for (const edu_dev *dev : host->devices)
		if (!std::strncmp(dev->info.name, name, sizeof(dev->info.name)))
			return dev->info.ifindex;
	return 0;
}

void edu_t_trace_start(void)
{
	traces.clear();
}

int edu_t_trace_count(void)
{
	return static_cast<int>(traces.size());
}

enum edu_trace_point edu_t_trace_at(int i)
{
	return traces.at(static_cast<std::size_t>(i));
}

edu_u64 edu_t_counter(struct edu_t_host *host, enum edu_counter counter)
{
	return host->net.counters[counter];
}

void edu_t_privileged(int yes)
{
	privileged = yes;
}

} // extern "C"
