// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of the stack: protocols[], and hosts.
 *
 * TLK "The BSD Socket Interface": protocols, "the table of each protocol's name and initialisation
 * routine", is walked when the stack starts (BSD-1). Here each entry has the way back too, and a
 * second pair of routines for each host (network namespace) that comes to life. Both walks undo in
 * reverse what had succeeded when one fails.
 *
 * Locking: process context; once per module, and per host before anybody knows of it or after
 * everybody has forgotten it.
 */
#include "ip/igmp.hh"
#include "stack.hh"
#include "transport/packet.hh"
#include "transport/raw.hh"
#include "transport/tcp.hh"
#include "transport/udp.hh"

namespace edu {

/* One layer. A null routine has nothing to do. */
struct protocol_layer {
	const char *name;
	int (*init)(); /* for the module: 0 or a negative errno */
	void (*exit)();
	result<void> (*host_init)(edu_stack &host); /* for each host */
	void (*host_close)(
		edu_stack &host); /* stops timers and work, lets go of what it refers to */
	void (*host_exit)(edu_stack &host); /* frees the rest, once RCU has settled */
};

static constinit const protocol_layer protocols[] = {
	{"interface", nullptr, nullptr, interface_host_init, nullptr, interface_host_exit},
	{"ARP", nullptr, nullptr, arp_host_init, arp_host_close, arp_host_exit},
	{"RARP", nullptr, nullptr, rarp_host_init, rarp_host_close, rarp_host_exit},
	{"FIB", nullptr, nullptr, fib_host_init, fib_host_close, fib_host_exit},
	{"route cache", nullptr, nullptr, rt_cache_host_init, rt_cache_host_close,
	 rt_cache_host_exit},
	{"IP", ip_init, ip_exit, ip_host_init, nullptr, ip_host_exit},
	{"IP fragments", nullptr, nullptr, frag_host_init, frag_host_close, frag_host_exit},
	{"ICMP", nullptr, nullptr, icmp_host_init, nullptr, nullptr},
	{"IGMP", igmp_init, igmp_exit, multicast_host_init, nullptr, multicast_host_exit},
	{"memberships", nullptr, nullptr, membership_host_init, nullptr, membership_host_exit},
	{"UDP", udp_init, udp_exit, [](edu_stack &host) { return host.udp.init(); }, nullptr,
	 nullptr},
	{"TCP", tcp_init, tcp_exit, tcp_host_init, tcp_host_close, tcp_host_exit},
	{"RAW", raw_init, raw_exit, [](edu_stack &host) { return host.raw.init(); }, nullptr,
	 nullptr},
	{"PING", ping_init, ping_exit, nullptr, nullptr, nullptr},
	{"PACKET", nullptr, nullptr, [](edu_stack &host) { return host.packet.init(); }, nullptr,
	 nullptr},
};

static constexpr unsigned int protocol_count = std::size(protocols);

/* The defaults of every tunable. */
static constexpr u32 tunable_defaults[] = {
#define EDU_TUNABLE_DEFAULT(name, value, least, most, text) value,
	EDU_TUNABLES(EDU_TUNABLE_DEFAULT)
#undef EDU_TUNABLE_DEFAULT
};

static void exit_down_from(unsigned int i)
{
	while (i-- > 0)
		if (protocols[i].exit)
			protocols[i].exit();
}

static void host_close_down_from(edu_stack &host, unsigned int i)
{
	while (i-- > 0)
		if (protocols[i].host_close)
			protocols[i].host_close(host);
}

static void host_exit_down_from(edu_stack &host, unsigned int i)
{
	while (i-- > 0)
		if (protocols[i].host_exit)
			protocols[i].host_exit(host);
}

} // namespace edu

using namespace edu;

int edu_core_init()
{
	for (unsigned int i = 0; i < protocol_count; i++) {
		int error = protocols[i].init ? protocols[i].init() : 0;

		if (error) {
			exit_down_from(i);
			return error;
		}
	}
	return 0;
}

void edu_core_exit()
{
	exit_down_from(protocol_count);
	edu_k_rcu_barrier();
}

const char *edu_core_protocol_name(unsigned int i)
{
	return i < protocol_count ? protocols[i].name : nullptr;
}

edu_stack *edu_core_stack_new(edu_net *net)
{
	owner<edu_stack> host = make<edu_stack>(gfp::kernel);

	if (!host)
		return nullptr;
	host->net = net;
	host->key = {u64{edu_k_random()} << 32 | edu_k_random(),
		     u64{edu_k_random()} << 32 | edu_k_random()};
	for (unsigned int i = 0; i < EDU_TUNABLE_COUNT; i++)
		host->tunables[i] = tunable_defaults[i];
	for (unsigned int i = 0; i < protocol_count; i++) {
		if (!protocols[i].host_init || protocols[i].host_init(*host).ok())
			continue;
		host_close_down_from(*host, i);
		edu_core_stacks_settle();
		host_exit_down_from(*host, i);
		return nullptr;
	}
	return host.release();
}

void edu_core_stack_close(edu_stack *stack)
{
	host_close_down_from(*stack, protocol_count);
}

void edu_core_stacks_settle()
{
	edu_k_synchronize_rcu(); /* timers that ended what they belong to are through */
	/* An rtable lets go of a fib_info and a neighbour, those of an interface: three callbacks in
	 * turn. */
	for (int chain = 0; chain < 3; chain++)
		edu_k_rcu_barrier();
}

void edu_core_stack_free(edu_stack *stack)
{
	host_exit_down_from(*stack, protocol_count);
	destroy(stack);
}

edu_u32 *edu_core_tunables(edu_stack *stack)
{
	return stack->tunables;
}
