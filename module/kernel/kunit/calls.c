// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests' system calls in a kernel (kunit/test_bridge.h).
 *
 * Sockets are whole sockets, made by the BSD layer, and the calls go through the family's proto_ops
 * as a program's would, so that family.c, cmsg.c and sock.c are under test as well. Where an
 * operation wants a program's memory (getsockopt) or the caller has taken the control messages
 * apart already, the core is called directly.
 *
 * Locking: none; the test's thread alone. edu_t_opening is set while a socket is made.
 */
#include <linux/cred.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "world.h"
#include "hooks.h"

struct edu_t_sock {
	struct edu_t_host *host;
	struct socket *socket;
	struct list_head list; /* in edu_t_host.sockets */
};

/* A stream that a test has closed. It may take minutes to end, of a clock that stands still. */
struct edu_t_orphan {
	struct sock *sk;       /* a reference */
	struct list_head list; /* in edu_t_host.closed */
};

static struct edu_t_host *edu_t_opening; /* the host a socket is being made for */
static struct task_struct *edu_t_opener; /* the test's thread meanwhile */

struct edu_net *edu_test_host(struct edu_net *real)
{
	if (READ_ONCE(edu_t_opener) != current)
		return real;
	return &edu_t_opening->net;
}

struct edu_t_sock *edu_t_socket(struct edu_t_host *host, int type, int protocol, int *error)
{
	struct edu_t_sock *sock = kzalloc(sizeof(*sock), GFP_KERNEL);

	*error = -ENOMEM;
	if (!sock)
		return NULL;
	edu_t_opening = host;
	WRITE_ONCE(edu_t_opener, current);
	*error = sock_create(edu_family, type, protocol, &sock->socket);
	WRITE_ONCE(edu_t_opener, NULL);
	if (*error) {
		kfree(sock);
		return NULL;
	}
	sock->host = host;
	list_add_tail(&sock->list, &host->sockets);
	return sock;
}

/* Remembers a stream that is about to be closed. Without memory it must end by itself. */
static void edu_t_remember(struct edu_t_host *host, struct sock *sk)
{
	struct edu_t_orphan *orphan;

	if (!edu_core_sock_is_stream(sk))
		return;
	orphan = kmalloc(sizeof(*orphan), GFP_KERNEL);
	if (!orphan)
		return;
	sock_hold(sk);
	orphan->sk = sk;
	list_add_tail(&orphan->list, &host->closed);
}

void edu_t_close(struct edu_t_sock *sock)
{
	edu_t_remember(sock->host, sock->socket->sk);
	list_del(&sock->list);
	sock_release(sock->socket);
	kfree(sock);
}

/* connect() to AF_UNSPEC ends a connection, whether a program has it or not. */
static void edu_t_orphans_abort(struct edu_t_host *host)
{
	const struct sockaddr_edu unspec = { .sedu_family = AF_UNSPEC };
	struct edu_t_orphan *orphan, *next;

	list_for_each_entry_safe(orphan, next, &host->closed, list) {
		if (READ_ONCE(orphan->sk->sk_state) != TCP_CLOSE)
			edu_core_connect(orphan->sk, &unspec, sizeof(unspec), 0);
		sock_put(orphan->sk);
		list_del(&orphan->list);
		kfree(orphan);
	}
}

void edu_t_sockets_close(struct edu_t_host *host)
{
	const int at_once = 0;
	struct edu_t_sock *sock, *next;

	list_for_each_entry_safe(sock, next, &host->sockets, list) {
		if (edu_core_sock_is_stream(sock->socket->sk))
			edu_t_setsockopt(sock, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		edu_t_close(sock);
	}
	edu_t_orphans_abort(host);
}

struct sock *edu_t_sk(struct edu_t_sock *sock)
{
	return sock->socket->sk;
}

/* ------------------------------------------------------------------------------------------------
 * Addresses
 */

static struct sockaddr_edu edu_t_name(edu_be32 address, edu_be16 port)
{
	return (struct sockaddr_edu){
		.sedu_family = edu_family,
		.sedu_port = (__force __be16)port,
		.sedu_addr = (__force __be32)address,
	};
}

int edu_t_bind_raw(struct edu_t_sock *sock, const void *name, int name_len)
{
	return sock->socket->ops->bind(sock->socket, (struct sockaddr *)name, name_len);
}

int edu_t_connect_raw(struct edu_t_sock *sock, const void *name, int name_len)
{
	return sock->socket->ops->connect(sock->socket, (struct sockaddr *)name, name_len, 0);
}

int edu_t_bind(struct edu_t_sock *sock, edu_be32 address, edu_be16 port)
{
	struct sockaddr_edu name = edu_t_name(address, port);

	return edu_t_bind_raw(sock, &name, sizeof(name));
}

int edu_t_connect(struct edu_t_sock *sock, edu_be32 address, edu_be16 port)
{
	struct sockaddr_edu name = edu_t_name(address, port);

	return edu_t_connect_raw(sock, &name, sizeof(name));
}

int edu_t_connect_flags(struct edu_t_sock *sock, edu_be32 address, edu_be16 port, int flags)
{
	struct sockaddr_edu name = edu_t_name(address, port);

	return sock->socket->ops->connect(sock->socket, (struct sockaddr *)&name, sizeof(name),
					  flags);
}

/* kernel_accept() makes the new socket as sys_accept() does; the test's host gets it. */
struct edu_t_sock *edu_t_accept(struct edu_t_sock *sock, int flags, int *error)
{
	struct edu_t_sock *accepted = kzalloc(sizeof(*accepted), GFP_KERNEL);

	*error = -ENOMEM;
	if (!accepted)
		return NULL;
	*error = kernel_accept(sock->socket, &accepted->socket, flags);
	if (*error) {
		kfree(accepted);
		return NULL;
	}
	accepted->host = sock->host;
	list_add_tail(&accepted->list, &sock->host->sockets);
	return accepted;
}

int edu_t_listen(struct edu_t_sock *sock, int backlog)
{
	return sock->socket->ops->listen(sock->socket, backlog);
}

int edu_t_shutdown(struct edu_t_sock *sock, int how)
{
	return sock->socket->ops->shutdown(sock->socket, how);
}

unsigned int edu_t_poll(struct edu_t_sock *sock)
{
	return (__force unsigned int)sock->socket->ops->poll(NULL, sock->socket, NULL);
}

int edu_t_disconnect(struct edu_t_sock *sock)
{
	struct sockaddr_edu name = { .sedu_family = AF_UNSPEC };

	return edu_t_connect_raw(sock, &name, sizeof(name));
}

/* ------------------------------------------------------------------------------------------------
 * Options
 */

static int edu_t_bind_to_device(struct sock *sk, const void *value, unsigned int len)
{
	if (len < sizeof(int))
		return -EINVAL;
	lock_sock(sk);
	WRITE_ONCE(sk->sk_bound_dev_if, *(const int *)value);
	release_sock(sk);
	return 0;
}

/* Linux 6.1 grants the option to AF_INET and AF_INET6 alone; the core's part of it is tested all the
 * same. */
static int edu_t_reuse_port(struct sock *sk, const void *value, unsigned int len)
{
	if (len < sizeof(int))
		return -EINVAL;
	lock_sock(sk);
	sk->sk_reuseport = !!*(const int *)value;
	release_sock(sk);
	return 0;
}

/* Milliseconds, 0 for none; by the real clock, since whoever waits sleeps. */
static int edu_t_time_limit(struct sock *sk, int name, int ms)
{
	long limit = ms ? msecs_to_jiffies(ms) : MAX_SCHEDULE_TIMEOUT;

	if (name == SO_RCVTIMEO_OLD)
		WRITE_ONCE(sk->sk_rcvtimeo, limit);
	else
		WRITE_ONCE(sk->sk_sndtimeo, limit);
	return 0;
}

int edu_t_setsockopt(struct edu_t_sock *sock, int level, int name, const void *value,
		     unsigned int len)
{
	sockptr_t pointer = KERNEL_SOCKPTR((void *)value);

	if (level != SOL_SOCKET)
		return sock->socket->ops->setsockopt(sock->socket, level, name, pointer, len);
	/* The tests' devices are known to no namespace by name. */
	if (name == SO_BINDTODEVICE)
		return edu_t_bind_to_device(sock->socket->sk, value, len);
	if (name == SO_REUSEPORT)
		return edu_t_reuse_port(sock->socket->sk, value, len);
	if ((name == SO_RCVTIMEO_OLD || name == SO_SNDTIMEO_OLD) && len == sizeof(int))
		return edu_t_time_limit(sock->socket->sk, name, *(const int *)value);
	if (name == SO_LINGER && len == sizeof(int)) {
		struct linger linger = {
			.l_onoff = *(const int *)value >= 0,
			.l_linger = max(0, *(const int *)value),
		};

		return sock_setsockopt(sock->socket, level, name, KERNEL_SOCKPTR(&linger),
				       sizeof(linger));
	}
	return sock_setsockopt(sock->socket, level, name, pointer, len);
}

int edu_t_getsockopt(struct edu_t_sock *sock, int level, int name, void *value, unsigned int *len)
{
	if (level != SOL_SOCKET)
		return edu_core_getsockopt(sock->socket->sk, level, name, value, len);
	if (name != SO_ERROR || *len < sizeof(int))
		return -ENOPROTOOPT;
	*(int *)value = -sock_error(sock->socket->sk);
	*len = sizeof(int);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Data
 */

int edu_t_send(struct edu_t_sock *sock, const void *data, unsigned int len, unsigned int flags,
	       edu_be32 address, edu_be16 port)
{
	struct sockaddr_edu name = edu_t_name(address, port);
	struct kvec piece = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_flags = flags };

	if (address || port) {
		msg.msg_name = &name;
		msg.msg_namelen = sizeof(name);
	}
	return kernel_sendmsg(sock->socket, &msg, &piece, 1, len);
}

int edu_t_sendmsg(struct edu_t_sock *sock, const void *data, unsigned int len,
		  struct edu_send *send)
{
	struct kvec piece = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_flags = send->flags };
	int sent;

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &piece, 1, len);
	send->msg = &msg;
	send->len = len;
	sent = edu_core_sendmsg(sock->socket->sk, send);
	send->msg = NULL;
	return sent;
}

int edu_t_send_frame(struct edu_t_sock *sock, const void *data, unsigned int len,
		     const struct edu_frame *to)
{
	struct kvec piece = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };

	if (to) {
		msg.msg_name = (void *)to;
		msg.msg_namelen = sizeof(*to);
	}
	return kernel_sendmsg(sock->socket, &msg, &piece, 1, len);
}

int edu_t_recvmsg(struct edu_t_sock *sock, struct edu_t_recv *recv)
{
	struct sockaddr_storage from = {};
	const struct sockaddr_edu *name = (const struct sockaddr_edu *)&from;
	struct kvec piece = { .iov_base = recv->data, .iov_len = recv->room };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_control = recv->control,
		.msg_controllen = sizeof(recv->control),
	};
	int got = kernel_recvmsg(sock->socket, &msg, &piece, 1, recv->room, recv->flags);

	recv->flags = msg.msg_flags;
	recv->address = 0;
	recv->port = 0;
	memset(&recv->frame, 0, sizeof(recv->frame));
	if (msg.msg_namelen == sizeof(recv->frame)) {
		memcpy(&recv->frame, &from, sizeof(recv->frame));
	} else if (msg.msg_namelen) {
		recv->address = (__force edu_be32)name->sedu_addr;
		recv->port = (__force edu_be16)name->sedu_port;
	}
	recv->control_len = sizeof(recv->control) - msg.msg_controllen;
	return got;
}

/* ------------------------------------------------------------------------------------------------
 * Privileges
 */

static const struct cred *edu_t_full_cred; /* what the thread had, while it has none */

void edu_test_privileges_restore(void)
{
	if (edu_t_full_cred)
		revert_creds(edu_t_full_cred);
	edu_t_full_cred = NULL;
}

void edu_t_privileged(int yes)
{
	struct cred *none;

	edu_test_privileges_restore();
	if (yes)
		return;
	none = prepare_creds();
	if (!none)
		return;
	cap_clear(none->cap_effective);
	cap_clear(none->cap_permitted);
	none->uid = none->euid = none->fsuid =
		KUIDT_INIT(65534); /* nobody: sockets have an owner */
	edu_t_full_cred = override_creds(none);
	put_cred(none);
}
