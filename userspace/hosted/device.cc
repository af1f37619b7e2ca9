// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices and cables (OVER-9, LAYER-2, LAYER-3): what a network card, a wire and netem are to a
 * kernel.
 *
 * A frame that is sent is captured as it lies on the wire, then waits on the cable, still charged
 * to its sender, until the clock is let run; every other station then gets a copy of its own, in
 * pieces when the seed says so, and takes it if it is addressed to it. A cable can lose, duplicate,
 * corrupt, delay and reorder by the seed, limit its bandwidth, fall silent, and cut large buffers into packets. edulo hands the very
 * sk_buff back to its host.
 *
 * Locking: none, a single thread. A device lives until the core has let go of it.
 */
#include "home.hh"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>

struct edu_t_cable {
	std::vector<edu_dev *> stations;
	std::deque<frame> captured; /* oldest first */
	unsigned int lose;	    /* frames to lose from now on */
	bool cuts;		    /* large buffers become packets */
	impairment how;
};

/* A SOCK_PACKET socket's ear. */
struct edu_tap {
	edu_net *net;
	struct sock *sk;
	edu_be16 protocol;
	int ifindex; /* 0: every device of the host */
};

namespace hosted {
namespace {

std::vector<edu_tap *> taps; /* of all hosts, oldest first */

constexpr std::size_t most_captured = 1024;
constexpr std::uint32_t iff_up = 0x1, iff_loopback = 0x8, iff_running = 0x40, iff_promisc = 0x100;
constexpr edu_u16 arphrd_loopback = 772;

struct flight {
	sk_buff *skb;
	edu_dev *from;
	event_id event;
};

unsigned int live;
edu_u64 next_flight;
std::map<edu_u64, flight> flights; /* frames on cables, by number */

/* Who a frame is for, as the station sees it: PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3. */
unsigned int packet_type(const edu_dev *dev, const std::uint8_t *to)
{
	if (!std::memcmp(to, dev->info.broadcast, dev->info.addr_len))
		return 1;
	if (to[0] & 1)
		return 2;
	return std::memcmp(to, dev->info.addr, dev->info.addr_len) ? 3 : 0;
}

void to_core(edu_dev *dev, sk_buff *skb, edu_u16 ethertype, unsigned int type)
{
	switch (ethertype) {
	case 0x0800:
		return edu_core_rcv_ip(dev->iface, skb, type);
	case 0x0806:
		return edu_core_rcv_arp(dev->iface, skb, type);
	case 0x8035:
		return edu_core_rcv_rarp(dev->iface, skb, type);
	default:
		return edu_k_skb_drop(skb); /* for a stack we do not have */
	}
}

/* Copies of a whole frame for those that want it. RCU. */
void to_taps(const edu_dev *dev, const sk_buff *skb, edu_u16 ethertype, bool leaves)
{
	edu_frame where = {};
	std::vector<std::uint8_t> octets;

	where.type = dev->info.type;
	std::memcpy(where.device, dev->info.name, sizeof(where.device) - 1);
	where.protocol = static_cast<edu_be16>(ethertype << 8 | ethertype >> 8);
	for (const edu_tap *tap : std::vector<edu_tap *>{taps}) {
		bool all = tap->protocol == EDU_FRAME_ALL << 8;

		if (tap->net != &dev->host->net ||
		    (tap->ifindex && tap->ifindex != dev->info.ifindex) ||
		    (all ? leaves && skb->sk == tap->sk :
			   leaves || tap->protocol != where.protocol))
			continue;
		octets = octets_of(skb);
		if (sk_buff *copy = skb_from(octets.data(), octets.size(), arrives_in_pieces()))
			edu_core_rcv_frame(tap->sk, copy, &where);
	}
}

/* A frame reaches the station. Softirq, RCU. Consumes skb, whose data is at the link header. */
void receive(edu_dev *dev, sk_buff *skb, edu_u16 ethertype)
{
	std::uint32_t header = dev->info.header_len;
	unsigned int type = 0;

	if (dev->gone || !(dev->info.flags & iff_up))
		return edu_k_skb_drop(skb);
	if (header && (skb->len < header || !edu_k_skb_may_pull(skb, header))) {
		edu_k_count(&dev->host->net, EDU_Link_DropTooShort);
		return edu_k_skb_drop(skb);
	}
	if (header) {
		type = packet_type(dev, skb->data);
		ethertype = static_cast<edu_u16>(skb->data[12] << 8 | skb->data[13]);
		if (type == 3 && !(dev->info.flags & iff_promisc))
			return edu_k_skb_drop(skb);
		to_taps(dev, skb, ethertype, false);
		skb->link = static_cast<std::uint32_t>(skb->data - skb->head);
		skb->link_len = header;
		edu_k_skb_pull(skb, header);
	}
	edu_k_skb_mark_network(skb);
	to_core(dev, skb, ethertype, type);
}

void capture(edu_t_cable *cable, const frame &sent)
{
	cable->captured.push_back(sent);
	if (cable->captured.size() > most_captured)
		cable->captured.pop_front();
}

/* A frame as its sk_buff, data at the link header; perhaps in pieces. */
sk_buff *skb_of(const frame &sent, bool pieces)
{
	sk_buff *skb = skb_from(sent.octets.data(), sent.octets.size(), pieces);

	if (!skb)
		return nullptr;
	skb->gso_size = sent.gso_size;
	skb->gso_segs = sent.gso_segs;
	return skb;
}

void reach_stations(const edu_dev *from, edu_t_cable *cable, const frame &sent)
{
	for (edu_dev *station : std::vector<edu_dev *>{cable->stations}) {
		if (station == from)
			continue;
		if (sk_buff *skb = skb_of(sent, arrives_in_pieces()))
			receive(station, skb, sent.ethertype);
	}
}

/* The end of the cable: the sender's buffer is free again, the stations get theirs. */
void land(edu_u64 number)
{
	auto found = flights.extract(number);
	auto [skb, from, event] = found.mapped();
	auto ethertype = static_cast<edu_u16>(skb->cb[0] << 8 | skb->cb[1]);

	if (!from->cable) {
		skb_orphan(skb);
		return receive(from, skb, ethertype);
	}
	frame sent{octets_of(skb), ethertype, skb->gso_size, skb->gso_segs};

	/* Not a large buffer: whoever cuts it makes its sums anew, right ones for wrong octets. */
	if (happens(from->cable->how.corrupt) && !sent.octets.empty() && !sent.gso_size)
		sent.octets[chance() % sent.octets.size()] ^=
			static_cast<std::uint8_t>(1 << chance() % 8);
	edu_t_cable *cable = from->cable;

	edu_k_skb_consume(skb);
	reach_stations(from, cable, sent);
}

void take_off(edu_dev *from, sk_buff *skb, edu_u16 ethertype, edu_u64 delay_ns)
{
	edu_u64 number = next_flight++;

	skb->cb[0] = static_cast<std::uint8_t>(ethertype >> 8);
	skb->cb[1] = static_cast<std::uint8_t>(ethertype);
	event_id event = at(edu_k_now_ns() + delay_ns, source::cable, [number] { land(number); });

	flights.emplace(number, flight{skb, from, event});
}

/* The time until a frame of that length has left the station, ns. False: the buffer in front of the cable is
 * full. */
bool queue_up(edu_dev *dev, const impairment &how, std::size_t len, edu_u64 &delay)
{
	constexpr edu_u64 ms = 1000000; /* ns */
	const edu_u64 now = edu_k_now_ns();

	if (!how.octets_per_ms)
		return true;
	const edu_u64 begin = std::max(now, dev->busy_until_ns);

	if ((begin - now) * how.octets_per_ms / ms > how.buffer)
		return false;
	dev->busy_until_ns = begin + len * ms / how.octets_per_ms;
	delay += dev->busy_until_ns - now;
	return true;
}

/* One frame over a cable, with all that can happen to it there. Consumes skb. */
void transmit_frame(edu_dev *dev, sk_buff *skb, edu_u16 ethertype)
{
	edu_t_cable *cable = dev->cable;
	const impairment &how = cable->how;
	const frame sent{octets_of(skb), ethertype, skb->gso_size, skb->gso_segs};
	edu_u64 delay = how.delay_ns;

	capture(cable, sent);
	if (cable->lose || how.outage || happens(how.loss) ||
	    !queue_up(dev, how, sent.octets.size(), delay)) {
		cable->lose -= cable->lose > 0;
		return edu_k_skb_consume(skb);
	}
	if (happens(how.duplicate)) {
		if (sk_buff *twin = skb_of(sent, false))
			take_off(dev, twin, ethertype, delay);
	}
	if (how.jitter_ns)
		delay += chance() % how.jitter_ns;
	if (happens(how.reorder))
		delay += how.delay_ns +
			 1000000; /* overtaken by what is sent in the next millisecond */
	take_off(dev, skb, ethertype, delay);
}

/* What the device sends leaves the queues of its host here. Consumes skb. */
void transmit(edu_dev *dev, sk_buff *skb, edu_u16 ethertype)
{
	clone_left(skb);
	complete_checksum(skb);
	if (!skb->gso_size || !dev->cable->cuts)
		return transmit_frame(dev, skb, ethertype);
	for (const auto &packet : packets_of(skb, dev->info.header_len))
		if (sk_buff *piece = skb_from(packet.data(), packet.size(), false))
			transmit_frame(dev, piece, ethertype);
	edu_k_skb_consume(skb);
}

} // namespace

unsigned int live_devices()
{
	return live;
}

void impair(edu_t_cable *cable, const impairment &how)
{
	cable->how = how;
}

/* The host that the core knows by its first member. */
static edu_t_host *host_of(edu_net *net)
{
	static_assert(!offsetof(edu_t_host, net));
	return reinterpret_cast<edu_t_host *>(net);
}

edu_dev *find_device(edu_t_host *host, int ifindex)
{
	for (edu_dev *dev : host->devices)
		if (dev->info.ifindex == ifindex)
			return dev;
	return nullptr;
}

/* The host's own loopback device: everything sent comes back. Process; takes the RTNL. */
edu_dev *edulo_new(edu_t_host *host)
{
	edu_dev_info info = {};

	info.ifindex = 1;
	std::strcpy(info.name, "edulo");
	info.flags = iff_up | iff_loopback | iff_running;
	info.mtu = 65535;
	info.type = arphrd_loopback;
	info.header_len = 14;
	info.headroom = 16;
	info.addr_len = 6;
	std::memset(info.broadcast, 0xff, 6);
	info.csum_offload = 1;
	info.segment_max = 65535;
	info.loopback = 1;
	return edu_t_dev_new(host, nullptr, &info) == 1 ? host->devices.front() : nullptr;
}

/* The device leaves its host and cable; with it what it had sent and nobody received yet. */
void drop_device(edu_dev *dev)
{
	dev->gone = true;
	if (dev->cable)
		std::erase(dev->cable->stations, dev);
	std::erase(dev->host->devices, dev);
	for (auto it = flights.begin(); it != flights.end();) {
		if (it->second.from != dev) {
			++it;
			continue;
		}
		cancel(it->second.event);
		edu_k_skb_consume(it->second.skb);
		it = flights.erase(it);
	}
	edu_t_rtnl_lock();
	edu_core_frame_dev_event(dev->host->stack, dev->info.ifindex, EDU_FRAME_DEV_GONE);
	edu_core_iface_gone(dev->iface);
	edu_t_rtnl_unlock();
}

} // namespace hosted

using namespace hosted;

extern "C" {

int edu_k_dev_xmit(struct edu_dev *dev, struct sk_buff *skb, edu_u16 ethertype)
{
	int error = dev->fail_xmit;

	assert_only_socks_locked("edu_k_dev_xmit()");
	edu_k_assert_rcu();
	if (!dev->gone && dev->info.flags & iff_up)
		to_taps(dev, skb, ethertype, true);
	if (dev->gone || !(dev->info.flags & iff_up))
		error = -100;
	else if (!error && dev->cable && happens(dev->cable->how.refuse))
		error = -105;
	if (error) {
		edu_k_skb_drop(skb);
		return error;
	}
	if (skb->gso_size && skb->len > dev->info.header_len + dev->info.segment_max)
		fault("edu_k_dev_xmit(): a buffer of %u octets, the device takes %u", skb->len,
		      dev->info.segment_max);
	if (dev->cable)
		transmit(dev, skb, ethertype);
	else
		take_off(dev, skb, ethertype, 0);
	preemption_point();
	return 0;
}

int edu_k_dev_header(struct edu_dev *dev, struct sk_buff *, edu_u16, const edu_u8 *)
{
	return dev->info.header_len ? -22 : 0;
}

int edu_k_dev_mc_add(struct edu_dev *dev, const edu_u8 *address)
{
	edu_k_assert_rtnl();
	if (allocation_fails())
		return -12;
	dev->groups.emplace(address, address + dev->info.addr_len);
	return 0;
}

void edu_k_dev_mc_del(struct edu_dev *dev, const edu_u8 *address)
{
	auto found = dev->groups.find({address, address + dev->info.addr_len});

	edu_k_assert_rtnl();
	if (found == dev->groups.end())
		fault("edu_k_dev_mc_del() of a group that was not added");
	else
		dev->groups.erase(found);
}

void edu_k_dev_release(struct edu_dev *dev)
{
	if (!dev->gone)
		fault("edu_k_dev_release() of a device that is there");
	if (!dev->groups.empty())
		fault("edu_k_dev_release() of a device with %zu groups", dev->groups.size());
	live--;
	delete dev;
}

int edu_k_frame_dev(struct edu_net *net, const char *name, struct edu_frame_dev *out)
{
	for (const edu_dev *dev : host_of(net)->devices) {
		if (std::strncmp(dev->info.name, name, sizeof(dev->info.name)))
			continue;
		*out = {};
		out->ifindex = dev->info.ifindex;
		out->mtu = dev->info.mtu;
		out->header_len = dev->info.header_len;
		out->headroom = dev->info.headroom;
		out->up = dev->info.flags & iff_up;
		return 0;
	}
	return -19;
}

int edu_k_frame_xmit(struct edu_net *net, int ifindex, struct sk_buff *skb, edu_be16 protocol)
{
	edu_dev *dev = find_device(host_of(net), ifindex);
	int error = !dev ? -19 : skb->len < dev->info.header_len ? -22 : 0;

	if (error) {
		edu_k_skb_drop(skb);
		return error;
	}
	edu_k_rcu_read_lock();
	error = edu_k_dev_xmit(dev, skb, static_cast<edu_u16>(protocol << 8 | protocol >> 8));
	edu_k_rcu_read_unlock();
	return error == -100 ? error : 0;
}

struct edu_tap *edu_k_tap_open(struct edu_net *net, struct sock *sk, edu_be16 protocol, int ifindex,
			       int *error)
{
	const edu_dev *dev = ifindex ? find_device(host_of(net), ifindex) : nullptr;

	*error = allocation_fails()		    ? -12 :
		 ifindex && !dev		    ? -19 :
		 dev && !(dev->info.flags & iff_up) ? -100 :
						      0;
	if (*error)
		return nullptr;
	live++;
	taps.push_back(new edu_tap{net, sk, protocol, ifindex});
	return taps.back();
}

void edu_k_tap_close(struct edu_tap *tap)
{
	if (!std::erase(taps, tap))
		fault("a tap closed twice");
	live--;
	delete tap;
}

struct edu_t_cable *edu_t_cable_new(void)
{
	return new edu_t_cable{};
}

void edu_t_cable_free(struct edu_t_cable *cable)
{
	if (!cable->stations.empty())
		fault("a cable freed with devices on it");
	delete cable;
}

void edu_t_cable_lose(struct edu_t_cable *cable, unsigned int count)
{
	cable->lose = count;
}

void edu_t_cable_cut(struct edu_t_cable *cable, int yes)
{
	cable->cuts = yes;
}

int edu_t_dev_new(struct edu_t_host *host, struct edu_t_cable *cable,
		  const struct edu_dev_info *info)
{
	auto *dev = new edu_dev{host, cable, nullptr, *info, {}, 0, false};
	int last = 1;

	for (const edu_dev *other : host->devices)
		last = std::max(last, other->info.ifindex);
	if (!dev->info.ifindex)
		dev->info.ifindex = last + 1;
	if (!dev->info.name[0]) {
		std::strcpy(dev->info.name, "eth0");
		dev->info.name[3] = static_cast<char>('0' + (dev->info.ifindex - 2) % 10);
	}
	live++;
	edu_t_rtnl_lock();
	dev->iface = edu_core_iface_new(host->stack, dev, &dev->info);
	edu_t_rtnl_unlock();
	if (!dev->iface) {
		live--;
		delete dev;
		return -12;
	}
	host->devices.push_back(dev);
	if (cable)
		cable->stations.push_back(dev);
	return dev->info.ifindex;
}

void edu_t_dev_change(struct edu_t_host *host, int ifindex, const struct edu_dev_info *info)
{
	edu_dev *dev = find_device(host, ifindex);

	if (!dev)
		return;
	dev->info = *info;
	dev->info.ifindex = ifindex;
	edu_t_rtnl_lock();
	edu_core_frame_dev_event(host->stack, ifindex,
				 info->flags & iff_up ? EDU_FRAME_DEV_UP : EDU_FRAME_DEV_DOWN);
	edu_core_iface_changed(dev->iface, &dev->info);
	edu_t_rtnl_unlock();
}

void edu_t_dev_info(struct edu_t_host *host, int ifindex, struct edu_dev_info *info)
{
	if (edu_dev *dev = find_device(host, ifindex))
		*info = dev->info;
}

void edu_t_dev_gone(struct edu_t_host *host, int ifindex)
{
	if (edu_dev *dev = find_device(host, ifindex))
		drop_device(dev);
}

int edu_t_dev_hears(struct edu_t_host *host, int ifindex, const edu_u8 *address)
{
	const edu_dev *dev = find_device(host, ifindex);

	return dev && dev->groups.contains({address, address + dev->info.addr_len});
}

void edu_t_dev_fail_xmit(struct edu_t_host *host, int ifindex, int error)
{
	if (edu_dev *dev = find_device(host, ifindex))
		dev->fail_xmit = error;
}

void edu_t_inject(struct edu_t_host *host, int ifindex, const void *octets, unsigned int len)
{
	edu_dev *dev = find_device(host, ifindex);
	auto *from = static_cast<const std::uint8_t *>(octets);
	sk_buff *skb = dev ? skb_from(from, len, arrives_in_pieces()) : nullptr;

	if (!skb)
		return;
	/* A link without a header carries IP only. */
	softirq([&] { receive(dev, skb, 0x0800); });
}

unsigned int edu_t_frames(const struct edu_t_cable *cable)
{
	return static_cast<unsigned int>(cable->captured.size());
}

const edu_u8 *edu_t_frame(const struct edu_t_cable *cable, unsigned int i, unsigned int *len)
{
	if (i >= cable->captured.size())
		return nullptr;
	*len = static_cast<unsigned int>(cable->captured[i].octets.size());
	return cable->captured[i].octets.data();
}

void edu_t_cable_clear(struct edu_t_cable *cable)
{
	cable->captured.clear();
}

} // extern "C"
