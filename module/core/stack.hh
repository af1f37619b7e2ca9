// SPDX-License-Identifier: GPL-2.0-only
/*
 * One host: all the tables of one stack, in layer order. A network namespace has one.
 *
 * TLK's tables are global variables of the one host a kernel was; here the same names are members.
 * Each layer's .cc file owns its member; this is the only header that sees all of them.
 */
#pragma once

#include "base/siphash.hh"
#include "edu/bridge.h"
#include "ip/fib.hh"
#include "ip/forward.hh"
#include "ip/fragment.hh"
#include "ip/icmp.hh"
#include "ip/ip.hh"
#include "ip/multicast.hh"
#include "ip/rt_cache.hh"
#include "link/arp.hh"
#include "link/interface.hh"
#include "link/rarp.hh"
#include "sock/membership.hh"
#include "transport/packet.hh"
#include "transport/raw.hh"
#include "transport/tcp.hh"
#include "transport/udp.hh"

/* The bridge's opaque edu_stack. Made by edu_core_stack_new(), lives until edu_core_stack_free(). */
struct edu_stack {
	edu_net *net = nullptr;			   /* the home's part */
	edu::siphash_key key;			   /* seeds every hash; constant */
	edu::u32 tunables[EDU_TUNABLE_COUNT] = {}; /* /proc/sys/net/eduinet; written by the home */

	edu::interface_table interfaces;   /* link: dev_base, addresses */
	edu::arp_state arp;		   /* link: arp_tables */
	edu::rarp_state rarp;		   /* link: the RARP server's table */
	edu::fib_state fib;		   /* ip: fib_zones */
	edu::rt_cache_state rt_cache;	   /* ip: ip_rt_hash_table */
	edu::ip_state ip;		   /* ip: identification counters */
	edu::frag_state frag;		   /* ip: ipqueue */
	edu::icmp_state icmp;		   /* ip: rate limits */
	edu::redirect_state redirects;	   /* ip: those sent of late */
	edu::multicast_state multicast;	   /* ip: groups of interfaces */
	edu::membership_state memberships; /* sock: groups of sockets */
	edu::udp_state udp;		   /* transport: udp_hash */
	edu::tcp_state tcp;		   /* transport: TCP's tables and records in TIME-WAIT */
	edu::raw_state raw;		   /* transport: raw sockets */
	edu::packet_state packet;	   /* transport: packet sockets */

	edu::u32 tune(edu_tunable which) const { return edu::read_once(tunables[which]); }
	void count(edu_counter counter) { edu_k_count(net, counter); }
};
