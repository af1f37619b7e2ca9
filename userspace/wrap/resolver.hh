/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asks the name servers of resolv.conf, through sockets that follow the rules of `edu run`.
 *
 * Locking: none; each look-up reads the configuration anew.
 */
#ifndef EDU_WRAP_RESOLVER_HH
#define EDU_WRAP_RESOLVER_HH

#include "dns.hh"

#include <resolv.h>

namespace edu::wrap {

/*
 * Looks the name up as resolv.conf(5) says: nameserver (IPv4 ones), search, ndots, timeout, attempts,
 * use-vc. `search`: also below the domains of the search list. answered, no_name, no_data, or
 * try_other when no server gave an answer.
 */
dns::verdict look_up(const char *name, dns::type wanted, bool search, dns::answer &into);

/* Puts a query to the name servers of the configuration: the octets of the answer, 0 when there is none. */
std::size_t exchange(const struct __res_state &config, std::span<const std::uint8_t> query,
		     std::span<std::uint8_t> into);

} // namespace edu::wrap

#endif /* EDU_WRAP_RESOLVER_HH */
