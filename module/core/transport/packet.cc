// SPDX-License-Identifier: GPL-2.0-only
/*
 * SOCK_PACKET sockets: what they hear, and what they send.
 *
 * TLK "BSD Sockets" (the types), 2.0's net/packet/af_packet.c and packet(7) with its old interface.
 * Requirements: BSD-4, DEV-4, INET-2. A socket is made for one protocol of frames (ETH_P_*), or for
 * all; with ETH_P_ALL it also sees what other sockets send. The frame it reads begins with the link
 * header. What it sends is a frame too, and goes to the device named with it, unlooked at.
 * Not here: SOCK_RAW and SOCK_DGRAM with struct sockaddr_ll, rings, fanout: those are Linux's
 * AF_PACKET, which works beside us.
 *
 * Locking: see packet.hh. Errors of a device reach the program as ENETDOWN, once, as in packet(7).
 */
#include "transport/packet.hh"

#include "stack.hh"

namespace edu {

namespace {

/* Octets of a struct sockaddr, and of a struct sockaddr_pkt, which has a protocol behind it. */
constexpr int sockaddr_name_len = 16, sockaddr_pkt_len = 18;
static_assert(sizeof(edu_frame) == sockaddr_pkt_len);

/* A device's name as the program gave it, with a final zero, which it may have left out. */
struct device_name {
	char text[sizeof(edu_frame::device) + 1] = {};

	explicit device_name(const void *name)
	{
		__builtin_memcpy(text, static_cast<const char *>(name) + sizeof(u16),
				 sizeof(edu_frame::device));
	}
};

u32 device_hash(const edu_stack &host, int ifindex)
{
	return static_cast<u32>(siphash13(host.key, static_cast<u32>(ifindex)));
}

/*
 * What it hears
 */

/* Begins to listen, if there is anything to listen to. packet_state::lock is held. */
int open_tap_locked(sock &s)
{
	int error = 0;

	if (s.num && !s.tap)
		s.tap = edu_k_tap_open(s.host->net, home(s), be16{s.num}.raw(), s.tap_ifindex,
				       &error);
	return error;
}

void close_tap_locked(sock &s)
{
	if (edu_tap *tap = std::exchange(s.tap, nullptr))
		edu_k_tap_close(tap);
}

/* The program is told, whatever the reason: it hears nothing any more. */
void report_deafness(sock &s)
{
	edu_k_sock_report(home(s), static_cast<int>(errc::enetdown));
}

/* Locked. Of the device of that name alone from now on. */
result<void> packet_bind(sock &s, const void *name, int name_len)
{
	packet_state &packets = s.host->packet;
	edu_frame_dev dev = {};

	if (name_len != sockaddr_name_len)
		return errc::einval;
	/* One read side around look-up and entry: the device's end waits for it, and finds us. */
	rcu_guard readers;
	TRY(from_errno(edu_k_frame_dev(s.host->net, device_name{name}.text, &dev)));
	spin_guard guard{packets.lock};

	if (s.tap_ifindex == dev.ifindex)
		return {};
	close_tap_locked(s);
	packets.packet_hash.remove(s);
	write_once(s.tap_ifindex, dev.ifindex);
	packets.packet_hash.insert(s, device_hash(*s.host, dev.ifindex));
	if (open_tap_locked(s))
		report_deafness(s);
	return {};
}

edu_counter packet_drop_reason(int queue_error)
{
	return queue_error == to_errno(errc::eperm) ? EDU_Packet_DropFilter :
						      EDU_Packet_DropRcvbufFull;
}

/* recvmsg(): a frame, and by which device it came. */
result<int> packet_recvmsg(sock &s, msghdr *message, u32 len, u32 flags)
{
	constexpr u32 compat = 0x80000000; /* MSG_CMSG_COMPAT: the kernel's own mark */
	constexpr u32 known = msg::peek | msg::trunc | msg::dontwait | msg::errqueue | compat;
	int error = 0;

	if (flags & ~known)
		return errc::einval;
	if (flags & msg::errqueue)
		return errc::eagain; /* nothing is ever put there */
	sk_buff *packet = edu_k_sock_dequeue(home(s), flags, &error);
	if (!packet)
		return error ? from_errno(error).error() : result<int>{0};

	const u32 whole = skb_len(packet);
	const u32 copied = whole < len ? whole : len;

	trace(s.host->net, EDU_TRACE_sock_rcv, packet);
	error = edu_k_msg_write_skb(message, packet, 0, copied);
	if (!error) {
		if (copied < whole)
			edu_k_msg_or_flags(message, msg::trunc);
		edu_k_msg_put_socket_cmsgs(home(s), message, packet);
		edu_k_msg_set_frame(message, &skb_cb<edu_frame>(packet));
	}
	edu_k_sock_done(home(s), packet);
	if (error)
		return from_errno(error).error();
	return static_cast<int>(flags & msg::trunc ? whole : copied);
}

/*
 * What it sends
 */

/* Room for the tag of a VLAN is granted to frames that carry one. */
result<void> check_frame_size(const edu_frame_dev &dev, u32 len, const skb_ptr *frame)
{
	constexpr u32 vlan_tag_len = 4, type_at = 12;
	constexpr u16 vlan_type = 0x8100;
	const u32 most = dev.mtu + dev.header_len;
	u8 type[2];

	if (len <= most)
		return {};
	if (len > most + vlan_tag_len)
		return errc::emsgsize;
	if (frame && (edu_k_skb_copy_bits(frame->get(), type_at, type, sizeof(type)) ||
		      load_be16(type) != vlan_type))
		return errc::emsgsize;
	return {};
}

/* The name says by which device; there is no default, bound or not. */
result<int> packet_sendmsg(sock &s, const edu_send &send)
{
	edu_frame_dev dev = {};
	edu_be16 protocol = 0;
	int error = 0;

	if (!send.name)
		return errc::enotconn;
	if (send.name_len < sockaddr_name_len)
		return errc::einval;
	if (send.name_len == sockaddr_pkt_len)
		protocol = load_native<u16>(static_cast<const u8 *>(send.name) + sockaddr_name_len);
	TRY(from_errno(edu_k_frame_dev(s.host->net, device_name{send.name}.text, &dev)));
	if (!dev.up)
		return errc::enetdown;
	TRY(check_frame_size(dev, send.len, nullptr));
	if (send.len < dev.header_len || !send.len)
		return errc::einval;
	skb_ptr frame{edu_k_msg_to_skb(home(s), send.msg, dev.headroom, send.len, send.flags,
				       nullptr, &error)};
	if (!frame)
		return from_errno(error).error();
	TRY(check_frame_size(dev, send.len, &frame));
	if (!frame.may_pull(dev.header_len))
		return errc::enobufs;
	edu_k_skb_csum_done(frame.get());
	trace(s.host->net, EDU_TRACE_sock_send, frame.get());
	TRY(from_errno(edu_k_frame_xmit(s.host->net, dev.ifindex, frame.release(), protocol)));
	s.host->count(EDU_Packet_OutFrames);
	return static_cast<int>(send.len);
}

/*
 * Life
 */

result<void> packet_sock_init(sock &s)
{
	packet_state &packets = s.host->packet;
	spin_guard guard{packets.lock};

	s.sport = be16{s.num};
	if (open_tap_locked(s))
		return errc::enobufs;
	packets.packet_hash.insert(s, device_hash(*s.host, s.tap_ifindex));
	return {};
}

void packet_unhash(sock &s)
{
	spin_guard guard{s.host->packet.lock};

	close_tap_locked(s);
	s.host->packet.packet_hash.remove(s);
}

/* What has become of its device. packet_state::lock is held. */
void device_event_locked(sock &s, edu_frame_event event)
{
	if (event == EDU_FRAME_DEV_UP) {
		if (open_tap_locked(s))
			report_deafness(s);
		return;
	}
	if (s.tap) {
		close_tap_locked(s);
		report_deafness(s);
	}
	if (event == EDU_FRAME_DEV_GONE)
		write_once(s.tap_ifindex, -1);
}

} // namespace

constinit const proto packet_prot = {
	.name = "PACKET",
	.header_len = 0,
	.autobind = false,
	.listens = false,
	.init = packet_sock_init,
	.bind_name = packet_bind,
	.bind = nullptr,
	.get_port = nullptr,
	.rehash = nullptr,
	.unhash = packet_unhash,
	.sendmsg = packet_sendmsg,
	.push_locked = nullptr,
	.recvmsg = packet_recvmsg,
	.setsockopt = nullptr,
	.getsockopt = nullptr,
};

} // namespace edu

using namespace edu;

void edu_core_rcv_frame(::sock *sk, sk_buff *skb, const edu_frame *frame)
{
	edu::sock &s = core(sk);
	skb_ptr packet{skb};

	packet.cb<edu_frame>() = *frame;
	if (int error = sock_queue_rcv(s, packet))
		drop(s.host->net, std::move(packet), packet_drop_reason(error));
	else
		s.host->count(EDU_Packet_InFrames);
}

int edu_core_frame_ifindex(::sock *sk)
{
	return read_once(core(sk).tap_ifindex);
}

void edu_core_frame_dev_event(edu_stack *stack, int ifindex, edu_frame_event event)
{
	packet_state &packets = stack->packet;

	if (!packets.packet_hash.size())
		return;
	rcu_guard readers;
	spin_guard guard{packets.lock};

	packets.packet_hash.for_each_of(device_hash(*stack, ifindex), [&](edu::sock &s) {
		if (s.tap_ifindex == ifindex)
			device_event_locked(s, event);
	});
}
