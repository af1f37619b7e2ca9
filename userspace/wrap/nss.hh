/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of hosts: this library is a module of the C library's name service switch too.
 *
 * Locking: none.
 */
#ifndef EDU_WRAP_NSS_HH
#define EDU_WRAP_NSS_HH

namespace edu::wrap {

/* From now on the C library looks for hosts in /etc/hosts and then asks us, not its own resolver. */
void answer_for_hosts();

/* False: somebody who only serves, or sends no datagrams, has names looked up by Linux. */
bool names_are_ours();

} // namespace edu::wrap

#endif /* EDU_WRAP_NSS_HH */
