/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every setting of an interface: /proc/sys/net/eduinet/conf/DEVICE/NAME, as Linux has them for IPv4
 * under net/ipv4/conf.
 *
 * Two more folders stand for no device: conf/default is what an interface starts with, conf/all is
 * combined with the interface's own value by the setting's rule:
 *
 *   own      only the interface's value counts; writing conf/all writes every interface's and
 *            conf/default's too
 *   either   on when either is on
 *   both     on when both are on
 *   greater  the greater of the two
 *   routers  both, on an interface that forwards; either, on one that does not
 *
 * EDU_IFACE_TUNABLES(X) expands X(name, default, least, most, rule, meaning).
 */
#ifndef _EDU_IFACE_TUNABLES_H
#define _EDU_IFACE_TUNABLES_H

/* clang-format off */
#define EDU_IFACE_TUNABLES(X) \
	X(forwarding,          0, 0, 1, own,     "packets that come in here for other hosts are forwarded (RFC 1812); conf/all is ip_forward") \
	X(bc_forwarding,       0, 0, 1, both,    "a directed broadcast that comes in here is forwarded (RFC 2644: off)") \
	X(rp_filter,           0, 0, 2, greater, "reverse path filter (RFC 3704): 0 off, 1 strict (the way back must leave by this interface), 2 loose (there must be a way back)") \
	X(accept_redirects,    1, 0, 1, routers, "ICMP redirects change the route cache (RFC 1122: hosts do, routers do not)") \
	X(secure_redirects,    0, 0, 1, either,  "only redirects to a gateway that the routing table names (Linux has 1, which its shared_media overrides)") \
	X(shared_media,        0, 0, 1, either,  "several subnets share the cable (RFC 1620): redirects to any other host there are sent and believed; overrides secure_redirects (Linux: 1)") \
	X(send_redirects,      1, 0, 1, either,  "a forwarded packet that leaves where it came in tells its sender the shorter way") \
	X(accept_source_route, 0, 0, 1, both,    "packets with a source route are accepted (RFC 7126: refused)") \
	X(proxy_arp,           0, 0, 1, either,  "requests for hosts that a route leads to by another interface are answered (RFC 1027)") \
	X(arp_probe,           0, 0, 1, either,  "a new address is asked for by ARP first, and not used if another station has it (RFC 5227 2.1)") \
	X(exclusive,           0, 0, 1, either,  "IPv4, ARP and RARP frames of this device are EDUINET's alone: Linux's own stack does not see them")
/* clang-format on */

/* The index of a setting in the array that edu_core_iface_tunables() returns. */
enum edu_iface_tunable {
#define EDU_IFACE_TUNABLE_ENUM(name, value, least, most, rule, text) EDU_IFACE_##name,
	EDU_IFACE_TUNABLES(EDU_IFACE_TUNABLE_ENUM)
#undef EDU_IFACE_TUNABLE_ENUM
		EDU_IFACE_TUNABLE_COUNT
};

#endif /* _EDU_IFACE_TUNABLES_H */
