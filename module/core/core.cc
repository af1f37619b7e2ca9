// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core: the whole stack, compiled as one, in the order of its layers. A table of contents.
 *
 * TLK "The Linux Networking Layers" from the bottom to the top: devices and ARP, IP, the sock, the
 * transports, the INET sockets (LAYER-1). One translation unit, because the kernel's linker cannot merge the
 * same inline function from two C++ objects.
 */

/* Which station is where? */
#include "link/interface.cc"
#include "link/ifaddr.cc"
#include "link/arp_table.cc"
#include "link/arp_output.cc"
#include "link/arp_proxy.cc"
#include "link/arp_rcv.cc"
#include "link/arp_probe.cc"
#include "link/arp_config.cc"
#include "link/rarp.cc"

/* Which way? */
#include "ip/fib_zone.cc"
#include "ip/fib.cc"
#include "ip/fib_config.cc"
#include "ip/rt_cache.cc"
#include "ip/route.cc"

/* Packets in and out, and errors about them */
#include "ip/options.cc"
#include "ip/fragment.cc"
#include "ip/multicast.cc"
#include "ip/input.cc"
#include "ip/output.cc"
#include "ip/fragment_output.cc"
#include "ip/forward.cc"
#include "ip/icmp.cc"
#include "ip/icmp_error.cc"
#include "ip/redirect.cc"
#include "ip/igmp.cc"

/* What the protocols of sockets share */
#include "sock/sock.cc"
#include "sock/membership.cc"
#include "sock/membership_options.cc"
#include "sock/options.cc"
#include "sock/cmsg.cc"
#include "sock/datagram.cc"
#include "sock/cork.cc"

/* Which program? */
#include "transport/udp_hash.cc"
#include "transport/udp.cc"
#include "transport/tcp_hash.cc"
#include "transport/tcp_port.cc"
#include "transport/tcp_isn.cc"
#include "transport/tcp_cookie.cc"
#include "transport/tcp_rcv.cc"
#include "transport/tcp_input.cc"
#include "transport/tcp_data.cc"
#include "transport/tcp_collapse.cc"
#include "transport/tcp_window.cc"
#include "transport/tcp_ack.cc"
#include "transport/tcp_sack.cc"
#include "transport/tcp_rack.cc"
#include "transport/tcp_recovery.cc"
#include "transport/tcp_congestion.cc"
#include "transport/tcp_cubic.cc"
#include "transport/tcp_mss.cc"
#include "transport/tcp_transmit.cc"
#include "transport/tcp_output.cc"
#include "transport/tcp_retransmit.cc"
#include "transport/tcp_reply.cc"
#include "transport/tcp_timer.cc"
#include "transport/tcp_listen.cc"
#include "transport/tcp_connect.cc"
#include "transport/tcp_timewait.cc"
#include "transport/tcp_close.cc"
#include "transport/tcp_send.cc"
#include "transport/tcp_receive.cc"
#include "transport/tcp_poll.cc"
#include "transport/tcp_options.cc"
#include "transport/tcp_info.cc"
#include "transport/tcp.cc"
#include "transport/raw.cc"
#include "transport/ping.cc"
#include "transport/packet.cc"

/* What a program sees */
#include "inet/af_inet.cc"

/* All of it together */
#include "protocols.cc"

#ifdef EDU_KUNIT
#include "../../kunit/tests.cc"
#endif
