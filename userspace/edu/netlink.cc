// SPDX-License-Identifier: GPL-2.0-only
/*
 * rtnetlink through libmnl, see netlink.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "netlink.hh"

#include "failure.hh"

#include <linux/netlink.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace edu {

request::request(std::uint16_t type, unsigned flags)
{
	nlmsghdr *header = mnl_nlmsg_put_header(buffer_.data());

	header->nlmsg_type = type;
	header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

void request::put(unsigned type, const void *data, std::size_t length)
{
	if (!mnl_attr_put_check(message(), sizeof(buffer_), static_cast<std::uint16_t>(type),
				length, data))
		usage_error("the request is too long for one message");
}

void request::put_u32(unsigned type, std::uint32_t value)
{
	put(type, &value, sizeof(value));
}

void request::put_string(unsigned type, const std::string &text)
{
	put(type, text.c_str(), text.size() + 1);
}

nlattr *request::begin_nest(unsigned type)
{
	return mnl_attr_nest_start(message(), static_cast<std::uint16_t>(type));
}

void request::end_nest(nlattr *nest)
{
	mnl_attr_nest_end(message(), nest);
}

/* libmnl's own loops rely on C's conversions from void *. */
attributes::attributes(const nlmsghdr *message, std::size_t header_size)
{
	if (message->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(header_size))
		return;
	note_all(mnl_nlmsg_get_payload_offset(message, header_size),
		 mnl_nlmsg_get_payload_tail(message));
}

attributes::attributes(const nlattr *nest)
{
	if (nest) {
		const char *payload = static_cast<const char *>(mnl_attr_get_payload(nest));

		note_all(payload, payload + mnl_attr_get_payload_len(nest));
	}
}

void attributes::note_all(const void *begin, const void *end)
{
	auto *attr = static_cast<const nlattr *>(begin);
	auto left = [&] {
		return static_cast<int>(static_cast<const char *>(end) -
					reinterpret_cast<const char *>(attr));
	};

	for (; mnl_attr_ok(attr, left()); attr = mnl_attr_next(attr))
		note(attr);
}

void attributes::note(const nlattr *attr)
{
	std::uint16_t type = mnl_attr_get_type(attr);

	if (type < table_.size())
		table_[type] = attr;
}

const nlattr *attributes::find(unsigned type) const
{
	return type < table_.size() ? table_[type] : nullptr;
}

std::size_t attributes::length(unsigned type) const
{
	const nlattr *attr = find(type);

	return attr ? mnl_attr_get_payload_len(attr) : 0;
}

const void *attributes::data(unsigned type, std::size_t least) const
{
	const nlattr *attr = find(type);

	return attr && mnl_attr_get_payload_len(attr) >= least ? mnl_attr_get_payload(attr) :
								 nullptr;
}

std::uint32_t attributes::u32(unsigned type, std::uint32_t otherwise) const
{
	const void *payload = data(type, sizeof(otherwise));

	if (payload)
		std::memcpy(&otherwise, payload, sizeof(otherwise));
	return otherwise;
}

std::uint8_t attributes::u8(unsigned type, std::uint8_t otherwise) const
{
	const void *payload = data(type, sizeof(otherwise));

	return payload ? *static_cast<const std::uint8_t *>(payload) : otherwise;
}

std::string attributes::string(unsigned type) const
{
	const char *text = static_cast<const char *>(data(type, 0));

	return text ? std::string(text, strnlen(text, length(type))) : std::string();
}

netlink::netlink()
	: socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)),
	  buffer_(64 * 1024),
	  sequence_(static_cast<std::uint32_t>(std::time(nullptr)))
{
	int on = 1;

	if (!socket_ || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		if (socket_)
			mnl_socket_close(socket_);
		refused("cannot talk to the kernel by netlink: {}", std::strerror(error));
	}
	/* Sentences from the kernel; without them errno has to do. */
	mnl_socket_setsockopt(socket_, NETLINK_EXT_ACK, &on, sizeof(on));
}

netlink::~netlink()
{
	mnl_socket_close(socket_);
}

void netlink::change(request &asked, const std::string &what, std::span<const reason> reasons)
{
	try_change(asked, 0, what, reasons);
}

bool netlink::try_change(request &asked, int tolerated, const std::string &what,
			 std::span<const reason> reasons)
{
	asked.message()->nlmsg_flags |= NLM_F_ACK;

	int error = talk(asked, [](const nlmsghdr *) {});
	if (error && error != tolerated)
		explain(error, what, reasons);
	return !error;
}

void netlink::query(request &asked, const std::string &what, const each &use,
		    std::span<const reason> reasons)
{
	interrupted_ = false;
	if (!(asked.message()->nlmsg_flags & NLM_F_DUMP))
		asked.message()->nlmsg_flags |= NLM_F_ACK;

	int error = talk(asked, use);
	if (error)
		explain(error, what, reasons);
	if (interrupted_)
		std::fputs("edu: something changed meanwhile: the list may have gaps\n", stderr);
}

/* Sends, then reads until the end or an acknowledgement. Returns 0 or a positive errno. */
int netlink::talk(request &asked, const each &use)
{
	nlmsghdr *message = asked.message();
	int error = 0;

	kernel_sentence_.clear();
	message->nlmsg_seq = ++sequence_;
	if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0)
		return errno;
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		int left = static_cast<int>(got);
		auto *at = reinterpret_cast<const nlmsghdr *>(buffer_.data());
		for (; mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left))
			if (at->nlmsg_seq == sequence_ && handle(at, use, error))
				return error;
	}
}

/* True when the message ends the answer. */
bool netlink::handle(const nlmsghdr *message, const each &use, int &error)
{
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		interrupted_ = true;
	if (message->nlmsg_type == NLMSG_DONE) {
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(int)) {
			int status = *static_cast<const int *>(mnl_nlmsg_get_payload(message));

			error = status < 0 ? -status : 0;
			remember_reason(message, sizeof(int));
		}
		return true;
	}
	if (message->nlmsg_type == NLMSG_ERROR) {
		if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) {
			error = EBADMSG;
			return true;
		}
		auto *answer = static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(message));
		std::size_t skip = sizeof(nlmsgerr);

		if (!(message->nlmsg_flags & NLM_F_CAPPED))
			skip += answer->msg.nlmsg_len - NLMSG_HDRLEN;
		error = -answer->error;
		remember_reason(message, skip);
		return true;
	}
	if (message->nlmsg_type >= NLMSG_MIN_TYPE)
		use(message);
	return false;
}

/* `skip` octets of payload lie in front of the attributes. */
void netlink::remember_reason(const nlmsghdr *message, std::size_t skip)
{
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	kernel_sentence_ = attributes(message, skip).string(NLMSGERR_ATTR_MSG);
}

void netlink::explain(int error, const std::string &what, std::span<const reason> reasons)
{
	if (!kernel_sentence_.empty())
		refused("cannot {}: {}", what, kernel_sentence_);
	for (const auto &entry : reasons)
		if (entry.error == error)
			refused("cannot {}: {}", what, entry.sentence);
	if (error == EPERM)
		refused("cannot {}: this needs CAP_NET_ADMIN in the namespace: try as root", what);
	refused("cannot {}: {}", what, std::strerror(error));
}

listener::listener(std::span<const unsigned> groups, int room)
	: socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK)), buffer_(64 * 1024)
{
	if (!socket_ || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		if (socket_)
			mnl_socket_close(socket_);
		refused("cannot talk to the kernel by netlink: {}", std::strerror(error));
	}
	/* The first needs CAP_NET_ADMIN and knows no limit. */
	if (room && setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (int group : groups)
		mnl_socket_setsockopt(socket_, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
}

listener::~listener()
{
	mnl_socket_close(socket_);
}

bool listener::receive(const netlink::each &use)
{
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ENOBUFS)
			return false;
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got < 0)
			refused("cannot hear the kernel's messages: {}", std::strerror(errno));
		int left = static_cast<int>(got);
		auto *at = reinterpret_cast<const nlmsghdr *>(buffer_.data());
		for (; mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left))
			if (at->nlmsg_type >= NLMSG_MIN_TYPE)
				use(at);
	}
}

} // namespace edu
