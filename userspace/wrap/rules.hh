/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which sockets of a program under `edu run` are EDUINET's and which stay on Linux. `edu run` writes
 * it into the environment, the preload library reads it there; this is the text's one grammar.
 *
 *   EDUINET_RUN="family=13 only=stream only=client except=53/udp except=10.0.0.0/24 inet6=linux"
 *
 * Locking: none. The settings are read once and do not change.
 */
#ifndef EDU_WRAP_RULES_HH
#define EDU_WRAP_RULES_HH

#include <netinet/in.h>

#include <cstdint>
#include <string_view>

namespace edu::wrap {

/* The variable of the environment. */
inline constexpr char settings_variable[] = "EDUINET_RUN";

/* A peer, or a port of ours or of the peer, whose sockets stay on Linux. */
struct exception {
	in_addr_t address;  /* network byte order, under the mask */
	in_addr_t mask;	    /* network byte order; 0: any address */
	std::uint16_t port; /* host byte order; 0: any port */
	int protocol;	    /* IPPROTO_TCP, IPPROTO_UDP; 0: any */
};

struct settings {
	static constexpr unsigned most_exceptions = 32;

	int family = 0;		  /* AF_EDUINET's number; 0: not said */
	unsigned types = 0;	  /* 1 << SOCK_STREAM and so on of the types wanted; 0: all */
	bool servers = true;	  /* sockets that listen */
	bool clients = true;	  /* sockets that call */
	bool linux_inet6 = false; /* IPv6 is Linux's; else there is none */
	unsigned exception_count = 0;
	exception exceptions[most_exceptions] = {};

	/* A socket of this type (without SOCK_NONBLOCK and SOCK_CLOEXEC) is to be EDUINET's. */
	bool wants_type(int type) const;
	/* That can only be said once the socket's port, peer or role is known. */
	bool decides_late() const { return exception_count || !servers || !clients; }
	/* The address and port (both network byte order) are those of an exception. */
	bool excepts(in_addr_t address, in_port_t port, int protocol) const;
};

/*
 * Takes one word of the text. False: it cannot be understood, or there are too many exceptions; the
 * settings have not changed then. Allocates nothing.
 */
bool take_word(settings &into, std::string_view word);

/* All words of the text; those that cannot be understood are passed over. */
settings read_settings(std::string_view text);

} // namespace edu::wrap

#endif /* EDU_WRAP_RULES_HH */
