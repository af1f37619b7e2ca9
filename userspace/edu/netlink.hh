/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rtnetlink through libmnl: building requests, sending them, reading dumps and the kernel's reasons
 * (extended acknowledgements).
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_NETLINK_HH
#define EDU_NETLINK_HH

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace edu {

/* A request under construction: one message with a family header of type H and attributes. */
class request {
public:
	/* The flags NLM_F_REQUEST are added. */
	request(std::uint16_t type, unsigned flags);

	/* The family header (struct rtmsg, …), zeroed; call once, first. It stays valid. */
	template <class header>
	header &put_header()
	{
		return *static_cast<header *>(
			mnl_nlmsg_put_extra_header(message(), sizeof(header)));
	}

	void put(unsigned type, const void *data, std::size_t length);
	void put_u32(unsigned type, std::uint32_t value);
	void put_string(unsigned type, const std::string &text); /* with its final zero */
	/* Attributes put between these two lie inside the attribute `type`. */
	nlattr *begin_nest(unsigned type);
	void end_nest(nlattr *nest);

	nlmsghdr *message() { return reinterpret_cast<nlmsghdr *>(buffer_.data()); }

private:
	std::array<std::uint64_t, 256> buffer_{}; /* 2 KiB, aligned: more than any request here */
};

/* The attributes of a received message or of a nested attribute, by type. Points into it. */
class attributes {
public:
	/* Skips a family header of `header_size` octets. */
	attributes(const nlmsghdr *message, std::size_t header_size);
	explicit attributes(const nlattr *nest);

	bool has(unsigned type) const { return find(type) != nullptr; }
	/* At least `length` octets of payload, or null. */
	const void *data(unsigned type, std::size_t length) const;
	std::size_t length(unsigned type) const; /* octets of payload, 0 when missing */
	std::uint32_t u32(unsigned type, std::uint32_t otherwise = 0) const;
	std::uint8_t u8(unsigned type, std::uint8_t otherwise = 0) const;
	std::string string(unsigned type) const; /* "" when missing */
	const nlattr *find(unsigned type) const;

private:
	void note_all(const void *begin, const void *end);
	void note(const nlattr *attr);

	std::array<const nlattr *, 80> table_{}; /* index: attribute type */
};

/* What an errno means for the request at hand, when the kernel gives no sentence of its own. */
struct reason {
	int error; /* positive errno */
	const char *sentence;
};

class netlink {
public:
	using each = std::function<void(const nlmsghdr *)>;

	netlink();
	~netlink();
	netlink(const netlink &) = delete;
	netlink &operator=(const netlink &) = delete;

	/*
	 * Sends a change and waits for its acknowledgement. A refusal is a failure that reads
	 * "cannot WHAT: REASON", the reason being the kernel's sentence, else one of `reasons`, else
	 * the errno's text.
	 */
	void change(request &asked, const std::string &what, std::span<const reason> reasons = {});
	/* The same, but a refusal with errno `tolerated` returns false. */
	bool try_change(request &asked, int tolerated, const std::string &what,
			std::span<const reason> reasons = {});
	/* Asks for one message (doit) or all (NLM_F_DUMP) and calls use() for each. */
	void query(request &asked, const std::string &what, const each &use,
		   std::span<const reason> reasons = {});

private:
	int talk(request &asked, const each &use);
	bool handle(const nlmsghdr *message, const each &use, int &error);
	void remember_reason(const nlmsghdr *message, std::size_t skip);
	[[noreturn]] void explain(int error, const std::string &what,
				  std::span<const reason> reasons);

	mnl_socket *socket_;
	std::vector<char> buffer_;    /* one datagram from the kernel */
	std::uint32_t sequence_;      /* of the request being answered */
	std::string kernel_sentence_; /* the last extended acknowledgement */
	bool interrupted_ = false;    /* the dump may have missed a change */
};

/* A connection that asks nothing, and hears of changes as the kernel announces them. */
class listener {
public:
	/* groups: RTNLGRP_*. room: octets of messages that may wait here, 0 for the default. */
	listener(std::span<const unsigned> groups, int room);
	~listener();
	listener(const listener &) = delete;
	listener &operator=(const listener &) = delete;

	int fd() const { return mnl_socket_get_fd(socket_); } /* readable: call receive() */
	/* Calls use() for each message that waits. False: the kernel had more messages than there was
	 * room for, and threw some away. */
	bool receive(const netlink::each &use);

private:
	mnl_socket *socket_;
	std::vector<char> buffer_; /* one datagram from the kernel */
};

} // namespace edu

#endif /* EDU_NETLINK_HH */
