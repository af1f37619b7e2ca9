// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that carry an address with data: to the kernel a copy goes that names our family; what the
 * kernel writes is rewritten where it lies, in names and in control messages. Without an address they
 * cost a comparison. send() and recv(), which carry none, are here for what rtnetlink is asked.
 *
 * Locking: none.
 */
#include "address.hh"
#include "late.hh"
#include "real.hh"
#include "rtnetlink.hh"

#include <linux/errqueue.h>

using namespace edu::wrap;

namespace {

/* Addresses inside control messages, and descriptors that other programs have passed. */
void rewrite_control(int fd, msghdr *message)
{
	for (cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
		if (one->cmsg_len < CMSG_LEN(0))
			return;
		std::size_t length = one->cmsg_len - CMSG_LEN(0);
		unsigned char *data = CMSG_DATA(one);
		constexpr std::size_t skip = sizeof(sock_extended_err); /* the offender follows */

		if (one->cmsg_level == SOL_IP && one->cmsg_type == IP_ORIGDSTADDR)
			rewrite_incoming(fd, data, length);
		else if (one->cmsg_level == SOL_IP && one->cmsg_type == IP_RECVERR && length > skip)
			rewrite_incoming(fd, data + skip, length - skip);
		else if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_RIGHTS)
			for (std::size_t at = 0; at + sizeof(int) <= length; at += sizeof(int)) {
				int passed;
				std::memcpy(&passed, data + at, sizeof(passed));
				note_face(passed, face::unknown);
			}
	}
}

/* room: what msg_namelen was before the call, which leaves the length of the whole name there. */
void rewrite_received(int fd, msghdr *message, socklen_t room)
{
	if (message->msg_name)
		rewrite_incoming(fd, message->msg_name,
				 message->msg_namelen < room ? message->msg_namelen : room);
	if (message->msg_controllen)
		rewrite_control(fd, message);
}

/* The message's name is an address that may need rewriting: a look at the socket is due. */
bool names_inet(const msghdr &message)
{
	auto *name = static_cast<const sockaddr *>(message.msg_name);

	return message.msg_namelen >= sizeof(name->sa_family) && readable(name) &&
	       (name->sa_family == AF_INET || name->sa_family == AF_INET6);
}

/* Asked of the kernel as well, for what other files receive is not to be touched. */
bool is_rtnetlink(int fd)
{
	errno_guard keep;
	int domain = 0;
	socklen_t length = sizeof(domain);

	if (noted_face(fd) != face::rtnetlink) [[likely]]
		return false;
	return real::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
	       domain == AF_NETLINK;
}

/* Requests to rtnetlink and its answers lie in one piece, as a rule; others stay as they are. */
ssize_t send_request(int fd, const msghdr &message, int flags)
{
	if (message.msg_iovlen != 1 || !readable(message.msg_iov))
		return real::sendmsg(fd, &message, flags);
	address_request asked(message.msg_iov->iov_base, message.msg_iov->iov_len);
	iovec piece{const_cast<void *>(asked.data()), message.msg_iov->iov_len};
	msghdr copy = message;
	copy.msg_iov = &piece;
	return real::sendmsg(fd, &copy, flags);
}

void rewrite_answer(const msghdr &message, ssize_t got)
{
	auto size = static_cast<std::size_t>(got);

	if (message.msg_iovlen)
		rewrite_messages(message.msg_iov->iov_base,
				 size < message.msg_iov->iov_len ? size : message.msg_iov->iov_len);
}

/* recvmsg() for a socket that is believed to be of AF_INET6. */
ssize_t receive_mapped(int fd, msghdr *message, int flags)
{
	socklen_t room = message->msg_namelen;
	void *told = message->msg_name;
	msghdr copy = *message;
	sockaddr_storage name;

	if (!told || static_cast<int>(room) <= 0 || !readable(told, room))
		return real::recvmsg(fd, message, flags);
	copy.msg_name = &name;
	copy.msg_namelen = sizeof(name);
	ssize_t got = real::recvmsg(fd, &copy, flags);
	if (got < 0)
		return got;
	message->msg_namelen = tell_inet6(name, copy.msg_namelen, told, room);
	message->msg_controllen = copy.msg_controllen;
	message->msg_flags = copy.msg_flags;
	if (message->msg_controllen)
		rewrite_control(fd, message);
	return got;
}

/* Sends up to 16 messages, from copies with rewritten names. */
int send_some(int fd, mmsghdr *messages, unsigned count, int flags)
{
	constexpr unsigned most = 16;
	mmsghdr copies[most];
	sockaddr_storage names[most];

	count = count < most ? count : most;
	for (unsigned i = 0; i < count; i++) {
		msghdr &to = copies[i].msg_hdr;

		copies[i] = messages[i];
		if (!names_inet(to))
			continue;
		outgoing name(fd, static_cast<sockaddr *>(to.msg_name), to.msg_namelen);
		if (name.get() == to.msg_name)
			continue;
		std::memcpy(&names[i], name.get(), name.length());
		to.msg_name = &names[i];
		to.msg_namelen = name.length();
	}
	int sent = real::sendmmsg(fd, copies, count, flags);
	for (int i = 0; i < sent; i++)
		messages[i].msg_len = copies[i].msg_len;
	return sent;
}

/*
 * recvmmsg() for a socket that is believed to be of AF_INET6. The first message is waited for as the
 * program says, without a time limit of its own when there is one: the kernel looks at that only between
 * messages. Of the others those are taken that are there.
 */
int receive_many_mapped(int fd, mmsghdr *messages, unsigned count, int flags)
{
	unsigned done = 0;

	for (; done < count && done < 1024; done++) {
		int how = done ? flags | MSG_DONTWAIT : flags;
		ssize_t got = receive_mapped(fd, &messages[done].msg_hdr, how & ~MSG_WAITFORONE);

		if (got < 0)
			break;
		messages[done].msg_len = static_cast<unsigned>(got);
	}
	return done ? static_cast<int>(done) : -1;
}

} // namespace

EDU_EXPORT ssize_t sendto(int fd, const void *data, std::size_t size, int flags,
			  const sockaddr *address, socklen_t length)
{
	start();
	if (is_rtnetlink(fd)) {
		address_request asked(data, size);
		return real::sendto(fd, asked.data(), size, flags, address, length);
	}
	if (!address)
		return real::sendto(fd, data, size, flags, nullptr, length);
	if (!decide(fd, deed::call, address, length))
		return -1;
	outgoing name(fd, address, length);
	return real::sendto(fd, data, size, flags, name.get(), name.length());
}

EDU_EXPORT ssize_t send(int fd, const void *data, std::size_t size, int flags)
{
	start();
	if (noted_face(fd) != face::rtnetlink) [[likely]]
		return real::send(fd, data, size, flags);
	return sendto(fd, data, size, flags, nullptr, 0);
}

EDU_EXPORT ssize_t sendmsg(int fd, const msghdr *message, int flags)
{
	start();
	if (!readable(message))
		return real::sendmsg(fd, message, flags);
	if (is_rtnetlink(fd))
		return send_request(fd, *message, flags);
	if (!names_inet(*message))
		return real::sendmsg(fd, message, flags);
	auto *name = static_cast<const sockaddr *>(message->msg_name);
	if (!decide(fd, deed::call, name, message->msg_namelen))
		return -1;
	outgoing rewritten(fd, name, message->msg_namelen);
	msghdr copy = *message;
	copy.msg_name = const_cast<sockaddr *>(rewritten.get());
	copy.msg_namelen = rewritten.length();
	return real::sendmsg(fd, &copy, flags);
}

EDU_EXPORT int sendmmsg(int fd, mmsghdr *messages, unsigned count, int flags)
{
	bool any = false;

	start();
	count = count < 1024 ? count : 1024; /* as the kernel does: UIO_MAXIOV */
	for (unsigned i = 0; i < count && !any && readable(&messages[i]); i++)
		any = names_inet(messages[i].msg_hdr);
	if (!any || !readable(messages, count * sizeof(*messages)))
		return real::sendmmsg(fd, messages, count, flags);
	for (unsigned i = 0; i < count && noted_face(fd) != face::wrapped; i++) {
		const msghdr &one = messages[i].msg_hdr;

		if (names_inet(one) &&
		    !decide(fd, deed::call, static_cast<sockaddr *>(one.msg_name), one.msg_namelen))
			return -1;
	}
	if (!is_ours(face_of(fd)))
		return real::sendmmsg(fd, messages, count, flags);
	unsigned done = 0;
	while (done < count) {
		unsigned part = count - done < 16 ? count - done : 16;
		int sent = send_some(fd, messages + done, part, flags);

		if (sent < 0)
			return done ? static_cast<int>(done) : sent;
		done += static_cast<unsigned>(sent);
		if (static_cast<unsigned>(sent) < part)
			break;
	}
	return static_cast<int>(done);
}

EDU_EXPORT ssize_t recvfrom(int fd, void *data, std::size_t size, int flags, sockaddr *address,
			    socklen_t *length)
{
	start();
	if (!address && noted_face(fd) != face::rtnetlink)
		return real::recvfrom(fd, data, size, flags, nullptr, length);
	incoming name(fd, address, length);
	ssize_t got = real::recvfrom(fd, data, size, flags, name.address(), name.length());
	if (got >= 0)
		name.finish(fd);
	if (got > 0 && is_rtnetlink(fd))
		rewrite_messages(data, static_cast<std::size_t>(got) < size ? got : size);
	return got;
}

EDU_EXPORT ssize_t __recvfrom_chk(int fd, void *data, std::size_t size, std::size_t data_room,
				  int flags, sockaddr *address, socklen_t *length)
{
	start();
	if (size > data_room || (!address && noted_face(fd) != face::rtnetlink))
		return real::__recvfrom_chk(fd, data, size, data_room, flags, address, length);
	return recvfrom(fd, data, size, flags, address, length);
}

EDU_EXPORT ssize_t recv(int fd, void *data, std::size_t size, int flags)
{
	start();
	if (noted_face(fd) != face::rtnetlink) [[likely]]
		return real::recv(fd, data, size, flags);
	return recvfrom(fd, data, size, flags, nullptr, nullptr);
}

EDU_EXPORT ssize_t __recv_chk(int fd, void *data, std::size_t size, std::size_t data_room,
			      int flags)
{
	start();
	if (size > data_room || noted_face(fd) != face::rtnetlink) [[likely]]
		return real::__recv_chk(fd, data, size, data_room, flags);
	return recvfrom(fd, data, size, flags, nullptr, nullptr);
}

EDU_EXPORT ssize_t recvmsg(int fd, msghdr *message, int flags)
{
	start();
	if (!readable(message))
		return real::recvmsg(fd, message, flags);
	if (noted_face(fd) == face::mapped) [[unlikely]]
		return receive_mapped(fd, message, flags);
	socklen_t room = message->msg_namelen;
	ssize_t got = real::recvmsg(fd, message, flags);
	if (got >= 0)
		rewrite_received(fd, message, room);
	if (got > 0 && is_rtnetlink(fd))
		rewrite_answer(*message, got);
	return got;
}

EDU_EXPORT int recvmmsg(int fd, mmsghdr *messages, unsigned count, int flags, timespec *timeout)
{
	start();
	if (noted_face(fd) == face::mapped && readable(messages, count * sizeof(*messages)))
		[[unlikely]]
		return receive_many_mapped(fd, messages, count, flags);
	int got = real::recvmmsg(fd, messages, count, flags, timeout);
	/* The room of each name is not known any more; a family lies at its very beginning. */
	for (int i = 0; i < got; i++)
		rewrite_received(fd, &messages[i].msg_hdr, sizeof(sockaddr_storage));
	return got;
}
