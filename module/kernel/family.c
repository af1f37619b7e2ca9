// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket family: registers with the BSD layer and hands each call on a socket to the core.
 *
 * TLK "The BSD Socket Interface"; BSD-1 (families register themselves), BSD-2 (proto_ops reached by
 * the family's number), BSD-4 (types), BSD-5 (a socket is a file), BSD-7, INET-1, INET-2, INET-11.
 *
 * A socket is one allocation: the kernel's struct sock, and behind it, at EDU_SIZEOF_SOCK, the
 * core's part. The core constructs its part in edu_core_sock_init() and destroys it in
 * edu_core_sock_destroy(), when the last reference is gone and a grace period has passed
 * (SOCK_RCU_FREE), so that look-ups need no lock and no reference. What streams have besides is in
 * stream_ops.c.
 *
 * Locking: none here. The BSD layer keeps the socket alive during a call; the core takes the socket
 * lock where a call needs it. edu_protos[] is constant from init to exit. Each sock holds a
 * reference on the module (proto.owner), so that rmmod is refused until the last one is freed.
 */
#include <linux/cache.h>
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

/* Option values up to this length fit on the stack; the core counts on so many octets to write. */
#define EDU_OPTION_SMALL 64
/* Longer ones are cut: no option of ours is longer. */
#define EDU_OPTION_MAX 8192

/* One kernel protocol per socket protocol of the core, by its index: a slab, a line in
 * /proc/net/protocols. */
#define EDU_PROTO_MAX 8
static struct proto edu_protos[EDU_PROTO_MAX];
static unsigned int edu_proto_count; /* how many are registered */

/* ------------------------------------------------------------------------------------------------
 * Creation and release
 */

static int edu_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	int err;

	/* A listener's newborn is met by softirqs as soon as it is in a table, and is locked until then. */
	local_bh_disable();
	err = edu_core_backlog_rcv(sk, skb);
	local_bh_enable();
	return err;
}

/* The last reference is gone. Any context. */
static void edu_sock_destruct(struct sock *sk)
{
	bool stream = edu_core_sock_is_stream(sk);

	skb_queue_purge(&sk->sk_receive_queue);
	skb_queue_purge(&sk->sk_error_queue);
	edu_core_sock_destroy(sk);
	if (stream)
		edu_stream_sock_exit(sk);

	WARN_ON_ONCE(!sock_flag(sk, SOCK_DEAD));
	WARN_ON_ONCE(atomic_read(&sk->sk_rmem_alloc));
	WARN_ON_ONCE(refcount_read(&sk->sk_wmem_alloc));
}

/* Linux's ping_group_range: whether one of the caller's groups may open a ping socket. */
static bool edu_in_ping_group(const struct net *net, struct edu_stack *stack)
{
	const u32 *tunables = edu_core_tunables(stack);
	u32 least = READ_ONCE(tunables[EDU_TUNE_ping_group_min]);
	u32 most = READ_ONCE(tunables[EDU_TUNE_ping_group_max]);
	const struct group_info *groups = current_cred()->group_info;
	gid_t gid = from_kgid(net->user_ns, current_egid());
	int i;

	if (gid != (gid_t)-1 && least <= gid && gid <= most)
		return true;
	for (i = 0; i < groups->ngroups; i++) {
		gid = from_kgid(net->user_ns, groups->gid[i]);
		if (gid != (gid_t)-1 && least <= gid && gid <= most)
			return true;
	}
	return false;
}

/* What the caller needs to open a socket of this kind. */
static int edu_may_create(const struct net *net, struct edu_stack *stack,
			  const struct edu_sock_kind *kind, int kern)
{
	if (kern || kind->capability == -1)
		return 0;
	if (kind->capability == -2)
		return edu_in_ping_group(net, stack) ? 0 : -EACCES;
	return ns_capable(net->user_ns, kind->capability) ? 0 : -EPERM;
}

static struct proto_ops edu_proto_ops __ro_after_init;
static struct proto_ops edu_stream_proto_ops __ro_after_init;

static int edu_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	struct edu_net *host = edu_test_host(edu_net(net));
	struct edu_sock_kind kind;
	struct sock *sk;
	bool stream;
	int err;

	BUILD_BUG_ON(EDU_SIZEOF_SOCK < sizeof(struct sock));
	BUILD_BUG_ON(!IS_ALIGNED(EDU_SIZEOF_SOCK, 8));

	if (!host)
		return -EAFNOSUPPORT; /* the namespace is going */
	err = edu_core_sock_kind(sock->type, protocol, &kind);
	if (err)
		return err;
	err = edu_may_create(net, host->stack, &kind, kern);
	if (err)
		return err;

	stream = edu_core_proto_is_stream(kind.index);
	sk = sk_alloc(net, edu_family, GFP_KERNEL, &edu_protos[kind.index], kern);
	if (!sk)
		return -ENOBUFS;
	sock->state = SS_UNCONNECTED;
	sock->ops = stream ? &edu_stream_proto_ops : &edu_proto_ops;
	edu_compat_custom_sockopt(sock); /* see edu_setsockopt_socket() */
	sock_init_data(sock, sk);
	sock_set_flag(sk, SOCK_RCU_FREE);
	sk->sk_protocol = kind.protocol;
	sk->sk_backlog_rcv = edu_backlog_rcv;
	if (stream)
		edu_stream_sock_init(sk);

	err = edu_core_sock_init(sk, host->stack, sock->type, kind.protocol);
	if (err) {
		if (stream)
			edu_stream_sock_exit(sk);
		/* The core's part does not exist: the kernel's destructor alone. */
		sock_orphan(sk);
		sock->sk = NULL;
		sock_put(sk);
		return err;
	}
	sk->sk_destruct = edu_sock_destruct;
	return 0;
}

static int edu_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return 0;
	edu_core_release(sk);
	sock_orphan(sk);
	sock->sk = NULL;
	sock_put(sk);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Addresses and connections
 */

static int edu_bind(struct socket *sock, struct sockaddr *name, int name_len)
{
	return edu_core_bind(sock->sk, name, name_len);
}

static int edu_connect(struct socket *sock, struct sockaddr *name, int name_len, int flags)
{
	return edu_core_connect(sock->sk, name, name_len, flags);
}

static int edu_listen(struct socket *sock, int backlog)
{
	return edu_core_listen(sock->sk, backlog);
}

/* A SOCK_PACKET socket's name is that of its device (packet(7)). */
static int edu_getname_packet(struct socket *sock, struct sockaddr *name, int peer)
{
	const struct net_device *dev;

	if (peer)
		return -EOPNOTSUPP;
	*name = (struct sockaddr){ .sa_family = edu_family };
	rcu_read_lock();
	dev = dev_get_by_index_rcu(sock_net(sock->sk), edu_core_frame_ifindex(sock->sk));
	if (dev)
		strscpy((char *)name + offsetof(struct sockaddr, sa_data), dev->name,
			sizeof(*name) - offsetof(struct sockaddr, sa_data));
	rcu_read_unlock();
	return sizeof(*name);
}

static int edu_getname(struct socket *sock, struct sockaddr *name, int peer)
{
	struct sockaddr_edu *to = (struct sockaddr_edu *)name;
	edu_be32 address;
	edu_be16 port;
	int err;

	if (sock->type == SOCK_PACKET)
		return edu_getname_packet(sock, name, peer);
	err = edu_core_getname(sock->sk, peer, &address, &port);
	if (err)
		return err;
	*to = (struct sockaddr_edu){
		.sedu_family = edu_family,
		.sedu_port = (__force __be16)port,
		.sedu_addr = (__force __be32)address,
	};
	return sizeof(*to);
}

static int edu_shutdown(struct socket *sock, int how)
{
	return edu_core_shutdown(sock->sk, how);
}

/* ------------------------------------------------------------------------------------------------
 * Data
 */

/* As on AF_INET: whatever is wrong with a stream's control message is EINVAL, unless the core is going to
 * say that there is no connection. */
static int edu_stream_cmsg_error(const struct sock *sk)
{
	const int open = TCPF_ESTABLISHED | TCPF_CLOSE_WAIT | TCPF_SYN_SENT | TCPF_SYN_RECV;

	return 1 << READ_ONCE(sk->sk_state) & open ? -EINVAL : 0;
}

static int edu_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct edu_send send = {
		.msg = msg,
		.len = len,
		.name = msg->msg_name,
		.name_len = msg->msg_name ? msg->msg_namelen : 0,
		.ttl = -1,
		.tos = -1,
	};
	int err;

	if (len > INT_MAX)
		return -EMSGSIZE;
	msg->msg_flags &= ~EDU_NOT_FOR_PROGRAMS;
	send.flags = msg->msg_flags;
	if (unlikely(msg->msg_controllen)) {
		err = edu_cmsg_send(sock->sk, msg, &send);
		if (err && sock->type == SOCK_STREAM)
			err = edu_stream_cmsg_error(sock->sk);
		if (err)
			return err;
	}
	return edu_core_sendmsg(sock->sk, &send);
}

/* sendfile() and splice() before Linux 6.5 come page by page: one call's are one datagram. */
static ssize_t edu_sendpage(struct socket *sock, struct page *page, int offset, size_t len,
			    int flags)
{
	if (flags & EDU_SENDPAGE_NOTLAST)
		flags |= MSG_MORE;
	return edu_compat_no_sendpage(sock, page, offset, len, flags);
}

static void edu_splice_eof(struct socket *sock)
{
	edu_core_splice_eof(sock->sk);
}

static int edu_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	return edu_core_recvmsg(sock->sk, msg, min_t(size_t, len, INT_MAX), flags);
}

/* ------------------------------------------------------------------------------------------------
 * Options
 */

/*
 * The kernel's own options, which come by here since Linux 6.6. It grants SO_REUSEPORT to AF_INET and
 * AF_INET6 alone (as do later releases of 6.1), for the sake of its reuseport groups; ours are the
 * core's affair, so the programs that choose a group's member, which nobody would run, are refused.
 */
static int edu_setsockopt_socket(struct socket *sock, int name, sockptr_t value, unsigned int len)
{
	struct sock *sk = sock->sk;
	int on;

	switch (name) {
	case SO_REUSEPORT:
		if (len < sizeof(on))
			return -EINVAL;
		if (copy_from_sockptr(&on, value, sizeof(on)))
			return -EFAULT;
		lock_sock(sk);
		sk->sk_reuseport = !!on;
		release_sock(sk);
		return 0;
	case SO_ATTACH_REUSEPORT_CBPF:
	case SO_ATTACH_REUSEPORT_EBPF:
		return -EOPNOTSUPP;
	default:
		return sock_setsockopt(sock, SOL_SOCKET, name, value, len);
	}
}

/* The structures of MCAST_JOIN_GROUP and its kin are an int and then socket addresses, which lie four
 * octets nearer to it in a 32-bit program's: so many to leave between. */
static unsigned int edu_option_gap(int level, int name)
{
	if (level != SOL_IP || name < MCAST_JOIN_GROUP || name > MCAST_MSFILTER)
		return 0;
	return in_compat_syscall() ? sizeof(u32) : 0;
}

static int edu_option_copy_in(u8 *to, sockptr_t value, unsigned int len, unsigned int gap)
{
	unsigned int first = gap ? min_t(unsigned int, len, sizeof(u32)) : len;

	if (copy_from_sockptr(to, value, first))
		return -EFAULT;
	return copy_from_sockptr_offset(to + first + gap, value, first, len - first) ? -EFAULT : 0;
}

static int edu_setsockopt(struct socket *sock, int level, int name, sockptr_t value,
			  unsigned int len)
{
	unsigned int gap = edu_option_gap(level, name);
	u64 small[EDU_OPTION_SMALL / 8] = {};
	void *copy = small;
	int err;

	if (level == SOL_SOCKET)
		return edu_setsockopt_socket(sock, name, value, len);
	len = min_t(unsigned int, len, EDU_OPTION_MAX);
	if (len + gap > sizeof(small)) {
		copy = kzalloc(len + gap, GFP_USER | __GFP_NOWARN);
		if (!copy)
			return -ENOBUFS;
	}
	err = edu_option_copy_in(copy, value, len, gap);
	if (!err)
		err = edu_core_setsockopt(sock->sk, level, name, copy, len + gap);
	if (copy != small)
		kfree(copy);
	return err;
}

static int edu_option_copy_out(char __user *value, const u8 *from, unsigned int len,
			       unsigned int gap)
{
	unsigned int first = gap ? min_t(unsigned int, len, sizeof(u32)) : len;

	if (copy_to_user(value, from, first))
		return -EFAULT;
	return copy_to_user(value + first, from + first + gap, len - first) ? -EFAULT : 0;
}

/* These two ask about a group that the program has written into its buffer. */
static bool edu_option_asks(int level, int name)
{
	return level == SOL_IP && (name == IP_MSFILTER || name == MCAST_MSFILTER);
}

static int edu_getsockopt(struct socket *sock, int level, int name, char __user *value,
			  int __user *value_len)
{
	unsigned int gap = edu_option_gap(level, name);
	u64 small[EDU_OPTION_SMALL / 8] = {};
	void *buffer = small;
	unsigned int room;
	int err = 0;
	int len;

	if (get_user(len, value_len))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	room = min(len, EDU_OPTION_MAX);
	if (room + gap > sizeof(small)) {
		buffer = kzalloc(room + gap, GFP_USER | __GFP_NOWARN);
		if (!buffer)
			return -ENOBUFS;
	}
	if (edu_option_asks(level, name))
		err = edu_option_copy_in(buffer, USER_SOCKPTR(value), room, gap);
	len = room + gap;
	if (!err)
		err = edu_core_getsockopt(sock->sk, level, name, buffer, (unsigned int *)&len);
	len = min_t(unsigned int, len - gap, room);
	if (!err && (put_user(len, value_len) || edu_option_copy_out(value, buffer, len, gap)))
		err = -EFAULT;
	if (buffer != small)
		kfree(buffer);
	return err;
}

/* ------------------------------------------------------------------------------------------------
 * Requests
 */

/* FIONREAD, SIOCOUTQ: what the core answers with one int. */
static int edu_sock_ioctl(struct sock *sk, unsigned int cmd, int __user *to)
{
	int value = 0;
	int err = edu_core_ioctl(sk, cmd, &value);

	return err ? err : put_user(value, to);
}

static int edu_ops_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	int err = edu_sock_ioctl(sock->sk, cmd, (int __user *)arg);

	return err == -ENOIOCTLCMD ? edu_ioctl(sock, cmd, arg) : err;
}

#ifdef CONFIG_COMPAT
static int edu_ops_compat_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	int err = edu_sock_ioctl(sock->sk, cmd, compat_ptr(arg));

	return err == -ENOIOCTLCMD ? edu_ioctl_compat(sock, cmd, arg) : err;
}
#endif

/* ------------------------------------------------------------------------------------------------
 * Registration (BSD-1, BSD-2)
 */

/* edu_family_init() enters the family, a parameter, before anybody can reach it. */
static struct proto_ops edu_proto_ops __ro_after_init = {
	.owner = THIS_MODULE,
	.release = edu_release,
	.bind = edu_bind,
	.connect = edu_connect,
	.socketpair = sock_no_socketpair,
	.accept = sock_no_accept, /* INET-11: for streams only */
	.getname = edu_getname,
	.poll = datagram_poll,
	.ioctl = edu_ops_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = edu_ops_compat_ioctl,
#endif
	.gettstamp = sock_gettstamp,
	.listen = edu_listen,
	.shutdown = edu_shutdown,
	.setsockopt = edu_setsockopt,
	.getsockopt = edu_getsockopt,
	.sendmsg = edu_sendmsg,
	.recvmsg = edu_recvmsg,
	.mmap = sock_no_mmap,
};

static struct net_proto_family edu_net_family __ro_after_init = {
	.create = edu_create,
	.owner = THIS_MODULE,
};

static void edu_protos_unregister(void)
{
	while (edu_proto_count)
		proto_unregister(&edu_protos[--edu_proto_count]);
}

static int edu_protos_register(void)
{
	const char *name;

	while ((name = edu_core_proto_name(edu_proto_count))) {
		struct proto *proto = &edu_protos[edu_proto_count];
		int err = -E2BIG;

		if (edu_proto_count < EDU_PROTO_MAX) {
			/* Linux has a "UDP" of its own, in /proc/net/protocols and as a slab. */
			snprintf(proto->name, sizeof(proto->name), "EDU-%s", name);
			proto->owner = THIS_MODULE;
			proto->obj_size =
				EDU_SIZEOF_SOCK + edu_core_proto_sock_size(edu_proto_count);
			if (edu_core_proto_is_stream(edu_proto_count))
				edu_stream_describe(proto);
			err = proto_register(proto, 1);
		}
		if (err) {
			edu_protos_unregister();
			return err;
		}
		edu_proto_count++;
	}
	return 0;
}

int edu_family_init(void)
{
	int err;

	/* sock_register() looks at the upper end only. */
	if (edu_family <= AF_UNSPEC || edu_family >= NPROTO) {
		pr_err("family %d is not one of 1 to %d\n", edu_family, NPROTO - 1);
		return -EINVAL;
	}
	err = edu_stream_init();
	if (err)
		return err;
	err = edu_protos_register();
	if (err)
		goto exit_stream;
	edu_proto_ops.family = edu_family;
	edu_compat_set_splice_eof(&edu_proto_ops, edu_splice_eof);
	edu_compat_set_sendpage(&edu_proto_ops, edu_sendpage);
	edu_stream_proto_ops = edu_proto_ops;
	edu_stream_ops_init(&edu_stream_proto_ops);
	edu_net_family.family = edu_family;
	err = sock_register(&edu_net_family);
	if (err) {
		pr_err("family %d is taken (%d)\n", edu_family, err);
		goto unregister;
	}
	return 0;

unregister:
	edu_protos_unregister();
exit_stream:
	edu_stream_exit();
	return err;
}

void edu_family_exit(void)
{
	sock_unregister(edu_family);
	edu_protos_unregister();
	edu_stream_exit();
}
