// SPDX-License-Identifier: GPL-2.0-only
/*
 * All tests, in the order of the core's layers, and the table by which the homes run them.
 *
 * core.cc includes this file at its end when EDU_KUNIT is set: the tests see all of the core, and
 * core and tests stay one translation unit. edu_tests.inc is made by scripts/gen-tests from the
 * files below; a file left out here shows as an undefined symbol when linking.
 *
 * Locking: none. Tests run one after the other, in process context.
 */
#include "test.hh"

/* base/ */
#include "base_endian_test.cc"
#include "base_result_test.cc"
#include "base_atomic_test.cc"
#include "base_list_test.cc"
#include "base_hash_table_test.cc"
#include "base_seq_test.cc"
#include "base_checksum_test.cc"
#include "base_siphash_test.cc"
#include "base_rate_limit_test.cc"

/* wire/ */
#include "wire_eth_test.cc"
#include "wire_arp_test.cc"
#include "wire_ipv4_test.cc"
#include "wire_ipv4_options_test.cc"
#include "wire_icmp_test.cc"
#include "wire_igmp_test.cc"
#include "wire_udp_test.cc"
#include "wire_tcp_test.cc"

/* transport/ and inet/ */
#include "inet_af_inet_test.cc"
#include "inet_options_test.cc"
#include "sock_cork_test.cc"
#include "transport_udp_hash_test.cc"
#include "transport_udp_test.cc"
#include "transport_raw_test.cc"
#include "transport_packet_test.cc"
#include "transport_tcp_congestion_test.cc"
#include "transport_tcp_sack_test.cc"
#include "transport_tcp_recovery_test.cc"
#include "transport_tcp_hash_test.cc"
#include "transport_tcp_isn_test.cc"
#include "transport_tcp_listen_test.cc"
#include "transport_tcp_output_test.cc"
#include "transport_tcp_timer_test.cc"
#include "transport_tcp_input_test.cc"
#include "transport_tcp_data_test.cc"
#include "transport_tcp_window_test.cc"

/* link/ */
#include "link_interface_test.cc"
#include "link_arp_test.cc"
#include "link_arp_proxy_test.cc"
#include "link_arp_probe_test.cc"
#include "link_rarp_test.cc"

/* ip/ */
#include "ip_fib_test.cc"
#include "ip_rt_cache_test.cc"
#include "ip_input_test.cc"
#include "ip_output_test.cc"
#include "ip_fragment_test.cc"
#include "ip_pmtu_test.cc"
#include "ip_icmp_test.cc"
#include "ip_multicast_test.cc"
#include "ip_igmp_test.cc"
#include "ip_forward_test.cc"
#include "ip_redirect_test.cc"

/* all layers together */
#include "world_test.cc"

/* The table */
#define X(suite, name, requirements) extern "C" void edu_test_##suite##_##name(void);
#include "edu_tests.inc"
#undef X

const struct edu_test_case edu_test_cases[] = {
#define X(suite, name, requirements) {#suite, #name, requirements, edu_test_##suite##_##name},
#include "edu_tests.inc"
#undef X
};
const unsigned int edu_test_case_count = sizeof(edu_test_cases) / sizeof(edu_test_cases[0]);
