/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Following packets: from the events of the tracepoints to steps, each of which says what happened to
 * which packet in which layer.
 *
 * A packet is one life of an sk_buff: the kernel uses the memory again, and a received packet begins
 * a life of its own although a virtual cable hands over the very buffer that was sent. Lives that have
 * to do with each other are linked: a fragment with its datagram, what is received with what was sent,
 * a clone with its original, a reply with the request whose buffer it uses.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_FOLLOW_HH
#define EDU_TRACE_FOLLOW_HH

#include "trace_event.hh"
#include "trace_headers.hh"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace edu {

/* TLK's layers, from the program to the cable. */
enum class layer { program, bsd, inet, transport, ip, arp, device, cable, none };
const char *layer_name(layer which);

/* TLK's four pointers, as octets from head, and the lengths. */
struct skb_pointers {
	std::int64_t head; /* the memory: equal numbers are the same memory */
	std::int64_t data, tail, end, len, truesize;
};

struct trace_step {
	std::uint64_t number = 0; /* 1, 2, … in the order of the events */
	std::uint64_t when = 0;	  /* ns of CLOCK_MONOTONIC */
	std::string event;	  /* the tracepoint: "ip_send" */
	/* "packet", or "route", "arp", "drop", "tcp", "lost", "host", "other" */
	const char *kind = "other";
	layer where = layer::none;
	const char *way = ""; /* "out", "in", "across" */
	int cpu = 0;
	std::int64_t netns = 0;		     /* 0: the event says nothing of a host */
	std::int64_t process = 0, inode = 0; /* 0: not in a system call; no socket */
	std::uint64_t packet = 0;	     /* whose step it is; 0: nobody's */
	std::uint64_t parent = 0;	     /* at the first step: the packet it comes from */
	const char *relation =
		""; /* to the parent: "fragment", "received", "clone", "reply", "whole" */
	bool begins = false, ends = false; /* the packet's first and last step */
	std::vector<std::uint64_t> claims; /* numbers of decisions made for this packet before it */
	std::optional<skb_pointers> now, before; /* before: at the packet's previous step */
	const char *change =
		""; /* "push", "pull", "put", "trim"; "join": others behind it; "move": a new buffer */
	std::int64_t amount = 0;	  /* octets of the change */
	std::string header;		  /* that was pushed or pulled */
	std::string text;		  /* what happened, one line */
	packet_facts facts;		  /* what is known of the packet by now */
	std::int64_t first = 0;		  /* where `octets` begin, from head */
	std::vector<std::uint8_t> octets; /* the packet's first ones */
	bool has_link_header = false;	  /* octets begin with one */
	record fields;			  /* of the event, those not told above */
};

/* One object of `edu -j trace`, and of the page. */
record step_record(const trace_step &step, std::int64_t realtime, const std::string &host);

struct host_facts {
	std::string name;		 /* under /run/netns, or "" */
	std::set<std::string> addresses; /* Internet addresses it has sent from or been reached by */
	std::set<std::string> stations;	 /* hardware addresses it has sent from */
};

class follower {
public:
	trace_step follow(const trace_event &event);
	const std::map<std::int64_t, host_facts> &hosts() const { return hosts_; }
	/* The host's name, else "netns NUMBER"; "" for 0. */
	std::string host_name_of(std::int64_t netns) const;
	std::uint64_t lost() const { return lost_; } /* events dropped by the ring */
	std::uint64_t packets() const { return last_packet_; }

private:
	struct life {
		std::uint64_t packet = 0;
		std::int64_t netns = 0;
		bool over = false;
		std::string last_event;
		skb_pointers pointers{};
		packet_facts facts;
		bool held = false; /* by ARP */
	};
	struct decision {
		std::uint64_t number; /* the step's */
		std::int64_t netns;
		std::string destination; /* hexadecimal */
	};
	struct segment {
		std::uint64_t packet = 0;
		std::int64_t netns = 0;
		std::string key; /* "": without data */
	};
	using packet_key = std::tuple<in_addr_t, in_addr_t, unsigned, unsigned, unsigned>;

	void follow_packet(const trace_event &event, trace_step &step);
	void follow_drop(const trace_event &event, trace_step &step);
	void follow_route(const trace_event &event, trace_step &step);
	void follow_arp(const trace_event &event, trace_step &step);
	void follow_tcp(const trace_event &event, trace_step &step);
	life &life_of(const trace_event &event, trace_step &step);
	void find_parent(const trace_event &event, trace_step &step, const life *former);
	void find_former_segment(trace_step &step);
	void read_packet(const trace_event &event, trace_step &step, life &of);
	void compare(trace_step &step, life &of);
	void tell(trace_step &step, life &of);
	void learn(const trace_step &step, const life &of);

	std::map<std::int64_t, life> lives_;	       /* by the sk_buff's number */
	std::map<std::int64_t, std::uint64_t> memory_; /* head's number -> packet last seen there */
	std::map<std::int64_t, segment> segments_; /* head's number -> TCP's sent from there last */
	std::map<packet_key, std::uint64_t> datagrams_; /* who sent what; bounded by order_ */
	std::deque<packet_key> order_;
	std::map<int, std::int64_t> current_; /* processor -> sk_buff met last there */
	std::deque<decision> decisions_;      /* not claimed yet; bounded */
	std::map<std::int64_t, host_facts> hosts_;
	std::uint64_t steps_ = 0, last_packet_ = 0, lost_ = 0;
};

} // namespace edu

#endif /* EDU_TRACE_FOLLOW_HH */
