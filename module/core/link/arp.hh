// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARP: which hardware address has the next hop?
 *
 * TLK "The Address Resolution Protocol (ARP)": ARP-1 … ARP-12, IP-2, IP-3, OVER-10.
 * RFC 826; RFC 1122 2.3.2 (validation, the waiting queue, one request a second); RFC 5227.
 * RFC 1027 (answering for others) is in arp_proxy.hh.
 *
 * Files: arp_table.cc (the table and an entry's life), arp_output.cc (asking, answering, holding
 * packets back), arp_proxy.cc (for whom else we answer), arp_rcv.cc (packets in), arp_probe.cc (is a
 * new address free?), arp_config.cc (the administrator).
 *
 * Locking: look-up is under RCU. A row's lock (EDU_LOCK_ARP_BUCKET) guards the chains and age lists
 * of 256 chains; an entry's lock, inside it, guards the entry. No lock is held while anything is
 * sent. An entry is held by the table, by each route whose next hop it is, and by its timer while
 * that ticks. One that is dead is in no chain, is never resolved again, and its routes are stale.
 */
#pragma once

#include "link/interface.hh"
#include "link/two_byte_table.hh"
#include "wire/arp.hh"

namespace edu {

/*
 * A prebuilt link header (IP-2, ARP-3). Immutable: a change publishes another one, so that senders
 * copy it without a lock.
 */
struct hh_cache {
	u8 len = 0; /* octets used */
	u8 data[16] = {};
	edu_rcu_head rcu;
};

/* Flags of an entry, the ioctl's numbers. */
namespace atf {
inline constexpr u16 com = 0x2;	 /* complete: ha is right */
inline constexpr u16 perm = 0x4; /* set by the administrator, never changes by itself */
inline constexpr u16 publ = 0x8; /* a proxy entry: answered for, never sent to */
} // namespace atf

/* The age lists of a row, and that of a permanent entry: in none of them, and not counted. */
enum class arp_age : u8 { incomplete, complete, none };

/* An entry (ARP-1). Freed by RCU with its last reference. */
struct arp_table {
	hlist_node next;	     /* in its chain of arp_tables; row's lock */
	list_node aged;		     /* in its row's age list; row's lock */
	u64 placed = 0;		     /* ms; when it was put there; row's lock */
	arp_age age = arp_age::none; /* which of the row's age lists that is; row's lock */
	ref<edu_iface> dev;	     /* constant */
	be32 ip;		     /* constant */
	rcu_ptr<hh_cache> hh;	     /* null: no header, ask; entry's lock, readers RCU */
	u64 last_used = 0;	     /* ms; last packet sent by it; lock-free, may lag */
	bool dead = false;	     /* has left the table; entry's lock, readers read_once() */

	spinlock lock;	       /* guards what follows */
	u16 flags = 0;	       /* atf */
	eth_addr ha;	       /* hardware address, if atf::com */
	u64 last_updated = 0;  /* ms; last heard from */
	u64 settled = 0;       /* ms; since when ha is what it is */
	edu_timer timer;       /* the next request, or giving up */
	bool ticking = false;  /* the timer is set and holds a reference */
	bool probing = false;  /* complete, but being confirmed */
	bool draining = false; /* somebody sends the waiting packets; newcomers queue behind */
	u32 retries = 0;       /* requests sent since it is being asked for */
	skb_queue skb;	       /* packets waiting, data at the IP header (TLK's name) */
	ref_count refs;	       /* the table's, routes', the timer's */
	edu_rcu_head rcu;

	~arp_table() { destroy(hh.load_locked()); }
	/* Do others than the table hold it? Then its header is in use (ARP-10, ARP-12). */
	bool in_use() const { return refs.load() > 1; }
};

void release(arp_table *entry);

/* A proxy entry: we answer for the addresses it matches (arp_proxy.hh). Constant; freed by RCU. */
struct arp_proxy {
	hash_node hashed; /* in arp_proxy_state::entries, by ip and prefix_len */
	be32 ip;	  /* only the mask's bits */
	u8 prefix_len = 32;
	bool published = false; /* ha is given; else it is the asked interface's own */
	eth_addr ha;		/* what we answer with, if published */
	ref<edu_iface> dev;	/* where we answer; null: everywhere */
	u64 made = 0;		/* ms */
	edu_rcu_head rcu;
};

struct arp_proxy_state {
	hash_table<arp_proxy, &arp_proxy::hashed> entries;
	u32 of_length[33] = {}; /* entries with that length of mask; RTNL */
	u64 lengths = 0;	/* bit n: of_length[n] is not zero; read_once() */
};

struct arp_state {
	two_byte_table<arp_table, &arp_table::next, &arp_table::aged> arp_tables;
	atomic<u32> entries;   /* in the table, but for the permanent ones */
	atomic<u32> questions; /* of them without an answer yet */
	atomic<u32> hand;      /* row at which the next search for a victim begins */
	edu_timer check_timer; /* ticks at least once a second */
	arp_proxy_state proxies;
	edu_timer probe_timer; /* of the addresses being probed: queues the work */
	edu_work probe_work;
	u64 checked =
		0; /* ms: the last arp_check_expire(), one every arp_check_interval_ms; timer */
	edu_stack *host = nullptr; /* for the timer; constant */
	atomic<bool> stopping;	   /* the host is going: no timer is set again */
};

/* On whose behalf an entry is made: our own packets', a stranger's who asked us something, or the
 * administrator's, whom no bound holds back. */
enum class arp_wish : u8 { ours, strangers, admin };

/*
 * The entry for a next hop, found or made; nothing is sent. @iface uses ARP. Errors: enobufs (the
 * table is full of entries in use), enomem. Any context.
 */
result<ref<arp_table>> arp_bind(edu_stack &host, edu_iface &iface, be32 next_hop,
				arp_wish wish = arp_wish::ours);

/*
 * Sends an IP packet (data at its header) to the entry's station: with the cached header, or later,
 * when ARP has an answer. Consumes packet. Errors: ehostunreach (the entry is dead), enetdown,
 * enobufs. Any context, no lock held.
 */
result<void> arp_output(edu_stack &host, skb_ptr packet, arp_table &entry);

/* The layer above knows that the station is alive (RFC 1122 2.3.2.1 (4), MSG_CONFIRM): as if it had
 * just been heard. Any context. */
void arp_confirm(arp_table &entry);
/* The layer above gets no answer by that station (negative advice, RFC 1122 3.3.1.4): it is asked at once
 * whether it is there. If it is silent, other gateways are preferred. Any context, no ARP lock held. */
void arp_doubt(arp_table &entry);

/* The layer above is told of each packet that waited in vain (ARP-5); it is dropped afterwards.
 * Softirq, RCU, no lock held. Set at init. */
using arp_failure_handler = void (*)(edu_stack &host, const skb_ptr &packet);
void arp_set_failure_handler(arp_failure_handler handler);

/* And of each station that ceased to answer, packets or not, before its entry is dead. RCU. */
using arp_silence_handler = void (*)(edu_iface &iface, be32 next_hop);
void arp_set_silence_handler(arp_silence_handler handler);

/* The layer above is asked before we answer for a host that is not us (RFC 1027): does a route lead to
 * @target by another interface than @iface? RCU, no lock held. Set at init. */
using arp_route_query = bool (*)(const edu_iface &iface, be32 target);
void arp_set_route_query(arp_route_query query);

/* Tells the cable that we have this address (a gratuitous ARP, RFC 5227's announcement). */
void arp_announce(edu_iface &iface, be32 addr);

/* Asks whether another station has the new address, and then has it used, or not. RTNL. */
void arp_probe_begin(ifaddr &addr);
/* The device has come up: begins anew for those not used yet. RTNL. */
void arp_probe_again(edu_iface &iface);
/* The address is going. RTNL. */
void arp_probe_end(ifaddr &addr);

/* The device has another hardware address: the headers of the entries that stay begin anew. */
void arp_renew_headers(edu_iface &iface);

/* Every entry of the interface goes, permanent and proxy ones too when @all. RTNL, process. */
void arp_flush_iface(edu_iface &iface, bool all);

/* The proxy entries of that interface go, null: all of them. */
void arp_proxy_flush(edu_stack &host, const edu_iface *iface);

result<void> arp_host_init(edu_stack &host);
void arp_host_close(edu_stack &host);
void arp_host_exit(edu_stack &host);

/* ------------------------------------------------------------------------------------------------
 * Between ARP's own files.
 */

/* The entry of that address, not dead, or null. RCU. */
arp_table *arp_find(const edu_stack &host, const edu_iface &iface, be32 ip);

/* Drops a reference that the caller has taken over. */
inline void drop_ref(arp_table &entry)
{
	if (entry.refs.dec_and_test())
		release(&entry);
}

/* Takes it off the table and makes it dead; its packets are dropped for @why, their senders told
 * when it is Arp_DropUnresolved. No lock held. @what is for the trace. */
void arp_kill(edu_stack &host, arp_table &entry, edu_counter why, const char *what);

/* Tells the layer above that the station has ceased to answer. RCU, no lock held. */
void arp_tell_silence(arp_table &entry);

/* Whose word an entry's hardware address is. An answer changes none that is as new as
 * arp_locktime_ms: several stations may answer, and the first one's word counts. A question to us and
 * an announcement are heard at any time: that one station speaks of itself. */
enum class arp_word : u8 { answer, packet, admin, admin_permanent };

/* The station's address is known: sets it and lets waiting packets go, in order (ARP-6). A packet
 * never overrules a permanent entry (ARP-9), nor an answer one that was just given. False: refused,
 * or the entry is dead. RCU, no lock held. */
bool arp_update(edu_stack &host, arp_table &entry, const eth_addr &ha, arp_word word);

/* Makes the cached header anew, from the device's present address. RCU, no lock held. */
void arp_renew_header(edu_stack &host, arp_table &entry);

/* Starts asking, unless that is already going on; true when the caller must send the first request
 * once it has unlocked. Entry's lock held. */
bool arp_start_locked(edu_stack &host, arp_table &entry);

/* Moves the entry to the age list its state asks for. No lock held. */
void arp_place(edu_stack &host, arp_table &entry);

/* Sends the request for an entry: broadcast, or a probe when @to is not null. RCU. */
void arp_request(edu_stack &host, arp_table &entry, const eth_addr *to);

/* Sends one ARP or RARP packet of ours. RCU. */
void arp_send(edu_iface &iface, const wire::arp::repr &packet, const eth_addr &to,
	      wire::eth::ethertype type = wire::eth::ethertype::arp);

/* The interface the administrator means: the one of that index, or with 0 the one on whose link the
 * address lies; null: none. RCU. */
edu_iface *arp_iface_for(const edu_stack &host, int ifindex, be32 ip);

/* A packet of another station, on an interface with addresses that are not settled. RCU. */
void arp_probe_heard(edu_iface &iface, const wire::arp::repr &arp);
void arp_probe_init(arp_state &arp);
void arp_probe_close(arp_state &arp);

/* The timer of an entry. */
void arp_expire_request(edu_timer *timer);

edu_neigh_info arp_describe(arp_table &entry);
void trace_arp(edu_stack &host, const char *what, const arp_table &entry);

} // namespace edu
