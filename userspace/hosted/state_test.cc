// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs may do to a stream at awkward times: threads that share one, and every call, loss and removal
 * in every state that a connection can be in.
 *
 * Requirements: LAYER-3, BSD-6, TCP-8, TCP-12. Locking: none, a single thread.
 */
#include "listening_wire.hh"
#include "sim_test.hh"

#include <cstring>
#include <string>
#include <utility>

using namespace hosted;

namespace {

constexpr edu_u64 ms = 1000000; /* ns */

/* A connection, open at both ends. */
struct open_wire : listening_wire {
	edu_t_sock *client = stream_of(a), *server;

	open_wire() : listening_wire(8)
	{
		int error;

		edu_t_connect_flags(client, b_address, port, nonblock);
		edu_t_run(10);
		server = edu_t_accept(listener, nonblock, &error);
		EXPECT(server);
	}
};

std::string read_all(edu_t_sock *sock, edu_u32 flags, unsigned int room = 64)
{
	char data[64];
	edu_t_recv recv = {};

	recv.data = data;
	recv.room = room;
	recv.flags = flags;
	const int got = edu_t_recvmsg(sock, &recv);

	return got > 0 ? std::string(data, static_cast<std::size_t>(got)) : std::string();
}

void write_all(edu_t_sock *sock, const char *text)
{
	const auto len = static_cast<unsigned int>(std::strlen(text));

	EXPECT(edu_t_send(sock, text, len, dontwait, 0, 0) == static_cast<int>(len));
}

void after(edu_u64 wait_ms, std::function<void()> what)
{
	program_at(edu_k_now_ns() + wait_ms * ms, std::move(what));
}

/* One thread waits for octets; another has read those that came first when it gets its turn. */
void a_reader_goes_on_where_another_has_stopped(edu_u32 flags)
{
	open_wire w;
	std::string other;

	after(10, [&] { write_all(w.client, "first"); });
	after(10, [&] { other = read_all(w.server, 0); });
	after(20, [&] { write_all(w.client, "second"); });
	EXPECT(read_all(w.server, flags) == "second");
	EXPECT(other == "first");
}

/* One waits for many; another takes some of what is between. Nobody gets an octet twice. */
void two_readers_share_what_comes()
{
	constexpr edu_u32 waitall = 0x100;
	open_wire w;
	std::string other;

	after(10, [&] { write_all(w.client, "0123"); });
	after(20, [&] {
		write_all(w.client, "45");
		other = read_all(w.server, 0, 2);
	});
	after(30, [&] { write_all(w.client, "6789"); });
	EXPECT(read_all(w.server, waitall, 8) == "01236789");
	EXPECT(other == "45");
}

/* While one waits, another lets the connection go and makes a new one. */
void a_reader_is_not_lost_when_the_socket_connects_anew(edu_u32 flags)
{
	open_wire w;
	edu_t_sock *second = nullptr;
	int error;

	after(10, [&] {
		edu_t_disconnect(w.client);
		edu_t_connect_flags(w.client, b_address, port, 0);
	});
	after(20, [&] {
		second = edu_t_accept(w.listener, nonblock, &error);
		EXPECT(second);
		write_all(second, "anew");
	});
	const std::string got = read_all(w.client, flags);

	edu_t_run(100);
	EXPECT(got.empty());
	EXPECT(read_all(w.client, dontwait) == "anew");
}

} // namespace

void threads_share_a_stream()
{
	constexpr edu_u32 peek = 2;

	rounds_of(4, [] {
		for (edu_u32 flags : {0u, peek})
			a_reader_goes_on_where_another_has_stopped(flags);
	});
	rounds_of(2, two_readers_share_what_comes);
	rounds_of(2, [] {
		for (edu_u32 flags : {0u, peek})
			a_reader_is_not_lost_when_the_socket_connects_anew(flags);
	});
}

/*
 * Anything, in any state
 */

namespace {

/* TCP_* as struct sock has them. */
enum : std::uint8_t {
	established = 1,
	syn_sent,
	syn_recv,
	fin_wait1,
	fin_wait2,
	time_wait,
	closed,
	close_wait,
	last_ack,
	listening,
	closing,
};

/* The states that a program's socket is found in; the last ones are of sockets that a program has not. */
enum class situation : std::uint8_t {
	fresh,
	bound,
	asked,	 /* SYN-SENT */
	crossed, /* SYN-RECEIVED, both ends have opened */
	open,
	full, /* open, with data that nobody reads, more that waits, and an urgent octet */
	fin_wait1,
	fin_wait2,
	close_wait,
	closing,
	last_ack,
	over,	 /* in TIME-WAIT the record, CLOSE the socket */
	listens, /* with a connection that waits, and one half-open */
	orphan,	 /* an end in FIN-WAIT-1 without a program, and its peer */
	count,
};

constexpr edu_u32 trip_ms = 20; /* both ways */

/* Two hosts, a slow cable, and a socket in one of these states. */
class awkward {
public:
	awkward()
	{
		set_preemption(chance() % 300);
		set_nonlinear(chance() % 500);
		set_eager_cables(happens(500));
		impair(w_.cable, {.delay_ns = trip_ms / 2 * ms});
		reach(static_cast<situation>(chance() % static_cast<edu_u32>(situation::count)));
	}

	void play()
	{
		for (edu_u32 i = 0, most = 1 + chance() % 6; i < most; i++) {
			if (happens(200))
				edu_t_fail_alloc(1 + chance() % 10);
			if (happens(400))
				after(chance() % 40, [this] { happen(); });
			happen();
			edu_t_run(chance() % 40);
		}
	}

	/* What then is left ends by itself. */
	void end_well()
	{
		edu_t_run(40);
		edu_t_fail_alloc(0);
		edu_t_pressure(0);
		impair(w_.cable, {});
		for (edu_t_host *host : w_.net.hosts())
			while (!host->sockets.empty())
				edu_t_close(host->sockets.back());
		w_.net.wait_for_silence();
		for (edu_t_host *host : w_.net.hosts())
			EXPECT(host->socks.empty());
	}

private:
	std::uint8_t state() const { return edu_t_sk(us_)->state; }

	void connect_pair()
	{
		int error;

		us_ = stream_of(w_.a);
		edu_t_connect_flags(us_, b_address, port, nonblock);
		edu_t_run(2 * trip_ms);
		them_ = edu_t_accept(w_.listener, nonblock, &error);
		EXPECT(them_ && state() == established);
	}

	void fill()
	{
		static const std::uint8_t data[30000] = {};

		for (edu_t_sock *sock : {us_, them_}) {
			set_option(sock, sol_socket, 8 /* SO_RCVBUF */, 3000);
			for (int i = 0; i < 4; i++) {
				edu_t_send(sock, data, sizeof(data), dontwait | (i == 2), 0, 0);
				edu_t_run(2 * trip_ms);
			}
		}
	}

	void cross()
	{
		constexpr edu_be16 ours = port_of(1001), theirs = port_of(1002);

		us_ = stream_of(w_.a);
		them_ = stream_of(w_.b);
		edu_t_bind(us_, a_address, ours);
		edu_t_bind(them_, b_address, theirs);
		edu_t_connect_flags(us_, b_address, theirs, nonblock);
		edu_t_connect_flags(them_, a_address, ours, nonblock);
		edu_t_run(trip_ms / 2 + 2);
		EXPECT(state() == syn_recv);
	}

	void listen()
	{
		edu_t_sock *other = stream_of(w_.a);

		us_ = w_.listener;
		them_ = stream_of(w_.a);
		edu_t_connect_flags(them_, b_address, port, nonblock);
		edu_t_run(2 * trip_ms);
		edu_t_connect_flags(other, b_address, port, nonblock);
		edu_t_run(trip_ms / 2 + 2);
		EXPECT(state() == listening);
	}

	void half_close(edu_t_sock *sock, edu_u32 wait_ms)
	{
		EXPECT(edu_t_shutdown(sock, 1) == 0);
		edu_t_run(wait_ms);
	}

	void reach(situation what)
	{
		switch (what) {
		case situation::fresh:
		case situation::bound:
			us_ = stream_of(w_.a);
			if (what == situation::bound)
				edu_t_bind(us_, 0, port_of(1001));
			return;
		case situation::asked:
			us_ = stream_of(w_.a);
			edu_t_connect_flags(us_, b_address, port, nonblock);
			EXPECT(state() == syn_sent);
			return;
		case situation::crossed:
			return cross();
		case situation::listens:
			return listen();
		default:
			connect_pair();
			return close_some(what);
		}
	}

	void close_some(situation what)
	{
		switch (what) {
		case situation::full:
			return fill();
		case situation::fin_wait1:
			half_close(us_, 0);
			EXPECT(state() == ::fin_wait1);
			return;
		case situation::fin_wait2:
			half_close(us_, 300); /* the ACK may be delayed */
			EXPECT(state() == ::fin_wait2);
			return;
		case situation::close_wait:
			half_close(them_, 2 * trip_ms);
			EXPECT(state() == ::close_wait);
			return;
		case situation::closing:
			half_close(us_, 0);
			half_close(them_, trip_ms / 2 + 2);
			EXPECT(state() == ::closing);
			return;
		case situation::last_ack:
			half_close(them_, 2 * trip_ms);
			half_close(us_, 0);
			EXPECT(state() == ::last_ack);
			return;
		case situation::over:
			half_close(us_, 2 * trip_ms);
			half_close(them_, 2 * trip_ms);
			EXPECT(state() == ::closed);
			return;
		case situation::orphan:
			edu_t_close(us_);
			us_ = them_;
			return;
		default:
			return;
		}
	}

	/*
	 * Events
	 */

	void happen()
	{
		if (happens(650) && us_)
			return busy_ ? call_beside() : call();
		if (!busy_ && happens(100))
			return lose_a_host();
		befall();
	}

	/* A system call, which may sleep: then others come in between. */
	void call()
	{
		constexpr int so_rcvtimeo = 20, so_sndtimeo = 21;

		busy_ = true;
		set_option(us_, sol_socket, so_rcvtimeo, 10 + static_cast<int>(chance() % 100));
		set_option(us_, sol_socket, so_sndtimeo, 10 + static_cast<int>(chance() % 100));
		call_beside();
		if (happens(100)) {
			edu_t_sock *sock = std::exchange(us_, nullptr);

			if (them_ == sock)
				them_ = nullptr;
			set_option(sock, sol_socket, 13 /* SO_LINGER */,
				   static_cast<int>(chance() % 3));
			edu_t_close(sock);
		}
		busy_ = false;
	}

	void call_beside()
	{
		const int wait = happens(500) ? nonblock : 0;
		int error;

		switch (chance() % 12) {
		case 0:
			edu_t_shutdown(us_, static_cast<int>(chance() % 3));
			return;
		case 1:
			edu_t_disconnect(us_);
			return;
		case 2:
			edu_t_connect_flags(us_, happens(700) ? b_address : a_address,
					    happens(700) ? port : port_of(1001), wait);
			return;
		case 3:
			edu_t_bind(us_, happens(500) ? 0 : a_address, port_of(1001 + chance() % 3));
			return;
		case 4:
			edu_t_listen(us_, static_cast<int>(chance() % 3));
			return;
		case 5:
			edu_t_accept(us_, wait, &error);
			return;
		case 6:
		case 7:
			return send();
		case 8:
		case 9:
			return receive();
		case 10:
			return change_option();
		default:
			edu_t_poll(us_);
			return look();
		}
	}

	void send()
	{
		static const std::uint8_t data[40000] = {};

		edu_t_send(us_, data, 1 + chance() % sizeof(data),
			   (happens(500) ? dontwait : 0) | (happens(100) ? 1 : 0) |
				   (happens(100) ? 0x8000 : 0),
			   0, 0);
	}

	void receive()
	{
		static std::uint8_t room[40000];
		constexpr edu_u32 flags[] = {0, 0, 0, 1, 2, 0x20, 0x100, 0x2000, 0x102};
		edu_t_recv recv = {};

		recv.data = room;
		recv.room = chance() % sizeof(room);
		recv.flags = flags[chance() % std::size(flags)] | (happens(500) ? dontwait : 0);
		edu_t_recvmsg(us_, &recv);
	}

	void change_option()
	{
		const int level = happens(700) ? sol_tcp : sol_socket;
		const int value = static_cast<int>(chance() % (happens(300) ? 0xffffffff : 5));

		set_option(us_, level, static_cast<int>(chance() % 40), value);
	}

	/* Every option, and what /proc tells. */
	void look()
	{
		edu_cursor at = {};
		edu_tcp_info info;
		std::uint8_t value[512];

		for (int name = 0; name < 45; name++) {
			unsigned int len = sizeof(value);

			edu_t_getsockopt(us_, sol_tcp, name, value, &len);
		}
		while (edu_core_tcp_next(edu_t_stack(us_->host), &at, &info))
			;
	}

	/* What comes from outside. */
	void befall()
	{
		switch (chance() % 9) {
		case 0:
			return change_device(w_.a, w_.a_device);
		case 1:
			return change_device(w_.b, w_.b_device);
		case 2:
			return vanish(w_.a, w_.a_device);
		case 3:
			return vanish(w_.b, w_.b_device);
		case 4:
			edu_t_cable_lose(w_.cable, 1 + chance() % 3);
			return;
		case 5:
			return edu_t_pressure(happens(500));
		case 6:
			return abort_peer();
		case 7:
			edu_core_tunables(
				edu_t_stack(w_.net.hosts()[0]))[EDU_TUNE_tcp_max_orphans] =
				happens(500) ? 0 : 1000;
			return;
		default:
			return impair(w_.cable,
				      {.delay_ns = trip_ms / 2 * ms, .outage = happens(300)});
		}
	}

	bool is_there(const edu_t_host *host) const
	{
		const auto &hosts = w_.net.hosts();

		return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
	}

	void change_device(edu_t_host *host, int device)
	{
		edu_dev_info info = {};

		if (!is_there(host) || !find_device(host, device))
			return;
		edu_t_dev_info(host, device, &info);
		if (happens(500))
			info.flags ^= 1;
		info.mtu = 68 + chance() % 1500;
		edu_t_dev_change(host, device, &info);
	}

	void vanish(edu_t_host *host, int device)
	{
		if (is_there(host))
			edu_t_dev_gone(host, device);
	}

	void abort_peer()
	{
		if (them_ && them_ != us_)
			edu_t_disconnect(them_);
	}

	void lose_a_host()
	{
		edu_t_host *host = happens(500) ? w_.a : w_.b;

		if (!is_there(host) || w_.net.hosts().size() < 2)
			return;
		if (us_ && us_->host == host)
			us_ = nullptr;
		if (them_ && them_->host == host)
			them_ = nullptr;
		w_.net.remove(host);
	}

	listening_wire w_{8};
	edu_t_sock *us_ = nullptr, *them_ = nullptr;
	bool busy_ = false; /* a call on us_ is under way */
};

} // namespace

void anything_may_happen_in_any_state()
{
	rounds_of(400, [] {
		awkward scene;

		scene.play();
		scene.end_well();
	});
}
