// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the options of SOL_TCP.
 *
 * tcp(7); names, values and errors are Linux's. RFC 9293 MUST-17 (Nagle off), MUST-21, MUST-24, MUST-27.
 * Not here, and refused with ENOPROTOOPT: TCP_FASTOPEN and its kin, TCP_MD5SIG, TCP_REPAIR, TCP_ULP,
 * TCP_ZEROCOPY_RECEIVE, TCP_INQ, TCP_TX_DELAY, TCP_SAVE_SYN.
 *
 * Locking: every function here is called with the socket locked.
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr int sol_tcp = 6;
constexpr int tcp_opt_congestion = 13, tcp_opt_info = 11;
constexpr size_t tcp_ca_name_max = 16; /* with its final zero */
constexpr u32 ms_per_s = 1000;

/* An option that is a number. */
struct tcp_option {
	int name;
	result<void> (*set)(tcp_sock &s, int value);
	int (*get)(const tcp_sock &s);
};

result<void> set_nodelay(tcp_sock &s, int on)
{
	if (on) {
		s.nonagle |= tcp_nagle::off;
		tcp_push(s, s.nonagle | tcp_nagle::push);
	} else {
		s.nonagle &= static_cast<u8>(~tcp_nagle::off);
	}
	return {};
}

result<void> set_cork(tcp_sock &s, int on)
{
	if (on) {
		s.nonagle |= tcp_nagle::cork;
	} else {
		s.nonagle &= static_cast<u8>(~tcp_nagle::cork);
		tcp_push(s, s.nonagle | (s.nonagle & tcp_nagle::off ? tcp_nagle::push : 0));
	}
	return {};
}

result<void> set_maxseg(tcp_sock &s, int octets)
{
	constexpr int least = 88, most = 32767;

	if (octets && (octets < least || octets > most))
		return errc::einval;
	s.user_mss = static_cast<u16>(octets);
	return {};
}

int get_maxseg(const tcp_sock &s)
{
	if (s.user_mss && state_in(s, {sock_state::close, sock_state::listen}))
		return s.user_mss;
	return s.mss_cache;
}

bool is_seconds(int value)
{
	return value >= 1 && value <= 32767;
}

result<void> set_keepidle(tcp_sock &s, int seconds)
{
	if (!is_seconds(seconds))
		return errc::einval;
	s.keep_time_ms = static_cast<u32>(seconds) * ms_per_s;
	if (edu_k_sock_flags(home(s)) & EDU_SOCK_KEEPALIVE &&
	    !state_in(s, {sock_state::close, sock_state::listen}))
		tcp_set_keepalive(s, true);
	return {};
}

result<void> set_keepintvl(tcp_sock &s, int seconds)
{
	if (!is_seconds(seconds))
		return errc::einval;
	s.keep_intvl_ms = static_cast<u32>(seconds) * ms_per_s;
	return {};
}

/* A count of 1 to 127 in a member. */
template <u8 tcp_sock::*member>
result<void> set_count(tcp_sock &s, int count)
{
	if (count < 1 || count > 127)
		return errc::einval;
	s.*member = static_cast<u8>(count);
	return {};
}

result<void> set_linger2(tcp_sock &s, int seconds)
{
	constexpr int most = 120;

	if (seconds < 0)
		s.linger2_ms = -1;
	else
		s.linger2_ms = (seconds > most ? most : seconds) * static_cast<int>(ms_per_s);
	return {};
}

int get_linger2(const tcp_sock &s)
{
	if (s.linger2_ms < 0)
		return -1;
	const u32 ms = s.linger2_ms ? static_cast<u32>(s.linger2_ms) :
				      s.host->tune(EDU_TUNE_tcp_fin_timeout_ms);

	return static_cast<int>(ms / ms_per_s);
}

/* TCP_DEFER_ACCEPT is kept as a number of SYN-ACKs, which are sent 1, 2, 4 … seconds apart. */
u32 synacks_within(const tcp_sock &s, int seconds)
{
	const u64 most = s.host->tune(EDU_TUNE_tcp_rto_max_ms);
	u64 wait = s.host->tune(EDU_TUNE_tcp_rto_init_ms), waited = 0;
	u32 count = 0;

	while (count < 127 && waited < u64(seconds) * ms_per_s) {
		waited += wait;
		wait = wait * 2 > most ? most : wait * 2;
		count++;
	}
	return count;
}

int seconds_of_synacks(const tcp_sock &s, u32 count)
{
	const u64 most = s.host->tune(EDU_TUNE_tcp_rto_max_ms);
	u64 wait = s.host->tune(EDU_TUNE_tcp_rto_init_ms), waited = 0;

	for (; count; count--) {
		waited += wait;
		wait = wait * 2 > most ? most : wait * 2;
	}
	return static_cast<int>(waited / ms_per_s);
}

result<void> set_defer_accept(tcp_sock &s, int seconds)
{
	s.defer_accept = seconds > 0 ? synacks_within(s, seconds) : 0;
	return {};
}

result<void> set_window_clamp(tcp_sock &s, int octets)
{
	constexpr u32 least = 1152; /* half of Linux's smallest receive buffer */

	if (!octets) {
		if (state_of(s) != sock_state::close)
			return errc::einval;
		s.user_window_clamp = 0;
		return {};
	}
	s.user_window_clamp = static_cast<u32>(octets) < least ? least : static_cast<u32>(octets);
	s.window_clamp = s.user_window_clamp;
	if (s.rcv_ssthresh > s.window_clamp)
		s.rcv_ssthresh = s.window_clamp;
	return {};
}

result<void> set_quickack(tcp_sock &s, int on)
{
	s.pingpong = !on;
	if (on && state_in(s, {sock_state::established, sock_state::close_wait}) &&
	    s.ack_pending & tcp_ack_due::scheduled) {
		s.ack_pending |= tcp_ack_due::pushed;
		tcp_cleanup_rbuf(s, 1);
		if (!(on & 1))
			s.pingpong = true;
	}
	return {};
}

result<void> set_user_timeout(tcp_sock &s, int ms)
{
	if (ms < 0)
		return errc::einval;
	s.user_timeout_ms = static_cast<u32>(ms);
	return {};
}

result<void> set_notsent_lowat(tcp_sock &s, int octets)
{
	write_once(s.notsent_lowat, static_cast<u32>(octets));
	edu_k_sock_write_space(home(s));
	return {};
}

constexpr tcp_option tcp_options[] = {
	{1 /* TCP_NODELAY */, set_nodelay,
	 [](const tcp_sock &s) -> int { return (s.nonagle & tcp_nagle::off) != 0; }},
	{2 /* TCP_MAXSEG */, set_maxseg, get_maxseg},
	{3 /* TCP_CORK */, set_cork,
	 [](const tcp_sock &s) -> int { return (s.nonagle & tcp_nagle::cork) != 0; }},
	{4 /* TCP_KEEPIDLE */, set_keepidle,
	 [](const tcp_sock &s) { return static_cast<int>(tcp_keepalive_time(s) / ms_per_s); }},
	{5 /* TCP_KEEPINTVL */, set_keepintvl,
	 [](const tcp_sock &s) { return static_cast<int>(tcp_keepalive_intvl(s) / ms_per_s); }},
	{6 /* TCP_KEEPCNT */, set_count<&tcp_sock::keep_probes>,
	 [](const tcp_sock &s) { return static_cast<int>(tcp_keepalive_probes(s)); }},
	{7 /* TCP_SYNCNT */, set_count<&tcp_sock::syn_retries>,
	 [](const tcp_sock &s) {
		 return s.syn_retries ? int{s.syn_retries} :
					static_cast<int>(s.host->tune(EDU_TUNE_tcp_syn_retries));
	 }},
	{8 /* TCP_LINGER2 */, set_linger2, get_linger2},
	{9 /* TCP_DEFER_ACCEPT */, set_defer_accept,
	 [](const tcp_sock &s) { return seconds_of_synacks(s, s.defer_accept); }},
	{10 /* TCP_WINDOW_CLAMP */, set_window_clamp,
	 [](const tcp_sock &s) {
		 const u32 own = s.advmss ? s.window_clamp : 0; /* before a connection: none */

		 return static_cast<int>(s.user_window_clamp ? s.user_window_clamp : own);
	 }},
	{12 /* TCP_QUICKACK */, set_quickack, [](const tcp_sock &s) -> int { return !s.pingpong; }},
	{18 /* TCP_USER_TIMEOUT */, set_user_timeout,
	 [](const tcp_sock &s) { return static_cast<int>(s.user_timeout_ms); }},
	{25 /* TCP_NOTSENT_LOWAT */, set_notsent_lowat,
	 [](const tcp_sock &s) { return static_cast<int>(s.notsent_lowat); }},
};

const tcp_option *find_tcp_option(int name)
{
	for (const tcp_option &o : tcp_options)
		if (o.name == name)
			return &o;
	return nullptr;
}

/* Octets up to a zero or the end of a name as the program gave it. */
size_t name_length(bytes value)
{
	size_t len = 0;

	while (len < value.size() && len < tcp_ca_name_max - 1 && value[len])
		len++;
	return len;
}

result<void> set_congestion(tcp_sock &s, bytes value)
{
	if (value.empty())
		return errc::einval;
	const tcp_congestion_ops *found = tcp_congestion_find(
		reinterpret_cast<const char *>(value.data()), name_length(value));

	if (!found)
		return errc::enoent;
	if (found == s.ca)
		return {};
	s.ca = found;
	for (u64 &word : s.ca_private)
		word = 0;
	if (!state_in(s, {sock_state::close, sock_state::listen}) && found->init)
		found->init(s);
	return {};
}

u32 get_congestion(const tcp_sock &s, mutable_bytes value)
{
	u8 name[tcp_ca_name_max] = {};
	const size_t len = value.size() < sizeof(name) ? value.size() : sizeof(name);

	for (size_t i = 0; i < sizeof(name) - 1 && s.ca->name[i]; i++)
		name[i] = static_cast<u8>(s.ca->name[i]);
	__builtin_memcpy(value.data(), name, len);
	return static_cast<u32>(len);
}

} // namespace

result<void> tcp_setsockopt(sock &base, int level, int name, bytes value)
{
	tcp_sock &s = tcp_sk(base);

	if (level != sol_tcp)
		return errc::enoprotoopt;
	if (name == tcp_opt_congestion)
		return set_congestion(s, value);
	if (value.size() < sizeof(int))
		return errc::einval;
	const tcp_option *found = find_tcp_option(name);

	if (!found)
		return errc::enoprotoopt;
	return found->set(s, static_cast<int>(load_native<u32>(value.data())));
}

result<u32> tcp_getsockopt(sock &base, int level, int name, mutable_bytes value)
{
	const tcp_sock &s = tcp_sk(base);

	if (level != sol_tcp)
		return errc::eopnotsupp;
	if (name == tcp_opt_congestion)
		return get_congestion(s, value);
	if (name == tcp_opt_info)
		return tcp_fill_linux_info(s, value);
	const tcp_option *found = find_tcp_option(name);

	if (!found)
		return errc::enoprotoopt;
	const int n = found->get(s);
	const size_t len = value.size() < sizeof(n) ? value.size() : sizeof(n);

	__builtin_memcpy(value.data(), &n, len);
	return static_cast<u32>(len);
}

void tcp_keepalive_option(sock &base, bool on)
{
	tcp_sock &s = tcp_sk(base);

	if (!state_in(s, {sock_state::close, sock_state::listen}))
		tcp_set_keepalive(s, on);
}

} // namespace edu
