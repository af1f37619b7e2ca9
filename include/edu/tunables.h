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
	X(arp_locktime_ms,           1000,  0, 600000,   "a hardware address is kept for this long, whatever other answers come (as Linux: of several proxies the first); 0: the last answer counts") \
	X(arp_probe_wait_ms,         1000,  0, 600000,   "conf/DEVICE/arp_probe: the first probe within this (RFC 5227: PROBE_WAIT)") \
	X(arp_probe_num,                3,  1, 100,      "probes for a new address (RFC 5227: PROBE_NUM)") \
	X(arp_probe_min_ms,          1000, 10, 600000,   "least time between two of them (RFC 5227: PROBE_MIN)") \
	X(arp_probe_max_ms,          2000, 10, 600000,   "greatest (RFC 5227: PROBE_MAX)") \
	X(arp_announce_wait_ms,      2000, 10, 600000,   "from the last probe to the first announcement, and from that to the second (RFC 5227: ANNOUNCE_WAIT, ANNOUNCE_INTERVAL)") \
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
	X(icmp_unreach_burst,          80,  1, 100000,   "unreachables that may go out at once (2.0: 80 in 4 s); path MTU discovery has no limit") \
	X(icmp_unreach_interval_ms,   250,  0, 60000,    "spacing of unreachables past the burst (2.0: 0.25 s); 0: no limit") \
	X(icmp_error_burst,            30,  1, 100000,   "other errors that may go out at once (2.0: 30 in 3 s)") \
	X(icmp_error_interval_ms,     250,  0, 60000,    "spacing of other errors past the burst; 0: no limit") \
	X(igmp_max_memberships,        20,  0, 65536,    "most groups a socket may be a member of (ip(7))") \
	X(igmp_max_msf,                10,  0, 60,       "most sources in the filter of one membership") \
	X(igmp_max_groups,           1024,  1, 65536,    "most groups an interface may belong to") \
	X(igmp_unsolicited_interval_ms, 10000, 1, 600000, "a join is reported again within this (RFC 2236 8.10)") \
	X(igmp_robustness,              2,  1, 100,      "how often a join is reported (RFC 2236 8.1)") \
	X(igmp_v1_router_timeout_ms, 400000, 1, 86400000, "version 1 is spoken so long after a version 1 query (RFC 2236 8.11)") \
	X(somaxconn,                 4096,  1, 65535,    "most connections that may wait for accept (2.0: SOMAXCONN 128)") \
	X(tcp_max_syn_backlog,       1024,  1, 1048576,  "most half-open connections of a listener; then SYN cookies or nothing") \
	X(tcp_syncookies,               1,  0, 2,        "0: never; 1: when the backlog is full; 2: always (RFC 4987)") \
	X(tcp_abort_on_overflow,        0,  0, 1,        "a full backlog resets a connection that has completed instead of waiting") \
	X(tcp_syn_retries,              7,  1, 127,      "SYNs sent again before connect() gives up (RFC 9293: 3 minutes at least)") \
	X(tcp_synack_retries,           5,  0, 127,      "SYN-ACKs sent again before a half-open connection is given up") \
	X(tcp_retries1,                 3,  1, 127,      "retransmissions before another route is tried (R1; 2.0: 7)") \
	X(tcp_retries2,                15,  1, 127,      "retransmissions before the connection is given up (R2; 2.0: 15)") \
	X(tcp_orphan_retries,           8,  1, 127,      "the same for one that no program has any more") \
	X(tcp_max_orphans,          65536,  0, 1048576,  "most connections without a program; then they are reset") \
	X(tcp_fin_timeout_ms,       60000, 10, 86400000, "FIN-WAIT-2 without a program ends after this (2.0: 180 s)") \
	X(tcp_time_wait_ms,         60000, 10, 86400000, "TIME-WAIT, twice the maximum segment life (2.0: TCP_TIMEWAIT_LEN)") \
	X(tcp_max_tw_buckets,       65536,  0, 4194304,  "most records in TIME-WAIT; beyond it connections close at once") \
	X(tcp_tw_reuse,                 1,  0, 1,        "connect() may take the ports of a connection in TIME-WAIT if timestamps tell them apart (RFC 6191)") \
	X(tcp_keepalive_time_ms,  7200000, 10, 4294967295u, "SO_KEEPALIVE: idle for this long before the first probe (RFC 9293: 2 h)") \
	X(tcp_keepalive_intvl_ms,   75000, 10, 86400000, "between probes") \
	X(tcp_keepalive_probes,         9,  1, 127,      "unanswered probes before the connection is given up") \
	X(tcp_rto_init_ms,           1000, 10, 60000,    "retransmission timeout before the first measurement (RFC 6298; 2.0: 3 s)") \
	X(tcp_rto_min_ms,             200,  5, 60000,    "least retransmission timeout (2.0: 0.2 s; RFC 6298: SHOULD 1 s)") \
	X(tcp_rto_max_ms,          120000, 100, 3600000, "greatest (2.0: 120 s)") \
	X(tcp_delack_min_ms,           40,  1, 500,      "least delay of an acknowledgement") \
	X(tcp_delack_max_ms,          200,  1, 499,      "greatest (RFC 9293: less than 0.5 s)") \
	X(tcp_initial_cwnd,            10,  1, 1000,     "segments that may be under way at the start (RFC 6928; 2.0: 1)") \
	X(tcp_reordering,               3,  1, 300,      "segments by which one may be overtaken before it counts as lost (RFC 5681)") \
	X(tcp_max_reordering,         300,  1, 10000,    "to which that may grow when the network is seen to reorder") \
	X(tcp_congestion,               1,  0, 1,        "congestion control of new sockets: 0 reno, 1 cubic") \
	X(tcp_sack,                     1,  0, 1,        "selective acknowledgement (RFC 2018)") \
	X(tcp_dsack,                    1,  0, 1,        "and of duplicates (RFC 2883)") \
	X(tcp_recovery,                 1,  0, 1,        "loss is also told by time (RACK, RFC 8985)") \
	X(tcp_timestamps,               1,  0, 1,        "timestamps and PAWS (RFC 7323)") \
	X(tcp_window_scaling,           1,  0, 1,        "windows beyond 64 KiB (RFC 7323)") \
	X(tcp_slow_start_after_idle,    1,  0, 1,        "after an RTO without traffic the window starts anew (RFC 5681 4.1)") \
	X(tcp_rfc1337,                  0,  0, 1,        "a RST does not end TIME-WAIT (RFC 1337)") \
	X(tcp_challenge_ack_limit,   1000,  1, 4294967295u, "challenge ACKs of the host in a second (RFC 5961)") \
	X(tcp_invalid_ratelimit_ms,   500,  0, 60000,    "a connection answers bad segments with an ACK at most once in this") \
	X(tcp_moderate_rcvbuf,          1,  0, 1,        "receive buffers grow as needed") \
	X(tcp_rmem_min,              4096, 256, 2147483647u, "receive buffer, octets: under memory pressure, …") \
	X(tcp_rmem_default,        131072, 256, 2147483647u, "… at first, …") \
	X(tcp_rmem_max,           6291456, 256, 2147483647u, "… and at most") \
	X(tcp_wmem_min,              4096, 256, 2147483647u, "send buffer, octets: under memory pressure, …") \
	X(tcp_wmem_default,         16384, 256, 2147483647u, "… at first, …") \
	X(tcp_wmem_max,           4194304, 256, 2147483647u, "… and at most") \
	X(tcp_notsent_lowat,   4294967295u, 0, 4294967295u, "writable only while fewer octets than this have not been sent") \
	X(tcp_min_snd_mss,             48, 36, 1460,     "least size of a segment, whatever the peer or ICMP say") \
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
	X(somaxconn)                                                                               \
	X(tcp_max_syn_backlog)                                                                     \
	X(tcp_max_orphans)                                                                         \
	X(tcp_max_tw_buckets)                                                                      \
	X(tcp_rmem_max)                                                                            \
	X(tcp_wmem_max)                                                                            \
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
