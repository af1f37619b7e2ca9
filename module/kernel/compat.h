/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The differences between the kernels supported (6.1 and 6.12), all of them: no other file looks at
 * LINUX_VERSION_CODE.
 *
 * TLK: none; it serves every layer of the kernel side. No locks.
 */
#ifndef _EDU_COMPAT_H
#define _EDU_COMPAT_H

#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/timer.h>
#include <linux/version.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#include <net/gso.h> /* skb_gso_segment() left netdevice.h */
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#include <linux/skbuff_ref.h> /* skb_frag_unref() left skbuff.h, … */
#include <net/proto_memory.h> /* … and sk_under_memory_pressure() sock.h */
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "EDUINET needs Linux 6.1 or newer"
#endif

/* 6.10 gathered accept's arguments in a structure. EDU_ACCEPT_ARGS are the parameters behind the two
 * sockets, EDU_ACCEPT_FLAGS the file flags among them. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define EDU_ACCEPT_ARGS struct proto_accept_arg *arg
#define EDU_ACCEPT_FLAGS ((arg)->flags)
#else
#define EDU_ACCEPT_ARGS int flags, bool kern
#define EDU_ACCEPT_FLAGS (flags)
#endif

/* 6.5 made sendfile() a sendmsg() with MSG_MORE, and tells when there is no more after all; later releases
 * of 6.1 tell too. Kbuild looks which kernel does. */
static inline void edu_compat_set_splice_eof(struct proto_ops *ops,
					     void (*splice_eof)(struct socket *sock))
{
#ifdef EDU_HAVE_SPLICE_EOF
	ops->splice_eof = splice_eof;
#endif
}

/* 6.7 dropped the message from the parameters of __sock_cmsg_send(). */
static inline int edu_compat_sock_cmsg_send(struct sock *sk, struct msghdr *msg,
					    struct cmsghdr *cmsg, struct sockcm_cookie *cookie)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return __sock_cmsg_send(sk, cmsg, cookie);
#else
	return __sock_cmsg_send(sk, msg, cmsg, cookie);
#endif
}

/* 6.3 gave IPv4 a limit of its own for large segments. */
static inline unsigned int edu_compat_gso_max_size(const struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return READ_ONCE(dev->gso_ipv4_max_size);
#else
	return READ_ONCE(dev->gso_max_size);
#endif
}

/*
 * 6.5 did away with sendpage(): sendfile() and splice() are a sendmsg() with MSG_SPLICE_PAGES, which
 * offers pages that may be sent as they are. Before it, EDU_SEND_PAGES says so for the one page that
 * sendpage() brings; no program may.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define EDU_SEND_PAGES MSG_SPLICE_PAGES
#define EDU_NOT_FOR_PROGRAMS 0
#define EDU_SENDPAGE_NOTLAST 0
#else
#define EDU_SEND_PAGES 0x8000000
#define EDU_NOT_FOR_PROGRAMS EDU_SEND_PAGES
#define EDU_SENDPAGE_NOTLAST MSG_SENDPAGE_NOTLAST
#endif

typedef ssize_t (*edu_compat_sendpage)(struct socket *sock, struct page *page, int offset,
				       size_t len, int flags);

static inline void edu_compat_set_sendpage(struct proto_ops *ops, edu_compat_sendpage sendpage)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	ops->sendpage = sendpage;
#endif
}

/* Sends a copy of the page. */
static inline ssize_t edu_compat_no_sendpage(struct socket *sock, struct page *page, int offset,
					     size_t len, int flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return sock_no_sendpage(sock, page, offset, len, flags);
#else
	return -EOPNOTSUPP;
#endif
}

/* Puts up to len octets of the pages offered behind skb: how many, 0 when it has no fragment left, or a
 * negative errno. len, data_len and truesize follow; the charge is the caller's. */
static inline int edu_compat_take_pages(struct sk_buff *skb, struct iov_iter *iter, size_t len,
					gfp_t gfp)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	ssize_t taken = skb_splice_from_iter(skb, iter, len, gfp);

	return taken == -EMSGSIZE ? 0 : taken;
#else
	const struct bio_vec *piece = iter->bvec;
	unsigned int offset = piece->bv_offset + iter->iov_offset;
	int last = skb_shinfo(skb)->nr_frags;

	len = min_t(size_t, len, iov_iter_single_seg_count(iter));
	if (skb_can_coalesce(skb, last, piece->bv_page, offset)) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[last - 1], len);
	} else if (last < MAX_SKB_FRAGS) {
		get_page(piece->bv_page);
		skb_fill_page_desc_noacc(skb, last, piece->bv_page, offset, len);
	} else {
		return 0;
	}
	iov_iter_advance(iter, len);
	skb->len += len;
	skb->data_len += len;
	skb->truesize += len;
	return len;
#endif
}

/* 6.6 lets a family see the options of SOL_SOCKET first; before it the kernel sets them alone. */
static inline void edu_compat_custom_sockopt(struct socket *sock)
{
#ifdef SOCK_CUSTOM_SOCKOPT
	set_bit(SOCK_CUSTOM_SOCKOPT, &sock->flags);
#endif
}

/* 6.2 renamed del_timer() and del_timer_sync(). */
static inline int edu_compat_timer_delete(struct timer_list *timer)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	return timer_delete(timer);
#else
	return del_timer(timer);
#endif
}

static inline int edu_compat_timer_delete_sync(struct timer_list *timer)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	return timer_delete_sync(timer);
#else
	return del_timer_sync(timer);
#endif
}

/* 6.12 turned two device features into bits of their own: sending takes no lock of the kernel's, … */
static inline void edu_compat_set_lltx(struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
}

/* … and the device never leaves its namespace. */
static inline void edu_compat_set_netns_local(struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	dev->netns_immutable = true;
#else
	dev->features |= NETIF_F_NETNS_LOCAL;
#endif
}

/* 6.11 made the table that a sysctl's handler gets constant. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
typedef const struct ctl_table edu_compat_ctl_table;
#else
typedef struct ctl_table edu_compat_ctl_table;
#endif

/* 6.6 made the size of a sysctl table a parameter of its own; a table for a kernel before that ends with
 * an empty entry, which does no harm since it is not counted. */
static inline struct ctl_table_header *
edu_compat_register_sysctl(struct net *net, const char *path, struct ctl_table *table, size_t size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return register_net_sysctl_sz(net, path, table, size);
#else
	return register_net_sysctl(net, path, table);
#endif
}

#endif /* _EDU_COMPAT_H */
