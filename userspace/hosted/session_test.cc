// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: many connections at once over a network that does its worst, each with two programs that the seed
 * makes patient or not.
 *
 * The network is two cables and a router between them; a and b are on the one, c on the other. By the seed,
 * frames are lost, duplicated, overtaken, damaged (on one cable only: two flipped bits may cancel each other
 * in a checksum), delayed; cables have little bandwidth and small buffers, fall silent for a while, and the
 * router's devices change their MTU. Devices take large buffers or not, refuse frames, and memory runs short.
 *
 * Whatever happens: what a program reads is what the other has written, from the first octet on, none of it
 * twice. If neither loses patience, all of it arrives, and both ends close. (Of an impatient one the other may
 * never hear: a RST is not sent again.) When both are gone, so is everything else: no socket,
 * no timer, no octet of memory.
 *
 * Requirements: TCP-5, TCP-8, TCP-12, OVER-6, OVER-7. Locking: none, a single thread.
 */
#include "network.hh"
#include "sim_test.hh"

#include <cstring>

using namespace hosted;

namespace {

constexpr int eagain = -11, enomem = -12, enobufs = -105;
constexpr edu_u32 oob = 1, more = 0x8000;
constexpr edu_u64 ms = 1000000; /* ns */

/* What a program writes at place n of its stream. */
std::uint8_t octet_at(edu_u32 key, edu_u64 n)
{
	edu_u64 z = (n / 8 + key) * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 31) * 0x94d049bb133111eb;
	return static_cast<std::uint8_t>(z >> n % 8 * 8);
}

/* How a program ends its part. */
enum class ending : std::uint8_t {
	proper, /* says all, hears all, closes */
	half,	/* closes its half first, then hears all */
	hasty,	/* closes at some time, whatever there is */
	abrupt, /* the same with SO_LINGER 0 */
	undone, /* the same by connect() to AF_UNSPEC */
};

/* Whether memory is short and calls may fail for that. */
bool short_of_memory;

bool is_shortage(int error)
{
	return short_of_memory && (error == enomem || error == enobufs);
}

/* One program with its socket. */
class end {
public:
	end(edu_u32 ours, edu_u32 theirs, edu_u64 total, ending how)
		: ours_{ours},
		  theirs_{theirs},
		  total_{total},
		  ending_{how},
		  leaves_ms_{edu_k_now_ms() + chance() % (happens(500) ? 3000 : 60000)},
		  pause_ms_{happens(200) ? chance() % 100000 : 0}
	{
	}

	void take(edu_t_sock *sock) { sock_ = sock; }
	bool has_socket() const { return sock_; }
	bool is_patient() const { return ending_ == ending::proper || ending_ == ending::half; }
	bool has_heard_all(const end &other) const { return over_ && heard_ == other.total_; }
	bool is_gone() const { return gone_; }
	int error() const { return error_; }
	/* It never came to a connection. */
	bool was_refused() const { return !was_open_ && error_; }
	edu_t_sock *sock() const { return sock_; }

	/* A turn; whether anything has moved. */
	bool step()
	{
		if (gone_ || !sock_)
			return false;
		if (!is_patient() && edu_k_now_ms() >= leaves_ms_)
			return leave();
		if (is_opening()) /* shutdown() would end the attempt */
			return false;
		was_open_ |= edu_t_sk(sock_)->state == 1;
		if (pauses())
			return false;
		bool moved = happens(700) && write_some();

		moved |= happens(700) && read_some();
		if (is_patient() && shut_ && over_)
			return leave();
		return moved;
	}

	bool leave()
	{
		if (!sock_ || gone_)
			return false;
		if (ending_ == ending::abrupt)
			set_option(sock_, sol_socket, 13, 0); /* SO_LINGER */
		if (ending_ == ending::undone)
			edu_t_disconnect(sock_);
		edu_t_close(sock_);
		return gone_ = true;
	}

private:
	bool is_opening() const
	{
		constexpr std::uint8_t syn_sent = 2, syn_recv = 3;
		const std::uint8_t state = edu_t_sk(sock_)->state;

		return state == syn_sent || state == syn_recv;
	}

	/* Once, in the middle, for a while: the window closes meanwhile. */
	bool pauses()
	{
		const edu_u64 now = edu_k_now_ms();

		if (pause_ms_ && happens(10)) {
			resumes_ms_ = now + pause_ms_;
			pause_ms_ = 0;
		}
		return now < resumes_ms_;
	}

	bool failed(int error)
	{
		if (error != eagain && !is_shortage(error)) {
			error_ = error;
			shut_ = over_ = true;
		}
		return false;
	}

	bool write_some()
	{
		static std::uint8_t data[40000];
		const edu_u64 rest = total_ - written_;
		const edu_u32 len = static_cast<edu_u32>(std::min<edu_u64>(
			rest, 1 + chance() % (happens(300) ? 100 : sizeof(data))));
		const edu_u32 flags = dontwait | (happens(30) ? oob : 0) | (happens(50) ? more : 0);

		if (shut_)
			return false;
		if (!rest) {
			/* Without memory a FIN is sent later; the call does not fail. */
			const int error = edu_t_shutdown(sock_, 1);

			shut_ = true;
			return error ? failed(error) : true;
		}
		if (ending_ == ending::proper && happens(2))
			exercise();
		for (edu_u32 i = 0; i < len; i++)
			data[i] = octet_at(ours_, written_ + i);
		const int sent = edu_t_send(sock_, data, len, flags, 0, 0);

		if (sent < 0)
			return failed(sent);
		written_ += static_cast<edu_u64>(sent);
		return true;
	}

	bool read_some()
	{
		static std::uint8_t room[60000];
		constexpr edu_u32 peek = 2;
		edu_t_recv recv = {};

		if (over_)
			return false;
		recv.data = room;
		recv.room = 1 + chance() % (happens(300) ? 100 : sizeof(room));
		recv.flags = dontwait | (happens(100) ? peek : 0);
		const bool looks = recv.flags & peek;
		const int got = edu_t_recvmsg(sock_, &recv);

		if (got < 0)
			return failed(got);
		check(room, static_cast<edu_u64>(got));
		if (looks)
			return false;
		heard_ += static_cast<edu_u64>(got);
		over_ = !got;
		return true;
	}

	void check(const std::uint8_t *data, edu_u64 len) const
	{
		for (edu_u64 i = 0; i < len; i++)
			if (data[i] != octet_at(theirs_, heard_ + i)) {
				EXPECT(!"an octet is not what was written");
				return;
			}
	}

	/* Options that may change at any time. */
	void exercise()
	{
		constexpr struct {
			int level, name, most;
		} options[] = {
			{sol_socket, 9, 1}, {sol_tcp, 1, 1}, {sol_tcp, 3, 1}, {sol_tcp, 12, 1}};
		const auto &one = options[chance() % std::size(options)];

		set_option(sock_, one.level, one.name,
			   static_cast<int>(chance() % static_cast<edu_u32>(one.most + 1)));
		set_option(sock_, sol_tcp, 3, 0); /* a cork that is left would wait for a second */
	}

	edu_t_sock *sock_ = nullptr;
	const edu_u32 ours_, theirs_; /* keys of octet_at() */
	const edu_u64 total_;
	const ending ending_;
	const edu_u64 leaves_ms_; /* who is impatient */
	edu_u32 pause_ms_;
	edu_u64 resumes_ms_ = 0;
	edu_u64 written_ = 0, heard_ = 0;
	bool shut_ = false, over_ = false, gone_ = false;
	bool was_open_ = false;
	int error_ = 0;
};

ending some_ending()
{
	constexpr ending all[] = {ending::proper, ending::proper, ending::half,
				  ending::hasty,  ending::abrupt, ending::undone};

	return all[chance() % std::size(all)];
}

/* Two programs and how they find each other. */
class session {
public:
	session(edu_t_host *from, edu_t_host *to, edu_be32 from_address, edu_be32 to_address,
		unsigned int number)
		: from_{from},
		  to_{to},
		  from_address_{from_address},
		  to_address_{to_address},
		  port_{port_of(1000 + number)},
		  client_port_{port_of(2000 + number)},
		  key_{chance()},
		  at_once_{happens(150) && from != to},
		  begins_ms_{edu_k_now_ms() + chance() % 3000},
		  client_{key_, key_ + 1, some_total(), some_ending()},
		  server_{key_ + 1, key_, some_total(), some_ending()}
	{
	}

	/* Whether anything has moved. */
	bool step()
	{
		if (edu_k_now_ms() < begins_ms_)
			return false;
		if (!begun_)
			return begin();
		if (!server_.has_socket())
			accept();
		bool moved = client_.step();

		moved |= server_.step();
		return moved;
	}

	/* Nothing is to be expected any more. */
	bool is_over() const
	{
		return begun_ && client_.is_gone() && (server_.is_gone() || !server_.has_socket());
	}
	void end_now()
	{
		client_.leave();
		server_.leave();
		if (listener_)
			edu_t_close(listener_);
		listener_ = nullptr;
	}
	void judge() const
	{
		/* One who was refused for want of memory, or an impatient one, hears what it hears. */
		if (short_of_memory || !client_.is_patient() || !server_.is_patient())
			return;
		/* ARP gives up while a cable is silent; of two that open at once one may not be there yet. */
		if (client_.was_refused() || server_.was_refused())
			return;
		EXPECT(client_.error() == 0 && server_.error() == 0 && is_over());
		EXPECT(client_.has_heard_all(server_) && server_.has_heard_all(client_));
	}

private:
	static edu_u64 some_total()
	{
		switch (chance() % 4) {
		case 0:
			return 0;
		case 1:
			return chance() % 2000;
		default:
			return chance() % 60000;
		}
	}

	static void prepare(edu_t_sock *sock)
	{
		/* The stream stays whole; before the first urgent octet may come. */
		set_option(sock, sol_socket, 10 /* SO_OOBINLINE */, 1);
		for (int name : {7, 8}) /* SO_SNDBUF, SO_RCVBUF */
			if (happens(300))
				set_option(sock, sol_socket, name,
					   static_cast<int>(2000 + chance() % 60000));
		if (happens(200))
			set_option(sock, sol_tcp, 2 /* TCP_MAXSEG */,
				   static_cast<int>(88 + chance() % 1400));
		if (happens(300))
			edu_t_setsockopt(sock, sol_tcp, 13 /* TCP_CONGESTION */, "reno", 4);
	}

	bool begin()
	{
		edu_t_sock *ours = stream_of(from_), *theirs = stream_of(to_);

		begun_ = true;
		if (!ours || !theirs) {
			for (edu_t_sock *sock : {ours, theirs})
				if (sock)
					edu_t_close(sock);
			return begun_ = false;
		}
		prepare(ours);
		prepare(theirs);
		client_.take(ours);
		if (at_once_) {
			edu_t_bind(ours, from_address_, client_port_);
			edu_t_bind(theirs, to_address_, port_);
			server_.take(theirs);
			edu_t_connect_flags(theirs, from_address_, client_port_, nonblock);
		} else {
			listener_ = theirs;
			edu_t_bind(listener_, 0, port_);
			edu_t_listen(listener_, 2);
		}
		edu_t_connect_flags(ours, to_address_, port_, nonblock);
		return true;
	}

	void accept()
	{
		int error;

		if (!listener_ || happens(500))
			return;
		edu_t_sock *child = edu_t_accept(listener_, nonblock, &error);

		if (!child)
			return;
		server_.take(child);
		edu_t_close(listener_);
		listener_ = nullptr;
	}

	edu_t_host *const from_, *const to_;
	const edu_be32 from_address_, to_address_;
	const edu_be16 port_, client_port_;
	const edu_u32 key_;
	const bool at_once_; /* each connects to the other */
	const edu_u64 begins_ms_;
	bool begun_ = false;
	edu_t_sock *listener_ = nullptr;
	end client_, server_;
};

constexpr edu_be32 addresses[] = {ip4(10, 0, 0, 1), ip4(10, 0, 0, 2), ip4(10, 1, 0, 3)};
constexpr edu_be32 near_gateway = ip4(10, 0, 0, 254), far_gateway = ip4(10, 1, 0, 254);

impairment some_impairment(bool corrupts)
{
	impairment how;

	if (happens(200))
		return how;
	how.loss = chance() % 60;
	how.duplicate = chance() % 60;
	how.corrupt = corrupts ? chance() % 20 : 0;
	how.reorder = chance() % 200;
	how.delay_ns = chance() % (20 * ms);
	how.jitter_ns = chance() % (3 * ms);
	how.refuse = happens(300) ? chance() % 30 : 0;
	if (happens(400)) {
		how.octets_per_ms = 50 + chance() % 5000;
		how.buffer = 20000 + chance() % 60000;
	}
	return how;
}

/* a, b and c, the router, and all that goes on between them. */
class scene {
public:
	scene()
	{
		const bool large = happens(500);
		const edu_u32 most = large ? 20000 + chance() % 45000 : 0;

		set_preemption(chance() % 300);
		set_nonlinear(chance() % 500);
		set_eager_cables(happens(500));
		short_of_memory = happens(250);
		for (edu_t_cable *cable : {near_, far_})
			edu_t_cable_cut(cable, happens(500));
		net_.plug(hosts_[0], near_, {.address = addresses[0], .segment_max = most});
		net_.plug(hosts_[1], near_, {.address = addresses[1]});
		net_.plug(hosts_[2], far_, {.address = addresses[2], .segment_max = most});
		router_near_ =
			net_.plug(router_, near_, {.address = near_gateway, .segment_max = most});
		router_far_ =
			net_.plug(router_, far_, {.address = far_gateway, .segment_max = most});
		net_.default_route(hosts_[0], near_gateway);
		net_.default_route(hosts_[1], near_gateway);
		net_.default_route(hosts_[2], far_gateway);
		net_.forward(router_);
		introduce_all();
		for (edu_t_host *host : hosts_) /* who has closed is as patient as who has not */
			edu_core_tunables(edu_t_stack(host))[EDU_TUNE_tcp_orphan_retries] = 15;
		for (unsigned int i = 0, count = 1 + chance() % 12; i < count; i++)
			add_session(i);
		const bool corrupts_near = happens(500);

		how_[0] = some_impairment(corrupts_near);
		how_[1] = some_impairment(!corrupts_near);
		impair(near_, how_[0]);
		impair(far_, how_[1]);
	}
	~scene() { set_failing(0); }

	void play()
	{
		constexpr edu_u32 most_idle_ms = 3600000;

		if (short_of_memory)
			set_failing(1 + chance() % 30);
		for (edu_u32 idle = 0; idle < most_idle_ms && !is_over();) {
			bool moved = false;

			for (session &one : sessions_)
				moved |= one.step();
			weather();
			const edu_u32 wait = moved ? chance() % 3 : 1 + idle / 20;

			idle = moved ? 0 : idle + wait;
			edu_t_run(wait);
		}
		set_failing(0);
		for (const session &one : sessions_)
			one.judge();
	}

	/* Programs that still wait give up; what then is left ends by itself. */
	void end_well()
	{
		for (session &one : sessions_)
			one.end_now();
		clear_up();
		net_.wait_for_silence();
		for (edu_t_host *host : net_.hosts())
			EXPECT(host->socks.empty());
	}

	edu_u64 fingerprint()
	{
		edu_u64 print = 0xcbf29ce484222325;
		auto mix = [&print](edu_u64 v) { print = (print ^ v) * 0x100000001b3; };

		for (edu_t_cable *cable : {near_, far_})
			for (unsigned int i = 0; i < edu_t_frames(cable); i++) {
				unsigned int len;
				const edu_u8 *frame = edu_t_frame(cable, i, &len);

				for (unsigned int j = 0; j < len; j++)
					mix(frame[j]);
			}
		for (edu_t_host *host : net_.hosts())
			for (int c = 0; c < EDU_COUNTER_COUNT; c++)
				mix(edu_t_counter(host, static_cast<edu_counter>(c)));
		mix(edu_k_now_ns());
		return print;
	}

private:
	void introduce_all()
	{
		introduce(hosts_[0], addresses[1]);
		introduce(hosts_[0], addresses[2]);
		introduce(hosts_[1], addresses[2]);
		introduce(hosts_[2], addresses[0]);
	}

	void add_session(unsigned int number)
	{
		const unsigned int from = chance() % 3, to = chance() % 3;

		sessions_.emplace_back(hosts_[from], hosts_[to], addresses[from], addresses[to],
				       number);
	}

	bool is_over() const
	{
		return std::all_of(sessions_.begin(), sessions_.end(),
				   [](const session &one) { return one.is_over(); });
	}

	/* A cable falls silent for a while, or a router's device gets another MTU. */
	void weather()
	{
		const unsigned int which = chance() % 2;

		if (!happens(3))
			return;
		if (happens(600)) {
			edu_dev_info info = {};
			const int device = which ? router_far_ : router_near_;

			edu_t_dev_info(router_, device, &info);
			info.mtu = 576 + chance() % 925;
			edu_t_dev_change(router_, device, &info);
			return;
		}
		impairment silent = how_[which];
		edu_t_cable *cable = which ? far_ : near_;

		silent.outage = true;
		impair(cable, silent);
		program_at(edu_k_now_ns() + chance() % 10000 * ms,
			   [this, which, cable] { impair(cable, how_[which]); });
	}
	void clear_up()
	{
		how_[0] = how_[1] = {};
		impair(near_, {});
		impair(far_, {});
	}

	network net_;
	edu_t_cable *near_ = net_.cable(), *far_ = net_.cable();
	edu_t_host *hosts_[3] = {net_.host(), net_.host(), net_.host()};
	edu_t_host *router_ = net_.host();
	int router_near_ = 0, router_far_ = 0;
	impairment how_[2];
	std::vector<session> sessions_;
};

} // namespace

void sessions_over_any_network_end_as_they_should()
{
	rounds_of(20, [] {
		scene s;

		s.play();
		s.end_well();
	});
}

void a_session_s_seed_replays_it_exactly()
{
	edu_u64 prints[2] = {};

	for (edu_u64 &print : prints) {
		begin_round(42);
		{
			scene s;

			s.play();
			print = s.fingerprint();
			s.end_well();
		}
		EXPECT(edu_t_end() == 0);
	}
	EXPECT(prints[0] == prints[1]);
}

/*
 * The end of the numbers
 */

namespace {

constexpr edu_be16 wrap_port = port_of(7), own_port = port_of(1001);

edu_t_sock *connect_from_own_port(edu_t_host *host)
{
	edu_t_sock *sock = stream_of(host);

	set_option(sock, sol_socket, 2 /* SO_REUSEADDR */, 1);
	set_option(sock, sol_socket, 10 /* SO_OOBINLINE */, 1);
	EXPECT(edu_t_bind(sock, addresses[0], own_port) == 0);
	edu_t_connect_flags(sock, addresses[1], wrap_port, nonblock);
	edu_t_run(0);
	return sock;
}

/* The number of the last SYN. */
edu_u32 syn_number(edu_t_cable *cable)
{
	constexpr unsigned int tcp_at = 34;
	edu_u32 number = 0;

	for (unsigned int i = 0; i < edu_t_frames(cable); i++) {
		unsigned int len;
		const edu_u8 *frame = edu_t_frame(cable, i, &len);

		if (len < tcp_at + 20 || frame[23] != 6 || frame[tcp_at + 13] != 2 /* SYN */)
			continue;
		for (unsigned int at = tcp_at + 4; at < tcp_at + 8; at++)
			number = number << 8 | frame[at];
	}
	return number;
}

/* Initial numbers follow a clock of 4 us (RFC 6528): a connection between the same ports is opened when it is
 * about to begin anew. */
void wait_for_the_last_numbers(edu_t_host *host, edu_t_cable *cable, edu_u32 before_the_end)
{
	constexpr edu_u32 ticks_in_ms = 250;
	edu_t_sock *sock = connect_from_own_port(host);
	const edu_u32 left = 0u - before_the_end - syn_number(cable);

	edu_t_disconnect(sock);
	edu_t_close(sock);
	edu_t_run(left / ticks_in_ms);
	edu_t_cable_clear(cable);
}

} // namespace

void a_stream_goes_on_when_its_numbers_begin_anew()
{
	constexpr edu_u32 before_the_end = 30000, patience_ms = 600000;
	constexpr edu_u64 total = 150000;

	rounds_of(2, [] {
		network net;
		edu_t_cable *cable = net.cable();
		edu_t_host *a = net.host(), *b = net.host();
		edu_t_sock *listener = stream_of(b);
		end client{1, 2, total, ending::half}, server{2, 1, total, ending::proper};
		int error;

		short_of_memory = false;
		set_option(listener, sol_socket, 10 /* SO_OOBINLINE */, 1);
		net.plug(a, cable, {.address = addresses[0]});
		net.plug(b, cable, {.address = addresses[1], .segment_max = 40000});
		introduce(a, addresses[1]);
		wait_for_the_last_numbers(a, cable, before_the_end);
		EXPECT(edu_t_bind(listener, 0, wrap_port) == 0 && edu_t_listen(listener, 1) == 0);
		client.take(connect_from_own_port(a));
		EXPECT(0u - syn_number(cable) <=
		       before_the_end + 250); /* a tick of the host's clock */
		impair(cable, {.loss = 30, .duplicate = 30, .reorder = 100, .delay_ns = 2 * ms});
		edu_t_run(100);
		for (edu_u32 waited = 0; waited < patience_ms; waited++) {
			if (client.is_gone() && server.is_gone())
				break;
			if (!server.has_socket())
				if (edu_t_sock *child = edu_t_accept(listener, nonblock, &error))
					server.take(child);
			client.step();
			server.step();
			edu_t_run(1);
		}
		EXPECT(client.error() == 0 && server.error() == 0);
		EXPECT(client.has_heard_all(server) && server.has_heard_all(client));
	});
}
