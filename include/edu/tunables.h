/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every tunable of the stack: /proc/sys/net/eduinet/NAME, one set per network namespace.
 *
 * EDU_TUNABLES(X) expands X(name, default, least, most, unit and meaning). Defaults are Linux
 * 2.0's constants where those still make sense (TLK describes that kernel), so that a lab can
 * turn them down instead of waiting. Values are unsigned; times are milliseconds.
 */
#ifndef _EDU_TUNABLES_H
#define _EDU_TUNABLES_H

/* clang-format off */
#define EDU_TUNABLES(X) \
	X(arp_timeout_ms,           60000, 10, 86400000, "an idle, unused entry older than this goes (2.0: ARP_TIMEOUT)") \
	X(arp_check_interval_ms,    60000, 10, 86400000, "period of the table's clean-up (2.0: ARP_CHECK_INTERVAL)") \
	X(arp_res_time_ms,           1000, 10, 600000,   "wait for an answer before asking again (2.0: 5 s; RFC 1122: at most one request a second)") \
	X(arp_max_tries,                3,  1, 100,      "requests before giving up (2.0: ARP_MAX_TRIES)") \
	X(arp_confirm_interval_ms, 300000, 10, 86400000, "an entry in use is confirmed by unicast after this (2.0: ARP_CONFIRM_INTERVAL)") \
	X(arp_max_pings,                1,  1, 100,      "unicast probes before broadcasting again (2.0: ARP_MAX_PINGS)") \
	X(arp_max_entries,           1024,  4, 1048576,  "most entries in the table, permanent ones aside (2.0: ARP_MAXSIZE 256)") \
	X(arp_max_proxies,           4096,  0, 1048576,  "most proxy entries") \
	X(rarp_max_entries,          1024,  0, 1048576,  "most entries in the RARP server's table") \
	X(arp_queue_len,               64,  1, 1024,     "packets that may wait for one address") \
	X(rt_cache_size,             4096, 16, 4194304,  "most routes in the cache (2.0: 256)") \
	X(rt_cache_timeout_ms,     300000, 10, 86400000, "an unreferenced route idle for this long goes (2.0: RT_CACHE_TIMEOUT)") \
	X(rt_cache_check_interval_ms, 60000, 10, 86400000, "period of the cache's clean-up") \
	X(rt_dead_gateway_ms,       60000,  0, 86400000, "a gateway that failed to answer ARP is passed over for this long (RFC 1122 3.3.1.4)") \
	X(ip_default_ttl,              64,  1, 255,      "TTL of packets sent (RFC 1122 3.2.1.7)") \
	X(ip_local_port_min,        32768,  1, 65535,    "least ephemeral port") \
	X(ip_local_port_max,        60999,  1, 65535,    "greatest ephemeral port") \
	X(ip_frag_time_ms,          30000, 10, 86400000, "wait for the rest of a datagram after each fragment (2.0: IP_FRAG_TIME)") \
	X(ip_frag_life_ms,         120000, 10, 86400000, "longest wait since its first fragment, whatever arrives (RFC 1122 3.3.2)") \
	X(ip_frag_high_thresh,    4194304, 4096, 2147483647u, "octets of memory for waiting fragments; then the oldest go (2.0: 256 KiB)") \
	X(ip_frag_low_thresh,     3145728, 0, 2147483647u, "until so many are left (2.0: 192 KiB)") \
	X(ip_frag_max_queues,        8192,  1, 1048576,  "most datagrams that may wait for fragments") \
	X(min_pmtu,                   552, 68, 65535,    "least path MTU that an ICMP error may ask for; below it packets go without DF") \
	X(mtu_expires_ms,          600000, 10, 86400000, "a path MTU found out is forgotten after this (RFC 1191 6.3)") \
	X(icmp_echo_ignore_all,         0,  0, 1,        "do not answer echo requests") \
	X(icmp_echo_ignore_broadcasts,  1,  0, 1,        "do not answer echo requests sent to a broadcast address") \
	X(icmp_unreach_burst,          80,  1, 100000,   "unreachables that may go out at once (2.0: 80 in 4 s)") \
	X(icmp_unreach_interval_ms,   250,  0, 60000,    "spacing of unreachables past the burst (2.0: 0.25 s); 0: no limit") \
	X(icmp_error_burst,            30,  1, 100000,   "other errors that may go out at once (2.0: 30 in 3 s)") \
	X(icmp_error_interval_ms,     250,  0, 60000,    "spacing of other errors past the burst; 0: no limit") \
	X(igmp_max_memberships,        20,  0, 65536,    "most groups a socket may be a member of (ip(7))") \
	X(igmp_max_msf,                10,  0, 60,       "most sources in the filter of one membership") \
	X(igmp_max_groups,           1024,  1, 65536,    "most groups an interface may belong to") \
	X(igmp_unsolicited_interval_ms, 10000, 1, 600000, "a join is reported again within this (RFC 2236 8.10)") \
	X(igmp_robustness,              2,  1, 100,      "how often a join is reported (RFC 2236 8.1)") \
	X(igmp_v1_router_timeout_ms, 400000, 1, 86400000, "version 1 is spoken so long after a version 1 query (RFC 2236 8.11)") \
	X(ping_group_min,               1,  0, 4294967295u, "least group that may open a ping socket (SOCK_DGRAM, IPPROTO_ICMP)") \
	X(ping_group_max,               0,  0, 4294967295u, "greatest group that may open a ping socket")
/* clang-format on */

/* Those that bound how much of the machine's memory a host may fill: for the machine's administrator to
 * say, so read-only in a namespace of another user. */
#define EDU_MEMORY_TUNABLES(X)                                                                     \
	X(arp_max_entries)                                                                         \
	X(arp_max_proxies)                                                                         \
	X(arp_queue_len)                                                                           \
	X(rarp_max_entries)                                                                        \
	X(rt_cache_size)                                                                           \
	X(ip_frag_high_thresh)                                                                     \
	X(ip_frag_low_thresh)                                                                      \
	X(ip_frag_max_queues)                                                                      \
	X(igmp_max_memberships)                                                                    \
	X(igmp_max_msf)                                                                            \
	X(igmp_max_groups)

/* The index of a tunable in the array that edu_core_tunables() returns. */
enum edu_tunable {
#define EDU_TUNABLE_ENUM(name, value, least, most, text) EDU_TUNE_##name,
	EDU_TUNABLES(EDU_TUNABLE_ENUM)
#undef EDU_TUNABLE_ENUM
		EDU_TUNABLE_COUNT
};

#endif /* _EDU_TUNABLES_H */
