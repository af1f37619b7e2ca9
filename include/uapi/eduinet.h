/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What a program needs to use EDUINET: the address family and its socket address.
 *
 * Everything else is the ABI a program for AF_INET already knows: the options of ip(7), udp(7) and
 * raw(7) with the same numbers and layouts, the interface, route and ARP requests of ioctl(2)
 * (SIOCGIFCONF, SIOCSIFADDR, SIOCADDRT, SIOCSARP, …), and rtnetlink(7) messages whose family is
 * AF_EDUINET. Usable from C and C++.
 */
#ifndef _UAPI_EDUINET_H
#define _UAPI_EDUINET_H

#include <linux/socket.h>
#include <linux/types.h>

/* The number Linux once set aside for NETBEUI and never used. The module's parameter `family`
 * moves it; a program that must follow reads /sys/module/eduinet/parameters/family. */
#define AF_EDUINET 13
#define PF_EDUINET AF_EDUINET

/* An end point. Laid out as struct sockaddr_in, so that a program written for AF_INET needs only
 * another family constant. A program may pass a struct sockaddr_in whose family is AF_EDUINET. */
struct sockaddr_edu {
	__kernel_sa_family_t sedu_family; /* AF_EDUINET */
	__be16 sedu_port;		  /* port, or protocol for SOCK_RAW; network byte order */
	__be32 sedu_addr;		  /* Internet address, network byte order */
	unsigned char sedu_zero[8];	  /* room up to sizeof(struct sockaddr) */
};

/* Attribute of `ip link add … type eduinet`, inside IFLA_INFO_DATA. */
enum {
	IFLA_EDUINET_UNSPEC,
	IFLA_EDUINET_SEGMENT, /* __u32: number of the shared cable, default 0 */
	__IFLA_EDUINET_MAX
};
#define IFLA_EDUINET_MAX (__IFLA_EDUINET_MAX - 1)

#endif /* _UAPI_EDUINET_H */
