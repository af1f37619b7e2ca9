// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu rarp`: Reverse ARP (TLK "The Address Resolution Protocol (ARP)": a gateway answers RARP
 * requests for the addresses of remote networks; requirement OVER-11, RFC 903).
 *
 * The client is here and not in the kernel: it broadcasts a request through a packet socket, prints
 * the answer and, when asked to, gives the address to the device. The server is in the stack; this
 * writes its table through SIOCSRARP and SIOCDRARP, and reads it in /proc/net/eduinet/rarp.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "interrupt.hh"
#include "link_info.hh"
#include "names.hh"
#include "output.hh"
#include "rarp_frame.hh"

#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

namespace edu {

namespace {

struct rarp_wishes {
	std::optional<in_addr_t> address; /* network byte order */
	std::string device;
	std::vector<std::uint8_t> lladdr;
	double timeout = 1; /* seconds for each attempt */
	unsigned tries = 3;
	std::optional<unsigned> length; /* of the network of the address, for `set` */
	bool assign = false;		/* give the address to the device */
};

void want_device(rarp_wishes &w, const std::string &value)
{
	check_device_name(value);
	w.device = value;
}

void want_lladdr(rarp_wishes &w, const std::string &value)
{
	w.lladdr = parse_lladdr(value);
}

void want_address(rarp_wishes &w, const std::string &value)
{
	w.address = parse_address(value);
}

const keyword<rarp_wishes> request_keywords[] = {
	{{"dev", "NAME", "the device to ask on", true}, want_device},
	{{"lladdr", "LL", "the host asked about; default: this one"}, want_lladdr},
	{{"set --set", "", "give the address to the device"},
	 [](rarp_wishes &w, const std::string &) { w.assign = true; }},
	{{"length", "N", "with set: the length of the network; default: by the address' class"},
	 [](rarp_wishes &w, const std::string &value) {
		 w.length = parse_number(value, "prefix length", 1, 32);
	 }},
	{{"timeout", "S", "seconds to wait before asking again, default 1"},
	 [](rarp_wishes &w, const std::string &value) {
		 w.timeout = parse_seconds(value, "timeout");
	 }},
	{{"tries", "N", "how often to ask, default 3"},
	 [](rarp_wishes &w, const std::string &value) {
		 w.tries = parse_number(value, "number of tries", 1, 1000);
	 }},
};

const keyword<rarp_wishes> show_keywords[] = {
	{{"to", "IP", "only this address", true}, want_address},
};

const keyword<rarp_wishes> change_keywords[] = {
	{{"to", "IP", "the Internet address to tell", true}, want_address},
	{{"lladdr", "LL", "the hardware address of the host it belongs to"}, want_lladdr},
	{{"dev", "NAME", "the device on which that host asks; default: the one a route names"},
	 want_device},
};

/* A device as a client needs it. */
struct station {
	int index;
	unsigned hardware_type; /* ARPHRD_* */
	std::vector<std::uint8_t> address, broadcast;
};

station find_station(context &ctx, const std::string &device)
{
	station found{};

	for_each_link(ctx.rtnl(), device, [&](const nlmsghdr *message) {
		auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
		attributes attrs(message, sizeof(*header));
		auto octets_of = [&](unsigned type) {
			auto *data = static_cast<const std::uint8_t *>(attrs.data(type, 0));

			return std::vector<std::uint8_t>(data, data + attrs.length(type));
		};

		found.index = header->ifi_index;
		found.hardware_type = header->ifi_type;
		found.address = octets_of(IFLA_ADDRESS);
		found.broadcast = octets_of(IFLA_BROADCAST);
	});
	if (found.address.empty() || found.broadcast.empty() ||
	    found.hardware_type == ARPHRD_LOOPBACK)
		usage_error("{} has no hardware address that anybody could be asked for", device);
	return found;
}

/* Asks for one host's address until somebody answers. */
class rarp_client {
public:
	rarp_client(const station &own, const rarp_wishes &w) : own_(own), wishes_(w) { open(); }
	~rarp_client() { close(fd_); }
	rarp_client(const rarp_client &) = delete;
	rarp_client &operator=(const rarp_client &) = delete;

	/* Nothing: nobody answered in time, or somebody interrupted. */
	std::optional<rarp_reply> ask(const std::vector<std::uint8_t> &about);

private:
	using clock_type = std::chrono::steady_clock;

	void open();
	void send(const std::vector<std::uint8_t> &packet);
	std::optional<rarp_reply> listen(const std::vector<std::uint8_t> &about);
	std::optional<rarp_reply> receive();

	const station &own_;
	const rarp_wishes &wishes_;
	int fd_ = -1;
	interrupt stop_;
};

/*
 * The socket hears every protocol and filters: an interface that is exclusively EDUINET's gives RARP
 * to no other listener, but still shows everything to those who watch.
 */
void rarp_client::open()
{
	sock_filter only_rarp[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_RARP, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	sock_fprog program = {std::size(only_rarp), only_rarp};
	sockaddr_ll where{};

	fd_ = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd_ < 0)
		refused("cannot open a packet socket: {}",
			errno == EPERM ? "this needs CAP_NET_RAW: try as root" :
					 std::strerror(errno));
	setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	where.sll_family = AF_PACKET;
	where.sll_protocol = htons(ETH_P_ALL);
	where.sll_ifindex = own_.index;
	if (bind(fd_, reinterpret_cast<const sockaddr *>(&where), sizeof(where)) < 0)
		refused("cannot use the device {}: {}", wishes_.device, std::strerror(errno));
}

void rarp_client::send(const std::vector<std::uint8_t> &packet)
{
	sockaddr_ll to{};

	to.sll_family = AF_PACKET;
	to.sll_protocol = htons(ETH_P_RARP);
	to.sll_ifindex = own_.index;
	to.sll_halen = static_cast<unsigned char>(own_.broadcast.size());
	std::memcpy(to.sll_addr, own_.broadcast.data(),
		    std::min(own_.broadcast.size(), sizeof(to.sll_addr)));
	if (sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr *>(&to),
		   sizeof(to)) < 0)
		refused("cannot ask on {}: {}", wishes_.device,
			errno == ENETDOWN ? "the device is down: `edu link set NAME up`" :
					    std::strerror(errno));
}

std::optional<rarp_reply> rarp_client::receive()
{
	std::uint8_t packet[256];
	sockaddr_ll from{};
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(fd_, packet, sizeof(packet), MSG_DONTWAIT,
			       reinterpret_cast<sockaddr *>(&from), &length);

	if (got < 0 || from.sll_pkttype == PACKET_OUTGOING ||
	    from.sll_protocol != htons(ETH_P_RARP))
		return std::nullopt;
	return read_rarp_reply(octets(packet, static_cast<std::size_t>(got)));
}

/* For as long as one attempt lasts. */
std::optional<rarp_reply> rarp_client::listen(const std::vector<std::uint8_t> &about)
{
	auto end = clock_type::now() + std::chrono::duration_cast<clock_type::duration>(
					       std::chrono::duration<double>(wishes_.timeout));

	for (;;) {
		pollfd watched[] = {{fd_, POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
		std::chrono::duration<double, std::milli> left = end - clock_type::now();

		poll(watched, 2, left.count() > 0 ? static_cast<int>(std::ceil(left.count())) : 0);
		if (watched[1].revents)
			throw failure(exit_negative, "interrupted before an answer came");
		if (watched[0].revents) {
			auto reply = receive();

			if (reply && reply->hardware == about)
				return reply;
		}
		if (clock_type::now() >= end)
			return std::nullopt;
	}
}

std::optional<rarp_reply> rarp_client::ask(const std::vector<std::uint8_t> &about)
{
	auto packet = rarp_request(own_.hardware_type, own_.address, about);

	for (unsigned i = 0; i < wishes_.tries; i++) {
		send(packet);
		if (auto reply = listen(about))
			return reply;
	}
	return std::nullopt;
}

void give_address(context &ctx, const station &own, const rarp_wishes &w, in_addr_t address)
{
	static const reason reasons[] = {
		{EEXIST, "the device has this address already"},
	};
	unsigned length = w.length.value_or(classful_length(address));
	request ask(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	auto &header = ask.put_header<ifaddrmsg>();

	ctx.require_family();
	header.ifa_family = static_cast<unsigned char>(ctx.family);
	header.ifa_prefixlen = static_cast<unsigned char>(length);
	header.ifa_index = static_cast<unsigned>(own.index);
	header.ifa_scope = RT_SCOPE_UNIVERSE;
	ask.put_u32(IFA_LOCAL, address);
	ask.put_u32(IFA_ADDRESS, address);
	ask.put_u32(IFA_BROADCAST, address | ~mask_of(length));
	ctx.rtnl().change(ask,
			  fmt::format("give {} the address {}/{}", w.device, show_address(address),
				      length),
			  reasons);
}

std::string reply_text(const record &item)
{
	return value_of(item, "dst") + field(item, "dev", "dev") + field(item, "lladdr", "lladdr") +
	       field(item, "server", "from") + field(item, "server_lladdr", "lladdr") + "\n";
}

int ask_for_address(context &ctx, rarp_wishes &w)
{
	record_list list(ctx, std::cout, reply_text);

	if (w.device.empty())
		usage_error("which device? `edu rarp request NAME`; `edu link` lists them");
	if (w.assign && !w.lladdr.empty())
		usage_error("`set` is for this host's own address, not for another host's");
	station own = find_station(ctx, w.device);
	const auto &about = w.lladdr.empty() ? own.address : w.lladdr;
	if (about.size() != own.address.size())
		usage_error("the hardware addresses on {} have {} octets", w.device,
			    own.address.size());
	auto reply = rarp_client(own, w).ask(about);
	if (!reply)
		throw failure(exit_negative,
			      fmt::format("nobody on {} knows the address of {}", w.device,
					  show_lladdr(about.data(), about.size())));
	if (w.assign)
		give_address(ctx, own, w, reply->address);
	list.add({{"dst", show_address(reply->address)},
		  {"dev", w.device},
		  {"lladdr", show_lladdr(reply->hardware.data(), reply->hardware.size())},
		  {"server", show_address(reply->server)},
		  {"server_lladdr",
		   show_lladdr(reply->server_hardware.data(), reply->server_hardware.size())}});
	list.finish();
	return exit_ok;
}

/* The table of the server */

/* Linux 2.0's struct arpreq: the address in arp_pa, whose it is in arp_ha. */
arpreq table_entry(context &ctx, const rarp_wishes &w)
{
	arpreq entry{};
	sockaddr_in address{};

	address.sin_family = static_cast<sa_family_t>(ctx.family);
	address.sin_addr.s_addr = *w.address;
	std::memcpy(&entry.arp_pa, &address, sizeof(address));
	entry.arp_ha.sa_family = ARPHRD_ETHER;
	std::memcpy(entry.arp_ha.sa_data, w.lladdr.data(),
		    std::min(w.lladdr.size(), sizeof(entry.arp_ha.sa_data)));
	w.device.copy(entry.arp_dev, sizeof(entry.arp_dev) - 1);
	return entry;
}

void change_table(context &ctx, const rarp_wishes &w, unsigned long wanted, const char *name)
{
	arpreq entry = table_entry(ctx, w);

	ctx.require_family();
	int fd = socket(ctx.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = ioctl(fd, wanted, &entry);
	int error = errno;
	close(fd);
	if (result >= 0)
		return;
	std::string what = fmt::format("{} the RARP entry for {}", name, show_address(*w.address));
	switch (error) {
	case EPERM:
		refused("cannot {}: this needs CAP_NET_ADMIN in the namespace: try as root", what);
	case ENXIO:
	case ENOENT:
		refused("cannot {}: the table does not have it: `edu rarp` lists what there is",
			what);
	case ENETUNREACH:
	case ENODEV:
		refused("cannot {}: no route says on which device that host is: add `dev NAME`",
			what);
	case EINVAL:
	case ENOTTY:
	case EOPNOTSUPP:
		refused("cannot {}: {}", what,
			error == EINVAL ? "that is no address a host can have" :
					  "this module has no RARP server");
	}
	refused("cannot {}: {}", what, std::strerror(error));
}

int add(context &ctx, rarp_wishes &w)
{
	if (!w.address || w.lladdr.empty())
		usage_error("write `edu rarp add IP lladdr LL [dev NAME]`");
	if (w.lladdr.size() != ETH_ALEN)
		usage_error("a hardware address here has six octets, as in 02:00:00:00:00:01");
	change_table(ctx, w, SIOCSRARP, "add");
	return exit_ok;
}

int del(context &ctx, rarp_wishes &w)
{
	if (!w.address)
		usage_error("write `edu rarp del IP`");
	change_table(ctx, w, SIOCDRARP, "delete");
	return exit_ok;
}

std::string entry_text(const record &item)
{
	return value_of(item, "dst") + field(item, "dev", "dev") + field(item, "lladdr", "lladdr") +
	       "\n";
}

/* The layout of Linux 2.0's /proc/net/rarp: a heading, then address, hardware type, hardware address,
 * and what may come behind: the device is the last word that names one. */
int show(context &ctx, rarp_wishes &w)
{
	record_list list(ctx, std::cout, entry_text);

	ctx.require_family();
	std::ifstream file("/proc/net/eduinet/rarp");
	if (!file)
		refused("/proc/net/eduinet/rarp cannot be read: this module has no RARP server");
	std::string line;
	std::getline(file, line);
	while (std::getline(file, line)) {
		std::istringstream in(line);
		std::string address, type, lladdr, device, word;

		in >> address >> type >> lladdr;
		while (in >> word)
			device = word;
		if (w.address && address != show_address(*w.address))
			continue;
		record item = {{"dst", address}};
		if (!device.empty())
			item["dev"] = device;
		item["lladdr"] = lladdr;
		list.add(item);
	}
	list.finish();
	return exit_ok;
}

const action actions[] = {
	{"show list lst ls", "the addresses this host tells those who ask", show_keywords, show},
	{"request ask get", "ask on a device for the address of this host, or of another",
	 request_keywords, ask_for_address},
	{"add", "tell the host with that hardware address its Internet address", change_keywords,
	 add},
	{"del delete", "tell it no more", change_keywords, del},
};

} // namespace

int run_rarp(context &ctx, words &in)
{
	return run_action(ctx, "rarp", actions, in);
}

} // namespace edu
