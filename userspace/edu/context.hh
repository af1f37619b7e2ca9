/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every command gets: the global options and the family, and the tables of commands.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_CONTEXT_HH
#define EDU_CONTEXT_HH

#include "args.hh"

#include <memory>
#include <string>

namespace edu {

class netlink;

struct context {
	bool json = false;		     /* -j: JSON instead of text */
	bool pretty = false;		     /* -p: JSON with line breaks */
	bool statistics = false;	     /* -s: more numbers */
	bool timestamp = false;		     /* -t: monitor says when */
	bool short_timestamp = false;	     /* -T: in one line with what happened */
	bool details = false;		     /* -d: settings and the like too */
	bool brief = false;		     /* -b: devices in columns, a line each */
	bool one_line = false;		     /* -o: each thing in one line */
	int family = 0;			     /* AF_EDUINET, or what --family says */
	bool own_family = true;		     /* not --family: the module is meant */
	std::shared_ptr<netlink> connection; /* made by the first link() */

	/* The connection to rtnetlink, in the namespace chosen by then. */
	netlink &rtnl();
	/* A failure that says what to do when no module answers for the family; may autoload it. */
	void require_family() const;
};

/* The number the module goes by: its parameter `family` when it is loaded, else AF_EDUINET. */
int eduinet_family();
/* Moves this process into /run/netns/NAME. */
void enter_namespace(const std::string &name);
/* Opens /run/netns/NAME (close it), or -1 when there is none. */
int open_namespace(const std::string &name);

/* The commands, each in its own file. */
int run_link(context &ctx, words &in);
int run_addr(context &ctx, words &in);
int run_route(context &ctx, words &in);
int run_neigh(context &ctx, words &in);
int run_maddr(context &ctx, words &in);
int run_ping(context &ctx, words &in);
int run_nc(context &ctx, words &in);
int run_run(context &ctx, words &in);
int run_ss(context &ctx, words &in);
int run_stat(context &ctx, words &in);
int run_monitor(context &ctx, words &in);
int run_traceroute(context &ctx, words &in);
int run_tracepath(context &ctx, words &in);
int run_rarp(context &ctx, words &in);
int run_trace(context &ctx, words &in);
int run_tour(context &ctx, words &in);

} // namespace edu

#endif /* EDU_CONTEXT_HH */
