/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that ask rtnetlink themselves for the host's addresses. A request for those of AF_INET goes to
 * the kernel as one for ours, and in what comes back our addresses are of AF_INET and Linux's are gone.
 *
 * Only addresses, and only by send(), sendto(), sendmsg(), recv(), recvfrom() and recvmsg(); what is read
 * by read() or recvmmsg() stays as the kernel wrote it, and routes and neighbours are Linux's.
 *
 * Locking: none.
 */
#ifndef EDU_WRAP_RTNETLINK_HH
#define EDU_WRAP_RTNETLINK_HH

#include <cstddef>

namespace edu::wrap {

/* A request for addresses as it goes to the kernel: a copy, when it is for those of AF_INET. */
class address_request {
public:
	address_request(const void *data, std::size_t size);
	address_request(const address_request &) = delete;
	address_request &operator=(const address_request &) = delete;

	const void *data() const { return data_; }

private:
	const void *data_;
	alignas(4) unsigned char copy_[256]; /* set only when data_ points to it */
};

/* Messages that the kernel has written. */
void rewrite_messages(void *data, std::size_t size);

} // namespace edu::wrap

#endif /* EDU_WRAP_RTNETLINK_HH */
