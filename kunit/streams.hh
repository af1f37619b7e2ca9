// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stream sockets for the tests of opening and closing: what a program sees, and the sock behind it.
 *
 *	stream server{w.b}, client{w.a};
 *
 *	server.listen_at(7);
 *	client.begin(w.b.address(), 7);
 *	w.settle();
 *	stream child = server.accept();
 *
 * One that goes out of scope without close() is aborted first, so that nothing of its connection
 * outlives the world.
 *
 * Locking: none. Tests run one after the other.
 */
#pragma once

#include "stack.hh"
#include "world.hh"

namespace edu::test {

inline constexpr int err_again = -11, err_inval = -22, err_addrinuse = -98, err_addrnotavail = -99,
		     err_netunreach = -101, err_connaborted = -103, err_connreset = -104,
		     err_isconn = -106, err_connrefused = -111, err_already = -114,
		     err_inprogress = -115;
inline constexpr int so_reuse_address = 2, so_error_number = 4, so_reuse_port = 15;

class stream : public socket {
public:
	explicit stream(host &on) : socket{on.tcp()} {}
	explicit stream(socket &&from) : socket{std::move(from)} {}
	stream(stream &&) = default;
	stream &operator=(stream &&) = delete;
	~stream()
	{
		if (is_open())
			disconnect();
	}

	tcp_sock &tcp() const { return tcp_sk(core(sk())); }
	sock_state state() const { return state_of(core(sk())); }

	int listen_at(u16 port, int backlog = 8)
	{
		int error = bind({}, port);

		return error ? error : listen(backlog);
	}
	stream accept() { return stream{socket::accept()}; }
	/* How many octets there are to read, or a negative errno. */
	int read_some()
	{
		u8 octets[64];

		return read(octets);
	}
};

} // namespace edu::test
