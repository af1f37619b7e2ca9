// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test bridge in a process: worlds, hosts and system calls (kunit/test_bridge.h).
 *
 * What a system call does in a kernel before and after the core's part of it is done here: the
 * socket's memory, SOL_SOCKET options, the message.
 *
 * Locking: none, a single thread.
 */
#include "home.hh"

#include <algorithm>
#include <climits>
#include <cstring>

namespace hosted {
namespace {

constexpr int sol_socket = 1;
enum sol_socket_option {
	so_reuseaddr = 2,
	so_error = 4,
	so_dontroute = 5,
	so_broadcast = 6,
	so_sndbuf = 7,
	so_rcvbuf = 8,
	so_keepalive = 9,
	so_oobinline = 10,
	so_linger = 13,
	so_reuseport = 15,
	so_rcvlowat = 18,
	so_rcvtimeo = 20,
	so_sndtimeo = 21,
	so_bindtodevice = 25,
};

/* struct sockaddr_edu, spelt out: this file is built without the kernel's headers. */
struct address {
	std::uint16_t family = static_cast<std::uint16_t>(edu_k_family);
	edu_be16 port;
	edu_be32 ip;
	std::uint8_t zero[8] = {};
};

unsigned int alive_before; /* what the module itself holds when a world begins */

unsigned int alive()
{
	return live_blocks() + live_skbs() + live_socks() + live_devices() + pending_timers() +
	       faults();
}

void set_flag(struct sock *sk, edu_u32 flag, int yes)
{
	sk->flags = yes ? sk->flags | flag : sk->flags & ~flag;
}

/* From milliseconds, 0 for none. */
edu_u64 time_limit(int ms)
{
	return ms ? static_cast<edu_u64>(ms) * 1000000 : for_ever;
}

/* The kernel sets its options with the socket locked. */
int set_stream_rcvlowat(struct sock *sk, int octets)
{
	edu_k_lock_sock(sk);
	const int error = edu_core_sock_set_rcvlowat(sk, octets);

	edu_k_release_sock(sk);
	return error;
}

int set_socket_option(struct sock *sk, int name, int value)
{
	switch (name) {
	case so_reuseaddr:
		set_flag(sk, EDU_SOCK_REUSEADDR, value);
		return 0;
	case so_reuseport:
		set_flag(sk, EDU_SOCK_REUSEPORT, value);
		return 0;
	case so_broadcast:
		set_flag(sk, EDU_SOCK_BROADCAST, value);
		return 0;
	case so_dontroute:
		set_flag(sk, EDU_SOCK_DONTROUTE, value);
		return 0;
	case so_sndbuf:
		sk->sndbuf = static_cast<std::uint32_t>(value) * 2;
		set_flag(sk, EDU_SOCK_SNDBUF_LOCK, 1);
		return 0;
	case so_rcvbuf:
		sk->rcvbuf = static_cast<std::uint32_t>(value) * 2;
		set_flag(sk, EDU_SOCK_RCVBUF_LOCK, 1);
		return 0;
	case so_oobinline:
		set_flag(sk, EDU_SOCK_URGINLINE, value);
		return 0;
	case so_keepalive:
		edu_k_lock_sock(sk);
		set_flag(sk, EDU_SOCK_KEEPALIVE, value);
		edu_core_sock_keepalive(sk, value);
		edu_k_release_sock(sk);
		return 0;
	case so_linger: /* the seconds alone; negative: off */
		set_flag(sk, EDU_SOCK_LINGER, value >= 0);
		sk->linger = value;
		return 0;
	case so_rcvlowat:
		value = value < 0 ? INT_MAX : value;
		if (edu_core_sock_is_stream(sk))
			return set_stream_rcvlowat(sk, value);
		sk->rcvlowat = value ? value : 1;
		return 0;
	case so_rcvtimeo:
		sk->rcvtimeo = time_limit(value);
		return 0;
	case so_sndtimeo:
		sk->sndtimeo = time_limit(value);
		return 0;
	case so_bindtodevice:
		sk->bound_dev_if = value;
		return 0;
	default:
		return -92;
	}
}

/* What Linux's ping_group_range asks: is the caller's group among those that may ping? */
bool may_ping(edu_t_host *host)
{
	const edu_u32 *tunables = edu_core_tunables(host->stack);
	edu_u32 group = privileged ? 0 : 1000;

	return group >= tunables[EDU_TUNE_ping_group_min] &&
	       group <= tunables[EDU_TUNE_ping_group_max];
}

/* 0, -EPERM, -EACCES. */
int may_create(edu_t_host *host, const edu_sock_kind &kind)
{
	if (kind.capability == -2)
		return may_ping(host) ? 0 : -13;
	return kind.capability < 0 || privileged ? 0 : -1;
}

void free_sock(edu_t_sock *sock)
{
	edu_core_release(sock->sk);
	edu_k_sock_put(sock->sk);
	delete sock;
}

/* A connection that no program has any more ends here, and its peer hears of it. */
void abort_orphan(struct sock *sk)
{
	constexpr std::uint8_t tcp_close = 7;
	const address unspec{.family = 0, .port = 0, .ip = 0};

	edu_k_sock_hold(sk);
	if (sk->state != tcp_close)
		edu_core_connect(sk, &unspec, sizeof(unspec), 0);
	edu_k_sock_put(sk);
}

void close_sockets(edu_t_host *host)
{
	for (edu_t_sock *sock : host->sockets) {
		set_flag(sock->sk, EDU_SOCK_LINGER, edu_core_sock_is_stream(sock->sk));
		sock->sk->linger = 0;
		free_sock(sock);
	}
	host->sockets.clear();
	for (struct sock *sk : std::vector<struct sock *>{host->socks})
		if (std::count(host->socks.begin(), host->socks.end(), sk))
			abort_orphan(sk);
}

} // namespace
} // namespace hosted

using namespace hosted;

extern "C" {

void edu_t_begin(void)
{
	privileged = true;
	reset_memory();
	reset_clock();
	set_stream_pressure(false);
	set_stream_full(false);
	set_exiting(false);
	edu_t_trace_start();
	alive_before = alive();
}

unsigned int edu_t_end(void)
{
	reset_memory();
	for (int i = 0; i < 4; i++) { /* callbacks may queue callbacks and work */
		edu_t_run(0);
		edu_k_rcu_barrier();
	}
	return alive() - alive_before;
}

struct edu_t_host *edu_t_host_new(void)
{
	auto *host = new edu_t_host{};
	edu_addr_info addr = {};

	host->stack = edu_core_stack_new(&host->net);
	if (!host->stack) {
		delete host;
		return nullptr;
	}
	if (!edulo_new(host)) {
		edu_t_host_free(host);
		return nullptr;
	}
	addr.ifindex = 1;
	addr.local = addr.peer = 0x0100007f; /* 127.0.0.1 */
	addr.prefix_len = 8;
	addr.scope = 254; /* RT_SCOPE_HOST */
	edu_t_rtnl_lock();
	int error =
		edu_core_config_addr_add(host->stack, &addr, EDU_CONFIG_CREATE | EDU_CONFIG_EXCL);

	edu_t_rtnl_unlock();
	if (error) {
		edu_t_host_free(host);
		return nullptr;
	}
	return host;
}

void edu_t_host_free(struct edu_t_host *host)
{
	close_sockets(host);
	while (!host->devices.empty())
		drop_device(host->devices.back());
	edu_t_run(0);
	if (!host->socks.empty())
		fault("a host is freed, and %zu sockets of it are still there", host->socks.size());
	edu_core_stack_close(host->stack);
	edu_core_stacks_settle();
	edu_core_stack_free(host->stack);
	edu_k_rcu_barrier();
	delete host;
}

struct edu_stack *edu_t_stack(struct edu_t_host *host)
{
	return host->stack;
}

struct edu_t_sock *edu_t_socket(struct edu_t_host *host, int type, int protocol, int *error)
{
	edu_sock_kind kind = {};

	*error = edu_core_sock_kind(type, protocol, &kind);
	if (!*error)
		*error = may_create(host, kind);
	if (*error)
		return nullptr;
	struct sock *sk =
		sock_new(host, edu_core_proto_sock_size(static_cast<unsigned int>(kind.index)));

	*error = sk ? edu_core_sock_init(sk, host->stack, type, kind.protocol) : -12;
	if (*error) {
		if (sk)
			edu_k_sock_put(sk);
		return nullptr;
	}
	sk->constructed = true;
	auto *sock = new edu_t_sock{host, sk};

	host->sockets.push_back(sock);
	return sock;
}

void edu_t_close(struct edu_t_sock *sock)
{
	std::erase(sock->host->sockets, sock);
	free_sock(sock);
}

int edu_t_bind(struct edu_t_sock *sock, edu_be32 ip, edu_be16 port)
{
	address name{.port = port, .ip = ip};

	return edu_core_bind(sock->sk, &name, sizeof(name));
}

int edu_t_connect(struct edu_t_sock *sock, edu_be32 ip, edu_be16 port)
{
	address name{.port = port, .ip = ip};

	return edu_core_connect(sock->sk, &name, sizeof(name), 0);
}

int edu_t_connect_flags(struct edu_t_sock *sock, edu_be32 ip, edu_be16 port, int flags)
{
	address name{.port = port, .ip = ip};

	return edu_core_connect(sock->sk, &name, sizeof(name), flags);
}

struct edu_t_sock *edu_t_accept(struct edu_t_sock *sock, int flags, int *error)
{
	struct sock *child = nullptr;

	*error = edu_core_accept(sock->sk, flags, &child);
	if (*error)
		return nullptr;
	child->inode = sock->sk->inode + 1;
	auto *accepted = new edu_t_sock{sock->host, child};

	sock->host->sockets.push_back(accepted);
	return accepted;
}

int edu_t_listen(struct edu_t_sock *sock, int backlog)
{
	return edu_core_listen(sock->sk, backlog);
}

int edu_t_shutdown(struct edu_t_sock *sock, int how)
{
	return edu_core_shutdown(sock->sk, how);
}

unsigned int edu_t_poll(struct edu_t_sock *sock)
{
	struct sock *sk = sock->sk;
	unsigned int mask = edu_core_poll(sk);

	if (!(mask & EDU_POLLOUT)) {
		sk->wants_space = true;
		mask |= edu_core_poll(sk);
	}
	if (sk->error_queue.first)
		mask |= EDU_POLLERR;
	return mask;
}

void edu_t_pressure(int yes)
{
	set_stream_pressure(yes);
}

void edu_t_stream_full(int yes)
{
	set_stream_full(yes);
}

void edu_t_exiting(int yes)
{
	set_exiting(yes);
}

int edu_t_disconnect(struct edu_t_sock *sock)
{
	address name{.family = 0, .port = 0, .ip = 0};

	return edu_core_connect(sock->sk, &name, sizeof(name), 0);
}

int edu_t_bind_raw(struct edu_t_sock *sock, const void *name, int name_len)
{
	return edu_core_bind(sock->sk, name, name_len);
}

int edu_t_connect_raw(struct edu_t_sock *sock, const void *name, int name_len)
{
	return edu_core_connect(sock->sk, name, name_len, 0);
}

struct sock *edu_t_sk(struct edu_t_sock *sock)
{
	return sock->sk;
}

int edu_t_setsockopt(struct edu_t_sock *sock, int level, int name, const void *value,
		     unsigned int len)
{
	int number;

	if (level != sol_socket)
		return edu_core_setsockopt(sock->sk, level, name, value, len);
	if (len < sizeof(number))
		return -22;
	std::memcpy(&number, value, sizeof(number));
	return set_socket_option(sock->sk, name, number);
}

int edu_t_getsockopt(struct edu_t_sock *sock, int level, int name, void *value, unsigned int *len)
{
	if (level != sol_socket)
		return edu_core_getsockopt(sock->sk, level, name, value, len);
	if (name != so_error || *len < sizeof(int))
		return -92;
	int error = -edu_k_sock_error(sock->sk);

	std::memcpy(value, &error, sizeof(error));
	*len = sizeof(error);
	return 0;
}

int edu_t_send(struct edu_t_sock *sock, const void *data, unsigned int len, unsigned int flags,
	       edu_be32 ip, edu_be16 port)
{
	address name{.port = port, .ip = ip};
	edu_send send = {};

	send.flags = flags;
	send.ttl = send.tos = -1;
	if (ip || port) {
		send.name = &name;
		send.name_len = sizeof(name);
	}
	return edu_t_sendmsg(sock, data, len, &send);
}

int edu_t_sendmsg(struct edu_t_sock *sock, const void *data, unsigned int len,
		  struct edu_send *send)
{
	msghdr msg = {static_cast<const std::uint8_t *>(data), len, 0, nullptr, 0, 0};

	send->msg = &msg;
	send->len = len;
	int sent = edu_core_sendmsg(sock->sk, send);

	send->msg = nullptr;
	return sent;
}

int edu_t_send_frame(struct edu_t_sock *sock, const void *data, unsigned int len,
		     const struct edu_frame *to)
{
	edu_send send = {};

	send.ttl = send.tos = -1;
	send.flags = 0x40; /* MSG_DONTWAIT */
	send.name = to;
	send.name_len = to ? sizeof(*to) : 0;
	return edu_t_sendmsg(sock, data, len, &send);
}

int edu_t_recvmsg(struct edu_t_sock *sock, struct edu_t_recv *recv)
{
	msghdr msg = {nullptr, 0, 0, recv, 0, 0};
	edu_u32 flags = recv->flags;

	recv->address = 0;
	recv->port = 0;
	recv->frame = {};
	recv->control_len = 0;
	int got = edu_core_recvmsg(sock->sk, &msg, recv->room, flags);

	recv->flags = msg.out_flags;
	return got;
}

} // extern "C"
