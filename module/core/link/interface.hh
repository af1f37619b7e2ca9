// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces: attached devices and the addresses the host has on them.
 *
 * TLK "Network Devices": a list of devices, dev_base (DEV-1), each with addresses an administrator
 * gave it (OVER-1). Requirements: OVER-1, OVER-10, DEV-1, LAYER-3, RFC 1122 3.3.6 and 3.2.1.3
 * (which addresses are ours or broadcast). RFC 3021 (31-bit prefixes have no broadcast).
 *
 * Locking: writers hold the RTNL; readers are under RCU and never wait. An interface is held by
 * references (routes, ARP entries) and outlives its device: `dev` is null once the device has gone.
 */
#pragma once

#include "base/hash_table.hh"
#include "base/list.hh"
#include "base/ref.hh"
#include "base/verdict.hh"
#include "wire/eth.hh"
#include "wire/ipv4.hh"

namespace edu {

struct mc_device;

/* Device flags, Linux's IFF_*. */
namespace iff {
inline constexpr u32 up = 0x1;
inline constexpr u32 broadcast = 0x2;
inline constexpr u32 loopback = 0x8;
inline constexpr u32 pointopoint = 0x10;
inline constexpr u32 running = 0x40;
inline constexpr u32 noarp = 0x80;
} // namespace iff

inline constexpr u16 arphrd_ether = 1; /* ARPHRD_ETHER */

/* What an address is to this host. */
enum class addr_kind : u8 { none, local, broadcast };

/*
 * One key of the table that says so on every packet. An address has up to four: itself, its
 * broadcast addresses, and on a loopback interface the whole prefix.
 */
struct addr_entry {
	hash_node hashed;		  /* in interface_table::by_addr */
	be32 addr;			  /* key; with prefix_len bits */
	u8 prefix_len = 32;		  /* key; 32 but for a loopback's prefix */
	addr_kind kind = addr_kind::none; /* none: not in use */
	edu_iface *iface = nullptr;	  /* that has it; alive as long as this entry is found */
};

/* Where an address stands; but for conf/DEVICE/arp_probe it is used at once (arp_probe.cc). */
enum class addr_state : u8 { probing, refused, announcing, used };

/* One address of an interface. Constant after publication but for what says otherwise; freed by RCU. */
struct ifaddr {
	hlist_node node;	    /* on edu_iface::addrs; RTNL */
	edu_iface *iface = nullptr; /* whose it is */
	u64 serial = 0;		    /* grows along the list: where an iteration stands */
	be32 local;
	be32 peer;	/* the other end of a point-to-point link, else local */
	be32 broadcast; /* zero: none */
	u8 prefix_len = 0;
	u8 scope = 0;		/* RT_SCOPE_* */
	bool secondary = false; /* an earlier address has the same subnet; set anew when used */
	addr_state state = addr_state::used; /* RTNL, readers read_once() */
	bool contested = false; /* while probing: another station has it; set in softirq */
	u32 steps = 0;		/* probes sent; RTNL */
	u64 due = 0;		/* ms; the next step; RTNL */
	char label[16] = {};
	u64 defended = 0; /* ms; last time we answered a conflict (RFC 5227 2.4), lock-free */
	addr_entry keys[4];
	edu_rcu_head rcu;

	/* Is it ours by now? */
	bool in_use() const { return read_once(state) >= addr_state::announcing; }
	bool same_subnet(be32 addr) const { return wire::ipv4::in_prefix(addr, peer, prefix_len); }
};

} // namespace edu

/* The bridge's opaque edu_iface: one attached interface. Freed by RCU with its last reference. */
struct edu_iface {
	edu_stack *host = nullptr;   /* constant */
	int ifindex = 0;	     /* constant */
	edu::ref_count refs;	     /* the table's, and each route's and ARP entry's */
	edu::hash_node by_index;     /* in interface_table::by_index */
	edu::hlist_node on_dev_base; /* in interface_table::dev_base, by rising ifindex; RTNL */

	edu::rcu_ptr<edu_dev> dev; /* the home's part; null once the device has gone: drop NotUp */
	edu::rcu_ptr<const edu_dev_info> info; /* the current one of the two below */
	edu_dev_info snapshots[2] = {}; /* the one not current is written by the RTNL's holder, after
					   a grace period in which its last readers left */

	/* Copies of what every packet asks for: read_once(), may lag behind a change. */
	edu::u32 flags = 0;    /* IFF_* */
	edu::u32 mtu = 0;      /* octets of IP packet */
	edu::u16 headroom = 0; /* octets to leave in front of an IP packet, link header included */
	edu::u16 header_len = 0; /* of the link header, 0: none */

	edu::hlist<edu::ifaddr, &edu::ifaddr::node> addrs; /* by rising serial; RTNL, readers RCU */
	edu::u32 addresses = 0;				   /* how many; RTNL */
	edu::u64 last_serial = 0;			   /* RTNL */
	edu::u32 unsettled = 0; /* addresses that are probed or announced; RTNL, read_once() */
	edu::u32 tunables[EDU_IFACE_TUNABLE_COUNT] = {}; /* conf/NAME; ask iface_tune() */
	/* Its groups, ip/multicast.cc's; null before it is attached and after it has gone. RTNL, readers
	 * RCU */
	edu::rcu_ptr<edu::mc_device> multicast;
	edu_rcu_head rcu;

	bool is_up() const { return edu::read_once(flags) & edu::iff::up; }
	/* Up, and with a cable. */
	bool is_running() const { return is_up() && edu::read_once(flags) & edu::iff::running; }
	bool is_loopback() const { return edu::read_once(flags) & edu::iff::loopback; }
	/* Devices that cannot do ARP are marked and never asked (OVER-10). */
	bool uses_arp() const
	{
		return !(edu::read_once(flags) & (edu::iff::noarp | edu::iff::loopback)) &&
		       ethernet;
	}
	bool ethernet = false; /* ARPHRD_ETHER with its header; constant */
};

void release(edu_iface *iface);

namespace edu {

using interface = edu_iface;

/* All interfaces of a host, and all its addresses. */
struct interface_table {
	hlist<edu_iface, &edu_iface::on_dev_base> dev_base; /* TLK's list; RTNL, readers RCU */
	hash_table<edu_iface, &edu_iface::by_index> by_index;
	hash_table<addr_entry, &addr_entry::hashed> by_addr;
	rcu_ptr<edu_iface> loopback; /* edulo: packets to ourselves leave by it */
	u32 prefix_keys[33] = {};    /* entries of by_addr with that prefix_len, RTNL */
	u64 prefixes = 0;	     /* bit n: prefix_keys[n] is not zero; n < 32; read_once() */
	u32 all_tunables[EDU_IFACE_TUNABLE_COUNT] = {};	    /* conf/all */
	u32 default_tunables[EDU_IFACE_TUNABLE_COUNT] = {}; /* conf/default */
};

/*
 * The layer above, told of changes; link never calls up but through this (LAYER-1). RTNL held,
 * process context. Set at init, before the first interface.
 */
struct iface_listener {
	/* A new one, which nobody finds yet. Refusing undoes it. */
	result<void> (*attached)(edu_iface &iface);
	/* Refusing undoes the address. */
	result<void> (*addr_added)(edu_iface &iface, const ifaddr &addr);
	void (*addr_removed)(edu_iface &iface, const ifaddr &addr);
	void (*changed)(edu_iface &iface); /* up or down, MTU, hardware address, a setting */
	void (*gone)(edu_iface &iface);	   /* device and addresses have left */
};
void iface_set_listener(const iface_listener *listener);
const iface_listener *iface_get_listener();

/* What an address is to the host, and to which interface of it. Constant time. RCU. */
struct addr_match {
	addr_kind kind = addr_kind::none;
	edu_iface *iface = nullptr;
};
/* @ifindex: only addresses of that interface, 0: any. An address that is local to one interface and
 * broadcast on another is local. */
addr_match find_address(const edu_stack &host, be32 addr, int ifindex = 0);

/* The interface of that index, or null. RCU or RTNL. */
edu_iface *find_iface(const edu_stack &host, int ifindex);

/*
 * The address to speak from towards @to by this interface (RFC 1122 3.3.4.3): the one in the same
 * subnet, else the first primary one; zero when it has none. RCU.
 */
be32 iface_source(const edu_iface &iface, be32 to);

/* Does @addr lie in a subnet of the interface? RCU. */
bool iface_on_link(const edu_iface &iface, be32 addr);

/* A setting as it counts on the interface: its own and conf/all by the setting's rule. RCU or RTNL. */
u32 iface_tune(const edu_iface &iface, edu_iface_tunable which);

/* Where a frame goes when no ARP entry says so. */
enum class link_target : u8 { nobody, broadcast, multicast };

/* Takes an address away, and with a primary one the secondaries of its subnet. RTNL. */
void ifaddr_remove(ifaddr &addr);

/* It is ours from now on: known, with its routes. On an error it is refused. RTNL. */
result<void> ifaddr_use(ifaddr &addr);

/* Those who listen learn how it stands. RTNL. */
void ifaddr_notify(const ifaddr &addr);

/* Octets free in front of the packet's data. */
inline u32 skb_headroom(const sk_buff *skb)
{
	return static_cast<u32>(skb_data(skb) -
				detail::skb_field<u8 *>(skb, EDU_OFFSETOF_SKB_HEAD));
}

/*
 * Sends a packet whose data is at its IP header with a link header for @target; @group is the
 * destination of a multicast. nobody: a device without addresses (NOARP, loopback, header-less).
 * Consumes packet. Errors: enetdown, enobufs. Any context, no lock held.
 */
result<void> iface_output(edu_iface &iface, skb_ptr packet, link_target target, be32 group);

/* Hands a complete frame to the device: checks that it is there and up, counts, traces. Consumes
 * frame. Errors: enetdown, enobufs. Any context, no lock held. */
result<void> iface_xmit(edu_iface &iface, skb_ptr frame, wire::eth::ethertype type);

result<void> interface_host_init(edu_stack &host);
void interface_host_exit(edu_stack &host);

} // namespace edu
