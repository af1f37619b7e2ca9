// SPDX-License-Identifier: GPL-2.0-only
/*
 * iproute2's link plug-in for devices of type eduinet (requirement DEV-1):
 *
 *	ip link add e0 type eduinet segment 7
 *	ip link set e0 type eduinet segment 8
 *	ip -d link show e0			says the segment, with -j too
 *	ip link help eduinet
 *
 * For a kind it does not know, ip(8) loads DIR/link_KIND.so and takes the symbol KIND_link_util from it.
 * DIR is the environment's IP_LIB_DIR, else what ip was built with: on Debian /usr/lib/MULTIARCH/ip.
 *
 * iproute2 installs no header for this. struct link_util is declared here after its ip/ip_common.h,
 * unchanged since 5.0 (2019); ip does not say which layout it has. Of the functions of ip itself one is
 * used, print_color_uint() of its json_print.h (since 4.15), and that only where it is there: without
 * it the segment is printed as text.
 *
 * Locking: none, ip has one thread.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <eduinet.h>

/* Room for a request: iplink_req.buf of iproute2, the size its own kinds use. Octets. */
#define REQUEST_MAX 1024

struct link_util {
	struct link_util *next; /* of the kinds ip has loaded; ip's */
	const char *id;		/* the kind */
	int maxattr;		/* the highest attribute of IFLA_INFO_DATA */
	/* The words behind "type KIND", into IFLA_INFO_DATA at the end of the request. Negative: they make
	 * no sense, and it has been said. */
	int (*parse_opt)(struct link_util *lu, int argc, char **argv, struct nlmsghdr *request);
	/* IFLA_INFO_DATA, by attribute; null where there is none. tb may be null. */
	void (*print_opt)(struct link_util *lu, FILE *out, struct rtattr *tb[]);
	void (*print_xstats)(struct link_util *lu, FILE *out, struct rtattr *xstats);
	void (*print_help)(struct link_util *lu, int argc, char **argv, FILE *out);
	int (*parse_ifla_xstats)(struct link_util *lu, int argc, char **argv);
	int (*print_ifla_xstats)(struct nlmsghdr *message, void *arg);
};

/* json_print.h of iproute2: text or a JSON member, whichever ip is asked for, and in no colour. */
enum { PRINT_ANY = 4, COLOR_NONE = 6 };
extern int print_color_uint(int type, int color, const char *key, const char *format,
			    unsigned int value) __attribute__((weak));

static void print_help(struct link_util *lu, int argc, char **argv, FILE *out)
{
	(void)lu, (void)argc, (void)argv;
	fputs("Usage: ... eduinet [ segment N ]\n"
	      "\n"
	      "A station on a virtual Ethernet cable. Stations with the same segment hear each other.\n"
	      "\n"
	      "\tsegment N   number of the cable, 0 to 4294967295 (default 0)\n",
	      out);
}

/* A __u32 at the request's end, inside the nest that ip has begun there. */
static int put_u32(struct nlmsghdr *request, unsigned short type, __u32 value)
{
	size_t end = NLMSG_ALIGN(request->nlmsg_len);
	struct rtattr *attr = (struct rtattr *)((char *)request + end);

	if (end + RTA_SPACE(sizeof(value)) > REQUEST_MAX) {
		fputs("Error: eduinet: the request is too long.\n", stderr);
		return -1;
	}
	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(sizeof(value));
	memcpy(RTA_DATA(attr), &value, sizeof(value));
	request->nlmsg_len = end + RTA_SPACE(sizeof(value));
	return 0;
}

/* Decimal, octal or hexadecimal, as ip reads its own numbers. */
static int parse_segment(const char *text, __u32 *segment)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value > UINT_MAX)
		return -1;
	*segment = value;
	return 0;
}

static int parse_opt(struct link_util *lu, int argc, char **argv, struct nlmsghdr *request)
{
	int given = 0;
	__u32 segment = 0;

	for (; argc > 0; argc--, argv++) {
		if (!strcmp(*argv, "help")) {
			print_help(lu, argc, argv, stderr);
			return -1;
		}
		if (strcmp(*argv, "segment")) {
			fprintf(stderr,
				"Error: eduinet: unknown option \"%s\"; there is: segment N\n",
				*argv);
			return -1;
		}
		if (given++) {
			fputs("Error: eduinet: \"segment\" was given twice.\n", stderr);
			return -1;
		}
		argc--, argv++;
		if (argc <= 0 || parse_segment(*argv, &segment) < 0) {
			fprintf(stderr,
				"Error: eduinet: \"segment\" needs a number from 0 to %u, not \"%s\".\n",
				UINT_MAX, argc > 0 ? *argv : "");
			return -1;
		}
	}
	return given ? put_u32(request, IFLA_EDUINET_SEGMENT, segment) : 0;
}

static void print_opt(struct link_util *lu, FILE *out, struct rtattr *tb[])
{
	__u32 segment;

	(void)lu;
	if (!tb || !tb[IFLA_EDUINET_SEGMENT] ||
	    RTA_PAYLOAD(tb[IFLA_EDUINET_SEGMENT]) < sizeof(segment))
		return;
	memcpy(&segment, RTA_DATA(tb[IFLA_EDUINET_SEGMENT]), sizeof(segment));
	if (print_color_uint)
		print_color_uint(PRINT_ANY, COLOR_NONE, "segment", "segment %u ", segment);
	else
		fprintf(out, "segment %u ", segment);
}

struct link_util eduinet_link_util = {
	.id = "eduinet",
	.maxattr = IFLA_EDUINET_MAX,
	.parse_opt = parse_opt,
	.print_opt = print_opt,
	.print_help = print_help,
};
