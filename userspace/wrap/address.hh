/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Socket addresses rewritten both ways: AF_INET for the program, AF_EDUINET for the kernel, which differ
 * in nothing but the family; and for a program that believes its socket to be of AF_INET6 the addresses
 * of RFC 4291, 2.5.5.2, that have an IPv4 address in them (::ffff:10.0.0.1).
 *
 * Locking: none.
 */
#ifndef EDU_WRAP_ADDRESS_HH
#define EDU_WRAP_ADDRESS_HH

#include "faces.hh"
#include "memory.hh"
#include "real.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace edu::wrap {

/* The least that Linux takes for an address of AF_INET6: sin6_scope_id came later. */
inline constexpr socklen_t least_inet6 = offsetof(sockaddr_in6, sin6_scope_id);

/* What an address of AF_INET6 says in IPv4: that inside it, or any for "::". False: it is true IPv6. */
inline bool inet_within(const sockaddr_in6 &six, sockaddr_in &into)
{
	const in6_addr &address = six.sin6_addr;

	if (!IN6_IS_ADDR_V4MAPPED(&address) && !IN6_IS_ADDR_UNSPECIFIED(&address))
		return false;
	into = {};
	into.sin_family = AF_INET;
	into.sin_port = six.sin6_port;
	std::memcpy(&into.sin_addr, address.s6_addr + 12, 4);
	return true;
}

/* And back; any becomes "::". */
inline sockaddr_in6 inet6_around(const sockaddr_in &four)
{
	sockaddr_in6 made{};

	made.sin6_family = AF_INET6;
	made.sin6_port = four.sin_port;
	if (four.sin_addr.s_addr) {
		made.sin6_addr.s6_addr[10] = made.sin6_addr.s6_addr[11] = 0xff;
		std::memcpy(made.sin6_addr.s6_addr + 12, &four.sin_addr, 4);
	}
	return made;
}

/* An address on the way to the kernel: a copy of our family when it says AF_INET (or an IPv4 address in
 * AF_INET6) and the socket is ours, else the program's own. Lives as long as the call. */
class outgoing {
public:
	outgoing(int fd, const sockaddr *address, socklen_t length)
		: address_(address), length_(length)
	{
		if (length < sizeof(address->sa_family) || length > sizeof(copy_) ||
		    !readable(address, length))
			return;
		if (address->sa_family == AF_INET)
			rewrite(is_ours(face_of(fd)));
		else if (address->sa_family == AF_INET6 && noted_face(fd) == face::mapped)
			[[unlikely]]
			rewrite_inet6();
	}
	outgoing(const outgoing &) = delete;
	outgoing &operator=(const outgoing &) = delete;

	const sockaddr *get() const { return address_; }
	socklen_t length() const { return length_; }

private:
	void rewrite(bool ours)
	{
		if (!ours)
			return;
		std::memcpy(&copy_, address_, length_);
		copy_.ss_family = static_cast<sa_family_t>(rules.family);
		address_ = reinterpret_cast<const sockaddr *>(&copy_);
	}

	void rewrite_inet6()
	{
		sockaddr_in6 six{};
		sockaddr_in four;

		if (length_ < least_inet6)
			return;
		std::memcpy(&six, address_, length_ < sizeof(six) ? length_ : sizeof(six));
		if (!inet_within(six, four))
			return;
		four.sin_family = static_cast<sa_family_t>(rules.family);
		std::memcpy(&copy_, &four, sizeof(four));
		address_ = reinterpret_cast<const sockaddr *>(&copy_);
		length_ = sizeof(four);
	}

	const sockaddr *address_;
	socklen_t length_;
	sockaddr_storage copy_; /* set only when address_ points to it */
};

/* An address that the kernel has written, of which the program has `length` octets. */
inline void rewrite_incoming(int fd, void *address, std::size_t length)
{
	sa_family_t family;

	if (!address || length < sizeof(family))
		return;
	std::memcpy(&family, address, sizeof(family));
	if (family != rules.family || noted_face(fd) == face::native)
		return;
	family = AF_INET;
	std::memcpy(address, &family, sizeof(family));
}

/*
 * An address that the kernel has written into `name`, `length` octets of it, as a program is told that
 * believes in AF_INET6: into `address`, of which `room` octets are there. Its length, which may be more.
 */
inline socklen_t tell_inet6(const sockaddr_storage &name, socklen_t length, void *address,
			    std::size_t room)
{
	const void *told = &name;
	sockaddr_in6 six;

	if (length >= sizeof(sockaddr_in) && name.ss_family == rules.family) {
		six = inet6_around(*reinterpret_cast<const sockaddr_in *>(&name));
		told = &six;
		length = sizeof(six);
	}
	std::memcpy(address, told, length < room ? length : room);
	return length;
}

/* Where the kernel is to write an address, and how much room there is: the program's own memory, but
 * for a socket that it believes to be of AF_INET6, whose addresses are longer. */
class incoming {
public:
	incoming(int fd, sockaddr *address, socklen_t *length)
		: address_(address),
		  length_(length),
		  room_(address && readable(length) ? *length : 0)
	{
		if (noted_face(fd) == face::mapped) [[unlikely]]
			use_own_memory();
	}
	incoming(const incoming &) = delete;
	incoming &operator=(const incoming &) = delete;

	sockaddr *address() { return own_ ? reinterpret_cast<sockaddr *>(&name_) : address_; }
	socklen_t *length() { return own_ ? &name_length_ : length_; }

	/* After a call that has gone well. */
	void finish(int fd)
	{
		if (!address_)
			return;
		if (own_) [[unlikely]]
			*length_ = tell_inet6(name_, name_length_, address_, room_);
		else
			rewrite_incoming(fd, address_, *length_ < room_ ? *length_ : room_);
	}

private:
	/* Not when the kernel is going to refuse the program's. */
	void use_own_memory()
	{
		own_ = address_ && static_cast<int>(room_) > 0 && readable(address_, room_);
	}

	sockaddr *address_;
	socklen_t *length_;
	socklen_t room_; /* before the call; afterwards *length_ may say more */
	bool own_ = false;
	socklen_t name_length_ = sizeof(name_);
	sockaddr_storage name_;
};

} // namespace edu::wrap

#endif /* EDU_WRAP_ADDRESS_HH */
