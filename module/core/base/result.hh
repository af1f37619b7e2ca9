// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors: a function returns a result, which holds either a value or an error number.
 *
 * Used for what a caller asked for and may be refused (a bind, a route, an allocation). What
 * becomes of a packet is not an error but a verdict, and is told elsewhere.
 *
 * The numbers are Linux's own, so that the socket layer hands them to programs unchanged. They
 * are in lower case because a hosted program's <errno.h> makes macros of the upper-case names.
 * Not here: exceptions. There are none in the kernel.
 *
 * Locking: none. A result is a value.
 */
#pragma once

#include "edu/std.hh"

namespace edu {

enum class errc : int {
	none = 0,
	eperm = 1,
	enoent = 2,
	esrch = 3,
	eintr = 4,
	eio = 5,
	enxio = 6,
	e2big = 7,
	ebadf = 9,
	eagain = 11,
	enomem = 12,
	eacces = 13,
	efault = 14,
	ebusy = 16,
	eexist = 17,
	exdev = 18,
	enodev = 19,
	einval = 22,
	enfile = 23,
	emfile = 24,
	enospc = 28,
	epipe = 32,
	edom = 33,
	erange = 34,
	enametoolong = 36,
	enosys = 38,
	enomsg = 42,
	enodata = 61,
	eproto = 71,
	ebadmsg = 74,
	eoverflow = 75,
	eusers = 87,
	enotsock = 88,
	edestaddrreq = 89,
	emsgsize = 90,
	eprototype = 91,
	enoprotoopt = 92,
	eprotonosupport = 93,
	esocktnosupport = 94,
	eopnotsupp = 95,
	epfnosupport = 96,
	eafnosupport = 97,
	eaddrinuse = 98,
	eaddrnotavail = 99,
	enetdown = 100,
	enetunreach = 101,
	enetreset = 102,
	econnaborted = 103,
	econnreset = 104,
	enobufs = 105,
	eisconn = 106,
	enotconn = 107,
	eshutdown = 108,
	etoomanyrefs = 109,
	etimedout = 110,
	econnrefused = 111,
	ehostdown = 112,
	ehostunreach = 113,
	ealready = 114,
	einprogress = 115,
	ecanceled = 125,
	erestartsys = 512, /* the kernel's own: call again after the signal */
};

namespace detail {

struct nothing {};

/* Plain values travel in registers, as an int and an int would in C. */
template <typename T, bool plain = std::is_trivially_copyable_v<T>>
struct result_storage {
	constexpr explicit result_storage(errc why) : error{why}, empty{} {}
	constexpr explicit result_storage(T &&v) : error{errc::none}, value{std::move(v)} {}

	errc error;
	union {
		nothing empty;
		T value;
	};
};

/* Owners (a packet, a reference) are moved, and destroyed with the result that holds them. */
template <typename T>
struct result_storage<T, false> {
	constexpr explicit result_storage(errc why) : error{why}, empty{} {}
	constexpr explicit result_storage(T &&v) : error{errc::none}, value{std::move(v)} {}
	constexpr result_storage(result_storage &&other) : error{other.error}, empty{}
	{
		if (error == errc::none)
			::new (static_cast<void *>(&value)) T(std::move(other.value));
	}
	result_storage &operator=(result_storage &&) = delete;
	constexpr ~result_storage()
	{
		if (error == errc::none)
			value.~T();
	}

	errc error;
	union {
		nothing empty;
		T value;
	};
};

} // namespace detail

/*
 * A value, or why there is none. Made implicitly from either: "return route;",
 * "return errc::enetunreach;".
 */
template <typename T>
class [[nodiscard]] result {
	static_assert(!std::is_reference_v<T>, "return a pointer instead");
	static_assert(!std::is_same_v<T, errc>);

public:
	using value_type = T;

	constexpr result(T value) : held_{std::move(value)} {}

	/* @why is not errc::none: success needs a value. */
	constexpr result(errc why) : held_{why} {}

	constexpr bool ok() const { return held_.error == errc::none; }
	constexpr explicit operator bool() const { return ok(); }
	constexpr errc error() const { return held_.error; }

	/* Only when ok(). */
	constexpr T &value() & { return held_.value; }
	constexpr const T &value() const & { return held_.value; }
	constexpr T value() && { return std::move(held_.value); }

	constexpr T value_or(T otherwise) &&
	{
		return ok() ? std::move(held_.value) : std::move(otherwise);
	}

private:
	detail::result_storage<T> held_;
};

/* Success, or why not. Success is written "return {};". */
template <>
class [[nodiscard]] result<void> {
public:
	using value_type = void;

	constexpr result() = default;
	constexpr result(errc why) : error_{why} {}

	constexpr bool ok() const { return error_ == errc::none; }
	constexpr explicit operator bool() const { return ok(); }
	constexpr errc error() const { return error_; }
	constexpr void value() const {}

private:
	errc error_ = errc::none;
};

/* What the C side of the bridge gets: 0, or the error's number made negative. */
constexpr int to_errno(errc why)
{
	return -static_cast<int>(why);
}

template <typename T>
constexpr int to_errno(const result<T> &r)
{
	return to_errno(r.error());
}

/* What the C side of the bridge gave: 0 or a negative error number. */
constexpr result<void> from_errno(int ret)
{
	return ret < 0 ? static_cast<errc>(-ret) : errc::none;
}

/*
 * The value of a result; when there is none, the function around it returns the error.
 *
 *	rtable *route = TRY(lookup(dest));
 *
 * The result is kept by value: gcc 12 loses temporaries that a reference inside a statement
 * expression keeps alive.
 */
#define TRY(expression)                                                                            \
	__extension__({                                                                            \
		auto try_result_ = (expression);                                                   \
		if (!try_result_.ok()) [[unlikely]]                                                \
			return try_result_.error();                                                \
		std::move(try_result_).value();                                                    \
	})

} // namespace edu
