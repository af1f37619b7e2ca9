// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/eduinet/: every structure of the chapter, live.
 *
 * TLK: the arp_table (ARP-1), RARP's table (OVER-11), the routing table, the route cache (ROUTE-6,
 * ROUTE-7), the fragments that wait (IP-6), the sockets
 * (INET-7, UDP-1), the list of devices (DEV-1); and the counters. Layouts follow /proc/net/arp,
 * route, rt_cache, udp, raw, snmp, protocols and sockstat where Linux has or had them, with TLK's
 * fields added at the end of the line. Addresses in route, rt_cache, udp and raw are hexadecimal in
 * the order Linux prints them (as a number of this machine), so that existing parsers work.
 *
 * Locking: none of our own. Files hold their namespace while open; the core's iterators may run
 * beside changes. A file's position is the core's cursor, kept between reads.
 */
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/neighbour.h>
#include <linux/proc_fs.h>
#include <linux/route.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "edu_kernel.h"

/* ------------------------------------------------------------------------------------------------
 * A walk over records, as a seq_file
 */

union edu_proc_record {
	struct edu_iface_info iface;
	struct edu_neigh_info neigh;
	struct edu_rarp_info rarp;
	struct edu_route_info route;
	struct edu_rtcache_info rtcache;
	struct edu_frag_info frag;
	struct edu_sock_info sock;
	struct edu_tcp_info tcp;
	struct edu_mc_info mc;
};

/* One file: what it is called and how its lines come about. */
struct edu_proc_file {
	const char *name;
	const char *header;
	int (*next)(struct edu_stack *stack, struct edu_cursor *at, union edu_proc_record *record);
	void (*show)(struct seq_file *file, const struct edu_net *en,
		     const union edu_proc_record *record, loff_t line);
};

/* An open file. */
struct edu_proc_walk {
	struct seq_net_private net; /* first: the kernel's own */
	struct edu_cursor at;	    /* behind `record` */
	loff_t position;	    /* number of the line in `record`, from 1; 0: none yet */
	bool end;
	union edu_proc_record record;
};

static const struct edu_proc_file *edu_proc_file_of(const struct seq_file *file)
{
	return pde_data(file_inode(file->file));
}

/* Reads on until `position` is the line in hand. */
static void *edu_proc_seek(struct seq_file *file, loff_t position)
{
	const struct edu_proc_file *what = edu_proc_file_of(file);
	struct edu_stack *stack = edu_net(seq_file_net(file))->stack;
	struct edu_proc_walk *walk = file->private;

	while (!walk->end && walk->position < position) {
		if (what->next(stack, &walk->at, &walk->record))
			walk->position++;
		else
			walk->end = true;
	}
	return walk->end ? NULL : walk;
}

/* A reader that goes back begins anew: seq_file then asks for the header, which is line 0, first. */
static void *edu_proc_start(struct seq_file *file, loff_t *position)
{
	struct edu_proc_walk *walk = file->private;

	if (*position)
		return edu_proc_seek(file, *position);
	memset(&walk->at, 0, sizeof(walk->at));
	walk->position = 0;
	walk->end = false;
	return SEQ_START_TOKEN;
}

static void *edu_proc_next(struct seq_file *file, void *line, loff_t *position)
{
	return edu_proc_seek(file, ++*position);
}

static void edu_proc_stop(struct seq_file *file, void *line) {}

static int edu_proc_show(struct seq_file *file, void *line)
{
	const struct edu_proc_file *what = edu_proc_file_of(file);
	const struct edu_proc_walk *walk = file->private;

	if (line == SEQ_START_TOKEN)
		seq_puts(file, what->header);
	else
		what->show(file, edu_net(seq_file_net(file)), &walk->record, walk->position - 1);
	return 0;
}

static const struct seq_operations edu_proc_ops = {
	.start = edu_proc_start,
	.next = edu_proc_next,
	.stop = edu_proc_stop,
	.show = edu_proc_show,
};

/* The name of a device, or "*". The namespace is held by the open file. */
static void edu_proc_ifname(const struct edu_net *en, int ifindex, char *name)
{
	const struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(en->net, ifindex);
	strscpy(name, dev ? dev->name : "*", IFNAMSIZ);
	rcu_read_unlock();
}

static void edu_proc_hex(struct seq_file *file, const u8 *octets, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		seq_printf(file, i ? ":%02x" : "%02x", octets[i]);
	if (!len)
		seq_putc(file, '-');
}

/* ------------------------------------------------------------------------------------------------
 * interfaces (DEV-1)
 */

static int edu_iface_next(struct edu_stack *stack, struct edu_cursor *at,
			  union edu_proc_record *record)
{
	return edu_core_iface_next(stack, at, &record->iface);
}

static void edu_iface_show(struct seq_file *file, const struct edu_net *en,
			   const union edu_proc_record *record, loff_t line)
{
	const struct edu_dev_info *dev = &record->iface.dev;

	seq_printf(file, "%-15s %7d %08X %6u %5u %6u %8u %7u %4u ", dev->name, dev->ifindex,
		   dev->flags, dev->mtu, dev->type, dev->header_len, dev->headroom,
		   record->iface.addresses, dev->csum_offload);
	edu_proc_hex(file, dev->addr, min_t(unsigned int, dev->addr_len, sizeof(dev->addr)));
	seq_putc(file, '\n');
}

/* ------------------------------------------------------------------------------------------------
 * arp (ARP-1). Idle and Age are milliseconds since the last use and the last update.
 */

static int edu_arp_next(struct edu_stack *stack, struct edu_cursor *at,
			union edu_proc_record *record)
{
	return edu_core_neigh_next(stack, at, &record->neigh);
}

static const char *edu_arp_state_name(u16 state)
{
	if (state & NUD_PERMANENT)
		return "permanent";
	if (state & NUD_NOARP)
		return "noarp";
	if (state & NUD_REACHABLE)
		return "reachable";
	if (state & NUD_PROBE)
		return "probe";
	if (state & NUD_DELAY)
		return "delay";
	if (state & NUD_STALE)
		return "stale";
	if (state & NUD_INCOMPLETE)
		return "incomplete";
	if (state & NUD_FAILED)
		return "failed";
	return "none";
}

static void edu_arp_show(struct seq_file *file, const struct edu_net *en,
			 const union edu_proc_record *record, loff_t line)
{
	const struct edu_neigh_info *neigh = &record->neigh;
	char name[IFNAMSIZ], ip[16], mask[16] = "*";
	char address[3 * sizeof(neigh->hardware_address)];
	unsigned int len =
		min_t(unsigned int, neigh->hardware_len, sizeof(neigh->hardware_address));

	edu_proc_ifname(en, neigh->ifindex, name);
	snprintf(ip, sizeof(ip), "%pI4", &neigh->ip);
	if (neigh->mask != ~0u)
		snprintf(mask, sizeof(mask), "%pI4", &neigh->mask);
	snprintf(address, sizeof(address), "%*phC", len, neigh->hardware_address);
	if (!len || !(neigh->flags & ATF_COM))
		strscpy(address, "00:00:00:00:00:00", sizeof(address));
	seq_printf(file, "%-16s 0x%-10x0x%-10x%-23s %-8s %-10s %-10s %8u %8u %7u %5u %4u\n", ip,
		   neigh->type, neigh->flags, address, mask, name,
		   neigh->flags & ATF_PUBL ? "proxy" : edu_arp_state_name(neigh->state),
		   neigh->used_ms, neigh->updated_ms, neigh->retries, neigh->waiting,
		   neigh->references);
}

/* ------------------------------------------------------------------------------------------------
 * rarp: the RARP server's table (OVER-11)
 */

static int edu_rarp_next(struct edu_stack *stack, struct edu_cursor *at,
			 union edu_proc_record *record)
{
	return edu_core_rarp_next(stack, at, &record->rarp);
}

static void edu_rarp_show(struct seq_file *file, const struct edu_net *en,
			  const union edu_proc_record *record, loff_t line)
{
	const struct edu_rarp_info *rarp = &record->rarp;
	char name[IFNAMSIZ], ip[16];

	edu_proc_ifname(en, rarp->ifindex, name);
	snprintf(ip, sizeof(ip), "%pI4", &rarp->ip);
	seq_printf(file, "%-16s 0x%-10x%*phC   %s\n", ip, rarp->type, ETH_ALEN,
		   rarp->hardware_address, name);
}

/* ------------------------------------------------------------------------------------------------
 * route: the FIB (ROUTE-1)
 */

static int edu_route_next(struct edu_stack *stack, struct edu_cursor *at,
			  union edu_proc_record *record)
{
	return edu_core_route_next(stack, at, &record->route);
}

static unsigned int edu_route_rtf(const struct edu_route_info *route)
{
	unsigned int flags = route->dead ? 0 : RTF_UP;

	if (route->gateway)
		flags |= RTF_GATEWAY;
	if (route->prefix_len == 32)
		flags |= RTF_HOST;
	if (route->type == RTN_UNREACHABLE || route->type == RTN_PROHIBIT ||
	    route->type == RTN_BLACKHOLE)
		flags |= RTF_REJECT;
	return flags;
}

static const char *edu_route_type_name(u8 type)
{
	static const char *const names[] = {
		[RTN_UNICAST] = "unicast",     [RTN_LOCAL] = "local",
		[RTN_BROADCAST] = "broadcast", [RTN_MULTICAST] = "multicast",
		[RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable",
		[RTN_PROHIBIT] = "prohibit",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "?";
}

static void edu_route_show(struct seq_file *file, const struct edu_net *en,
			   const union edu_proc_record *record, loff_t line)
{
	const struct edu_route_info *route = &record->route;
	__be32 mask = inet_make_mask(route->prefix_len);
	char name[IFNAMSIZ];

	edu_proc_ifname(en, route->ifindex, name);
	seq_printf(file, "%s\t%08X\t%08X\t%04X\t%u\t%llu\t%u\t%08X\t%u\t%u\t%u\t%02X\t%s\t%08X\n",
		   name, route->destination, route->gateway, edu_route_rtf(route),
		   route->references, route->used, route->metric, (__force u32)mask, route->mtu,
		   route->window, route->rtt, route->tos, edu_route_type_name(route->type),
		   route->source);
}

/* ------------------------------------------------------------------------------------------------
 * rt_cache (ROUTE-7). Age is milliseconds since the last use. In: where such packets come in by; "-": they
 * are our own.
 */

static int edu_rtcache_next(struct edu_stack *stack, struct edu_cursor *at,
			    union edu_proc_record *record)
{
	return edu_core_rtcache_next(stack, at, &record->rtcache);
}

static void edu_rtcache_show(struct seq_file *file, const struct edu_net *en,
			     const union edu_proc_record *record, loff_t line)
{
	const struct edu_rtcache_info *rt = &record->rtcache;
	char name[IFNAMSIZ], in[IFNAMSIZ];

	edu_proc_ifname(en, rt->ifindex, name);
	if (rt->iif)
		edu_proc_ifname(en, rt->iif, in);
	else
		strscpy(in, "-", sizeof(in));
	seq_printf(file, "%s\t%08X\t%08X\t%08X\t%u\t%llu\t%08X\t%u\t%u\t%02X\t%d\t%s\t%u\t%s\t",
		   name, rt->destination, rt->gateway, rt->flags, rt->references, rt->used,
		   rt->source, rt->mtu, rt->age_ms, rt->tos, rt->has_header,
		   edu_route_type_name(rt->type), rt->bucket, in);
	edu_proc_hex(file, rt->header,
		     rt->has_header ? min_t(unsigned int, rt->header_len, sizeof(rt->header)) : 0);
	seq_putc(file, '\n');
}

/* ------------------------------------------------------------------------------------------------
 * fragments: ipqueue (IP-6, IP-7). Times are milliseconds.
 */

static int edu_frag_next(struct edu_stack *stack, struct edu_cursor *at,
			 union edu_proc_record *record)
{
	return edu_core_frag_next(stack, at, &record->frag);
}

static void edu_frag_show(struct seq_file *file, const struct edu_net *en,
			  const union edu_proc_record *record, loff_t line)
{
	const struct edu_frag_info *frag = &record->frag;
	char source[16], destination[16];

	snprintf(source, sizeof(source), "%pI4", &frag->source);
	snprintf(destination, sizeof(destination), "%pI4", &frag->destination);
	seq_printf(file, "%-16s%-16s%5u %5u %5u %9u %6u %6u %8u %7u %9u %8u\n", source, destination,
		   frag->protocol, ntohs((__force __be16)frag->identification), frag->has_first,
		   frag->fragments, frag->octets, frag->length, frag->memory, frag->left_ms,
		   frag->first_ms, frag->last_ms);
}

/* ------------------------------------------------------------------------------------------------
 * udp, raw, packet (INET-7)
 */

static int edu_udp_next(struct edu_stack *stack, struct edu_cursor *at,
			union edu_proc_record *record)
{
	return edu_core_sock_next(stack, IPPROTO_UDP, at, &record->sock);
}

static int edu_raw_next(struct edu_stack *stack, struct edu_cursor *at,
			union edu_proc_record *record)
{
	return edu_core_sock_next(stack, IPPROTO_RAW, at, &record->sock);
}

static int edu_packet_next(struct edu_stack *stack, struct edu_cursor *at,
			   union edu_proc_record *record)
{
	return edu_core_sock_next(stack, EDU_SOCKS_PACKET, at, &record->sock);
}

static void edu_sock_show(struct seq_file *file, const struct edu_net *en,
			  const union edu_proc_record *record, loff_t line)
{
	const struct edu_sock_info *sock = &record->sock;

	seq_printf(
		file,
		"%5lld: %08X:%04X %08X:%04X %02X %08X:%08X 00:00000000 00000000 %5u %8u %llu %u %5u %3d %5d %4u\n",
		line, sock->local, ntohs((__force __be16)sock->local_port), sock->remote,
		ntohs((__force __be16)sock->remote_port), sock->state, sock->wmem, sock->rmem,
		sock->uid, 0, sock->inode, sock->references, sock->drops, sock->type,
		sock->bound_if, sock->has_route);
}

/* ------------------------------------------------------------------------------------------------
 * tcp (TCP-8, TCP-9): the fields of /proc/net/tcp up to the inode, and then names and values, for readers
 * and for `edu ss`. Times are milliseconds, but srtt and rttvar: microseconds.
 */

static int edu_tcp_next(struct edu_stack *stack, struct edu_cursor *at,
			union edu_proc_record *record)
{
	return edu_core_tcp_next(stack, at, &record->tcp);
}

static void edu_tcp_show(struct seq_file *file, const struct edu_net *en,
			 const union edu_proc_record *record, loff_t line)
{
	const struct edu_tcp_info *tcp = &record->tcp;
	const struct edu_sock_info *sock = &tcp->sock;

	seq_printf(file,
		   "%5lld: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08X %08X %5u %8u %llu %u %d",
		   line, sock->local, ntohs((__force __be16)sock->local_port), sock->remote,
		   ntohs((__force __be16)sock->remote_port), sock->state, tcp->tx_queue,
		   tcp->rx_queue, tcp->timer, tcp->expires, tcp->retransmits, sock->uid,
		   tcp->probes, sock->inode, sock->references, sock->bound_if);
	if (tcp->mss)
		seq_printf(
			file,
			" rto:%u ato:%u srtt:%u rttvar:%u cwnd:%u ssthresh:%u mss:%u rcvmss:%u advmss:%u pmtu:%u snd_wnd:%u rcv_wnd:%u wscale:%u,%u options:%u ca_state:%u unacked:%u sacked:%u lost:%u retrans:%u reordering:%u bytes_acked:%llu bytes_received:%llu bytes_sent:%llu bytes_retrans:%llu segs_out:%u segs_in:%u total_retrans:%u lastsnd:%u lastrcv:%u lastack:%u rmem:%u wmem:%u cong:%s",
			tcp->rto, tcp->ato, tcp->srtt_us, tcp->rttvar_us, tcp->cwnd, tcp->ssthresh,
			tcp->mss, tcp->rcv_mss, tcp->advmss, tcp->pmtu, tcp->snd_wnd, tcp->rcv_wnd,
			tcp->snd_wscale, tcp->rcv_wscale, tcp->options, tcp->ca_state, tcp->unacked,
			tcp->sacked, tcp->lost, tcp->retrans, tcp->reordering, tcp->bytes_acked,
			tcp->bytes_received, tcp->bytes_sent, tcp->bytes_retrans, tcp->segs_out,
			tcp->segs_in, tcp->total_retrans, tcp->last_sent, tcp->last_received,
			tcp->last_ack, sock->rmem, sock->wmem, tcp->congestion);
	seq_putc(file, '\n');
}

#define EDU_TCP_HEADER                                                                             \
	"   sl  local_address rem_address   st tx_queue rx_queue tr:tm->when retrnsmt   uid  timeout inode ref bound_if details\n"

/* ------------------------------------------------------------------------------------------------
 * igmp: groups of interfaces (ip_mc_list), as /proc/net/igmp, which netstat -g and ip maddr read:
 * a line for each interface, and one for each of its groups. Timer is in milliseconds.
 */

static int edu_mc_next(struct edu_stack *stack, struct edu_cursor *at,
		       union edu_proc_record *record)
{
	return edu_core_mc_next(stack, at, &record->mc);
}

static void edu_mc_show(struct seq_file *file, const struct edu_net *en,
			const union edu_proc_record *record, loff_t line)
{
	const struct edu_mc_info *mc = &record->mc;
	char name[IFNAMSIZ];

	if (mc->first) {
		edu_proc_ifname(en, mc->ifindex, name);
		seq_printf(file, "%d\t%-10s: %5u      V%u\n", mc->ifindex, name, mc->groups,
			   mc->version);
	}
	seq_printf(file, "\t\t\t\t%08X %5u %d:%08X\t\t%d\n", mc->group, mc->users,
		   mc->timer_running, mc->timer_ms, mc->reporter);
}

/* clang-format off: a header line is one string, as long as it is. */
#define EDU_SOCK_HEADER                                                                            \
	"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref drops type bound_if route\n"

static const struct edu_proc_file edu_proc_files[] = {
	{ "interfaces",
	  "Name            ifindex    Flags    MTU  Type Header Headroom Address Csum Hardware\n",
	  edu_iface_next, edu_iface_show },
	{ "arp",
	  "IP address       HW type     Flags       HW address              Mask     Device     State          Idle      Age Retries Queue  Ref\n",
	  edu_arp_next, edu_arp_show },
	{ "rarp", "IP address       HW type     HW address          Device\n", edu_rarp_next,
	  edu_rarp_show },
	{ "route",
	  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\tTOS\tType\tSource\n",
	  edu_route_next, edu_route_show },
	{ "rt_cache",
	  "Iface\tDestination\tGateway \tFlags\t\tRefCnt\tUse\tSource\t\tMTU\tAge\tTOS\tHH\tType\tBucket\tIn\tHeader\n",
	  edu_rtcache_next, edu_rtcache_show },
	{ "fragments",
	  "Source          Destination     Proto    Id First Fragments Octets Length   Memory    Left FirstSeen LastSeen\n",
	  edu_frag_next, edu_frag_show },
	{ "igmp", "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n", edu_mc_next,
	  edu_mc_show },
	{ "udp", EDU_SOCK_HEADER, edu_udp_next, edu_sock_show },
	{ "tcp", EDU_TCP_HEADER, edu_tcp_next, edu_tcp_show },
	{ "raw", EDU_SOCK_HEADER, edu_raw_next, edu_sock_show },
	{ "packet", EDU_SOCK_HEADER, edu_packet_next, edu_sock_show },
};
/* clang-format on */

/* ------------------------------------------------------------------------------------------------
 * snmp: every counter, two lines a group; protocols; sockstat
 */

static int edu_snmp_show(struct seq_file *file, void *unused)
{
	const struct edu_net *en = edu_net(seq_file_single_net(file));
	unsigned int first = 0, end, i;

	while (first < EDU_COUNTER_COUNT) {
		const char *group = edu_counter_names[first].group;

		end = first;
		while (end < EDU_COUNTER_COUNT && !strcmp(edu_counter_names[end].group, group))
			end++;
		seq_printf(file, "%s:", group);
		for (i = first; i < end; i++)
			seq_printf(file, " %s", edu_counter_names[i].name);
		seq_printf(file, "\n%s:", group);
		for (i = first; i < end; i++)
			seq_printf(file, " %llu", edu_counter_read(en, i));
		seq_putc(file, '\n');
		first = end;
	}
	return 0;
}

/* BSD-1: protocols[] in order, then the protocols a socket may have (INET-2). */
static int edu_protocols_show(struct seq_file *file, void *unused)
{
	const char *name;
	unsigned int i;

	for (i = 0; (name = edu_core_protocol_name(i)); i++)
		seq_printf(file, "layer  %2u %s\n", i, name);
	for (i = 0; (name = edu_core_proto_name(i)); i++)
		seq_printf(file, "socket %2u %s\n", i, name);
	return 0;
}

static unsigned int edu_sockstat_count(struct edu_stack *stack, int protocol, u64 *memory)
{
	struct edu_cursor at = {};
	struct edu_sock_info sock;
	unsigned int count = 0;

	*memory = 0;
	while (edu_core_sock_next(stack, protocol, &at, &sock)) {
		*memory += sock.rmem + sock.wmem;
		count++;
		cond_resched();
	}
	return count;
}

static int edu_sockstat_show(struct seq_file *file, void *unused)
{
	struct edu_stack *stack = edu_net(seq_file_single_net(file))->stack;
	unsigned int udp, raw, packet, orphans, time_waits, open;
	u64 udp_memory, raw_memory, packet_memory;

	udp = edu_sockstat_count(stack, IPPROTO_UDP, &udp_memory);
	raw = edu_sockstat_count(stack, IPPROTO_RAW, &raw_memory);
	packet = edu_sockstat_count(stack, EDU_SOCKS_PACKET, &packet_memory);
	edu_core_tcp_sums(stack, &open, &orphans, &time_waits);
	seq_printf(
		file,
		"sockets: used %u\nTCP: inuse %u orphan %u tw %u mem %ld\nUDP: inuse %u mem %llu\nRAW: inuse %u mem %llu\nPACKET: inuse %u mem %llu\n",
		open + udp + raw + packet, open, orphans, time_waits, edu_stream_pages(), udp,
		udp_memory, raw, raw_memory, packet, packet_memory);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * A host's directory
 */

int edu_proc_net_init(struct edu_net *en)
{
	unsigned int i;

	en->proc = proc_net_mkdir(en->net, "eduinet", en->net->proc_net);
	if (!en->proc)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(edu_proc_files); i++)
		if (!proc_create_net_data(edu_proc_files[i].name, 0444, en->proc, &edu_proc_ops,
					  sizeof(struct edu_proc_walk), (void *)&edu_proc_files[i]))
			goto remove;
	if (proc_create_net_single("snmp", 0444, en->proc, edu_snmp_show, NULL) &&
	    proc_create_net_single("protocols", 0444, en->proc, edu_protocols_show, NULL) &&
	    proc_create_net_single("sockstat", 0444, en->proc, edu_sockstat_show, NULL))
		return 0;
remove:
	edu_proc_net_exit(en);
	return -ENOMEM;
}

/* Waits for those who are reading; an open file reads as empty afterwards. */
void edu_proc_net_exit(struct edu_net *en)
{
	proc_remove(en->proc);
	en->proc = NULL;
}
