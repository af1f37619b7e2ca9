// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of rtnetlink about addresses, see rtnetlink.hh.
 *
 * Locking: none.
 */
#include "rtnetlink.hh"

#include "memory.hh"
#include "real.hh"

#include <linux/rtnetlink.h>

#include <cstring>

namespace edu::wrap {

address_request::address_request(const void *data, std::size_t size) : data_(data)
{
	constexpr std::size_t family_at =
		NLMSG_HDRLEN; /* struct rtgenmsg and ifaddrmsg begin with it */
	nlmsghdr header;

	if (size <= family_at || size > sizeof(copy_) || !readable(data, size))
		return;
	std::memcpy(&header, data, sizeof(header));
	if (header.nlmsg_type != RTM_GETADDR ||
	    static_cast<const unsigned char *>(data)[family_at] != AF_INET)
		return;
	std::memcpy(copy_, data, size);
	copy_[family_at] = static_cast<unsigned char>(rules.family);
	data_ = copy_;
}

void rewrite_messages(void *data, std::size_t size)
{
	auto left = static_cast<unsigned>(size);

	for (auto *one = static_cast<nlmsghdr *>(data); NLMSG_OK(one, left);
	     one = NLMSG_NEXT(one, left)) {
		auto *body = static_cast<ifaddrmsg *>(NLMSG_DATA(one));

		if ((one->nlmsg_type != RTM_NEWADDR && one->nlmsg_type != RTM_DELADDR) ||
		    one->nlmsg_len < NLMSG_LENGTH(sizeof(*body)))
			continue;
		if (body->ifa_family == rules.family)
			body->ifa_family = AF_INET;
		else if (body->ifa_family == AF_INET)
			one->nlmsg_type = NLMSG_NOOP;
	}
}

} // namespace edu::wrap
