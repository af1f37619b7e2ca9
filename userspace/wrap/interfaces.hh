/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The addresses of the host's interfaces as EDUINET has them, from rtnetlink, for the programs that
 * ask the C library or SIOCGIFCONF.
 *
 * Locking: none.
 */
#ifndef EDU_WRAP_INTERFACES_HH
#define EDU_WRAP_INTERFACES_HH

struct ifconf;

namespace edu::wrap {

/* What SIOCGIFCONF does; -1 with errno. */
int interface_list(ifconf *into);

} // namespace edu::wrap

#endif /* EDU_WRAP_INTERFACES_HH */
