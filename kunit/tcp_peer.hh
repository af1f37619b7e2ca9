// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host and a peer that is none: its TCP segments are made by hand, and what the host answers is read from
 * the cable.
 *
 *	tcp_line line;
 *	line.open_passively();			// three packets
 *	line.say({.flags = flag::ack, .data = octets("tlk")});
 *	EXPECT_EQ(line.heard().ack(), line.seq);
 *
 * The host is 10.0.0.1, station 1; the peer 10.0.0.9, station 9, port 5000.
 *
 * Locking: none. Tests run one after the other.
 */
#pragma once

#include "frames.hh"
#include "wire/tcp.hh"

namespace edu::test {

namespace flag = wire::tcp::flag;

inline constexpr u16 ethertype_of_ip = 0x0800;

/* An open stream; closes itself. */
class line_sock {
public:
	explicit line_sock(edu_t_sock *sock = nullptr) : sock_{sock} {}
	explicit line_sock(const host &on)
	{
		int error;

		sock_ = edu_t_socket(on.get(), sock_stream, 0, &error);
	}
	line_sock(line_sock &&other) : sock_{std::exchange(other.sock_, nullptr)} {}
	line_sock &operator=(line_sock &&other)
	{
		close();
		sock_ = std::exchange(other.sock_, nullptr);
		return *this;
	}
	~line_sock() { close(); }

	bool is_open() const { return sock_; }
	edu_t_sock *get() const { return sock_; }
	::sock *sk() const { return edu_t_sk(sock_); }
	void close()
	{
		if (sock_)
			edu_t_close(std::exchange(sock_, nullptr));
	}
	int bind(u16 port) { return edu_t_bind(sock_, 0, be16{port}.raw()); }
	int listen(int backlog = 8) { return edu_core_listen(sk(), backlog); }
	line_sock accept()
	{
		int error;

		return line_sock{edu_t_accept(sock_, 04000, &error)};
	}
	int connect(be32 address, u16 port)
	{
		return edu_t_connect_flags(sock_, address.raw(), be16{port}.raw(), 04000);
	}
	int send(bytes data, u32 flags = msg_dontwait)
	{
		return edu_t_send(sock_, data.data(), static_cast<u32>(data.size()), flags, 0, 0);
	}
	/* What recvmsg() returns; the octets are in `data`. */
	int receive(u32 flags = msg_dontwait, u32 room = sizeof(data))
	{
		edu_t_recv call = {};

		call.data = data;
		call.room = room;
		call.flags = flags;
		return edu_t_recvmsg(sock_, &call);
	}
	/* The next octets are these, and there are no more. */
	bool gets(bytes wanted)
	{
		const int got = receive();

		return got >= 0 && same({data, static_cast<size_t>(got)}, wanted);
	}
	int shutdown(int how) { return edu_core_shutdown(sk(), how); }
	int set(int level, int name, int value)
	{
		return edu_t_setsockopt(sock_, level, name, &value, sizeof(value));
	}
	/* SO_ERROR: a positive errno, or 0. */
	int error()
	{
		u8 value[64] = {};
		unsigned int len = sizeof(int);

		return edu_t_getsockopt(sock_, sol_socket, 4, value, &len) ?
			       -1 :
			       static_cast<int>(load_native<u32>(value));
	}
	/* TCP_INFO's state, a TCP_* number. */
	int state()
	{
		u8 value[256] = {};
		unsigned int len = sizeof(value);

		return edu_t_getsockopt(sock_, sol_tcp, 11, value, &len) ? -1 : value[0];
	}

	u8 data[512] = {};

private:
	edu_t_sock *sock_ = nullptr;
};

namespace tcp_state_number {
inline constexpr int established = 1, syn_sent = 2, syn_recv = 3, fin_wait1 = 4, fin_wait2 = 5,
		     time_wait = 6, close = 7, close_wait = 8, last_ack = 9, listen = 10,
		     closing = 11;
} // namespace tcp_state_number

/* A segment of the peer. What is not given is what comes next. */
struct by_hand {
	u8 flags = flag::ack;
	bytes data = {};
	wire::tcp::options opts = {};
	s32 ahead = 0;	   /* from line.seq on */
	s32 ack_ahead = 0; /* from line.ack on */
	u16 window = 60000;
	u16 urgent = 0;
	bool spoilt = false; /* its checksum is wrong */
};

class tcp_line {
	nothing_left check_;

public:
	static constexpr u16 port = 7, peer_port = 5000;
	static constexpr be32 ours = ip4(10, 0, 0, 1), theirs = ip4(10, 0, 0, 9);

	class cable cable;
	host a;
	line_sock listener, sock;
	seq32 seq{1000}; /* the peer's next number */
	seq32 ack;	 /* our next number, as the peer knows it */
	u16 our_port = port;

	tcp_line()
	{
		a.plug(cable, 1);
		a.add_address(ours, 24);
		edu_t_run(0);
		a.inject(arp_question(9, theirs, ours).all());
		edu_t_run(0);
		cable.clear();
	}
	tcp_line(const tcp_line &) = delete;

	/* The peer sends it, and the host has its say. */
	void say(const by_hand &what)
	{
		handmade frame = made(what);

		a.inject(frame.all());
		edu_t_run(0);
	}
	/* … and the peer's next number is behind it. */
	void say_next(const by_hand &what)
	{
		say(what);
		seq += static_cast<u32>(what.data.size()) + !!(what.flags & flag::fin) +
		       !!(what.flags & flag::syn);
	}
	void run(u32 ms) { edu_t_run(ms); }

	/* Segments of the host since the last forget(). */
	u32 count() const
	{
		u32 n = 0;

		for (u32 i = 0; i < cable.frames(); i++)
			n += is_ours(cable.frame(i));
		return n;
	}
	/* The nth last of them; there must be one. */
	wire::tcp::view heard(u32 nth_last = 0) const
	{
		for (u32 i = cable.frames(); i-- > 0;) {
			const bytes frame = cable.frame(i);

			if (is_ours(frame) && !nth_last--)
				return wire::tcp::view::checked(payload_of(frame)).header;
		}
		static constexpr u8 nothing[20] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50};
		return wire::tcp::view::checked(bytes{nothing}).header;
	}
	/* A single segment came, with these flags. */
	bool heard_only(u8 flags) const { return count() == 1 && heard().flags() == flags; }
	void forget() { cable.clear(); }

	void listen(int option = 0, int value = 0)
	{
		listener = line_sock{a};
		EXPECT_EQ(listener.bind(port), 0);
		if (option)
			EXPECT_EQ(listener.set(sol_tcp, option, value), 0);
		EXPECT_EQ(listener.listen(), 0);
	}
	/* The peer opens a connection to a listener, with these options. */
	void open_passively(const wire::tcp::options &opts = {.mss = 1460, .sack = {}})
	{
		if (!listener.is_open())
			listen();
		say_next({.flags = flag::syn, .data = {}, .opts = opts});
		EXPECT_EQ(heard().flags(), flag::syn | flag::ack);
		EXPECT_EQ(heard().ack(), seq);
		ack = heard().seq() + 1;
		say({.opts = stamps(opts)});
		sock = listener.accept();
		EXPECT_TRUE(sock.is_open());
		forget();
	}
	/* We connect; the SYN is on the cable. */
	void connect()
	{
		sock = line_sock{a};
		EXPECT_EQ(sock.connect(theirs, peer_port), -115); /* EINPROGRESS */
		edu_t_run(0);
		EXPECT_EQ(heard().flags(), flag::syn);
		our_port = heard().source();
		ack = heard().seq() + 1;
	}
	void open_actively(const wire::tcp::options &opts = {.mss = 1460, .sack = {}})
	{
		connect();
		say_next({.flags = flag::syn | flag::ack, .data = {}, .opts = opts});
		EXPECT_EQ(heard().flags(), flag::ack);
		EXPECT_EQ(sock.state(), tcp_state_number::established);
		forget();
	}

	/* The timestamp that goes with a connection opened with such options. */
	static wire::tcp::options stamps(const wire::tcp::options &of)
	{
		wire::tcp::options opts;

		opts.has_timestamps = of.has_timestamps;
		opts.ts_value = of.ts_value;
		return opts;
	}

	handmade made(const by_hand &what) const
	{
		u8 segment[200] = {};
		const size_t header_len = wire::tcp::min_header_len + what.opts.length();
		const wire::tcp::repr header{.source = peer_port,
					     .dest = our_port,
					     .seq = seq + static_cast<u32>(what.ahead),
					     .ack = what.flags & flag::ack ?
							    ack + static_cast<u32>(what.ack_ahead) :
							    seq32{},
					     .flags = what.flags,
					     .window = what.window,
					     .urgent = what.urgent};
		const mutable_bytes front{segment, header_len};

		header.emit(front, what.opts);
		copy_bytes(segment + header_len, what.data);
		wire::tcp::finish_checksum(front, theirs, ours, inet_sum{}.add(what.data),
					   what.data.size());
		segment[16] ^= what.spoilt;
		return ip_frame(9, 1, {.ttl = 64, .protocol = 6, .src = theirs, .dst = ours},
				{segment, header_len + what.data.size()});
	}

private:
	static bool is_ours(bytes frame)
	{
		return frame.size() >= 54 && load_be16(&frame[12]) == ethertype_of_ip &&
		       frame[23] == 6;
	}
};

} // namespace edu::test
