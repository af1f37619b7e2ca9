// SPDX-License-Identifier: GPL-2.0-only
/*
 * Headers read for showing, see trace_headers.hh. RFC 791, 768, 792, 826, 9293.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_headers.hh"

#include "names.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace edu {

namespace {

constexpr unsigned eth_len = 14, arp_len = 28, ip_min_len = 20, udp_len = 8, tcp_min_len = 20,
		   icmp_len = 8;
constexpr unsigned tcp_syn = 2, tcp_opt_end = 0, tcp_opt_nop = 1, tcp_opt_mss = 2,
		   tcp_opt_scale = 3, tcp_opt_sack_permitted = 4, tcp_opt_timestamps = 8;
constexpr unsigned ethertype_ip = 0x0800, ethertype_arp = 0x0806, ethertype_rarp = 0x8035;

unsigned be16_at(octet_span o, std::size_t at)
{
	return static_cast<unsigned>(o[at] << 8 | o[at + 1]);
}

std::uint32_t be32_at(octet_span o, std::size_t at)
{
	return static_cast<std::uint32_t>(be16_at(o, at)) << 16 | be16_at(o, at + 2);
}

in_addr_t address_at(octet_span o, std::size_t at)
{
	in_addr_t address;

	std::memcpy(&address, o.data() + at, sizeof(address));
	return address;
}

/* Walks from the outermost header in. */
class reader {
public:
	reader(octet_span octets, packet_facts &facts) : octets_(octets), facts_(facts) {}

	void ethernet()
	{
		octet_span o = rest();

		if (o.size() < eth_len)
			return;
		facts_.station_to = show_lladdr(o.data(), 6);
		facts_.station_from = show_lladdr(o.data() + 6, 6);
		add("Ethernet", eth_len,
		    fmt::format("{} → {}, type {:04x}", facts_.station_from, facts_.station_to,
				be16_at(o, 12)));
		switch (be16_at(o, 12)) {
		case ethertype_ip:
			return ip();
		case ethertype_arp:
		case ethertype_rarp:
			return arp();
		}
	}

	void arp()
	{
		octet_span o = rest();

		if (o.size() < arp_len || be16_at(o, 4) != 0x0604)
			return;
		unsigned operation = be16_at(o, 6);
		std::string from = show_address(address_at(o, 14)),
			    to = show_address(address_at(o, 24));
		facts_.is_arp = true;
		facts_.source = address_at(o, 14);
		facts_.destination = address_at(o, 24);
		switch (operation) {
		case 1:
			facts_.what = fmt::format("who has {}? tell {}", to, from);
			break;
		case 2:
			facts_.what =
				fmt::format("{} is at {}", from, show_lladdr(o.data() + 8, 6));
			break;
		default:
			facts_.what = fmt::format("RARP {} for {}",
						  operation == 3 ? "request" : "reply",
						  show_lladdr(o.data() + 18, 6));
		}
		add("ARP", arp_len, facts_.what);
	}

	void ip()
	{
		octet_span o = rest();

		if (o.size() < ip_min_len || o[0] >> 4 != 4 || (o[0] & 15u) * 4 < ip_min_len ||
		    o.size() < (o[0] & 15u) * 4)
			return;
		unsigned length = (o[0] & 15u) * 4, where = be16_at(o, 6);
		facts_.source = address_at(o, 12);
		facts_.destination = address_at(o, 16);
		facts_.protocol = o[9];
		facts_.identification = static_cast<std::uint16_t>(be16_at(o, 4));
		facts_.more_fragments = where & 0x2000;
		facts_.fragment.reset();
		if (where & 0x3fff)
			facts_.fragment = (where & 0x1fff) * 8;
		unsigned total = be16_at(o, 2), payload = total > length ? total - length : 0;
		std::string text =
			fmt::format("{} → {}, {}, ttl {}, id {}, {} octets",
				    show_address(*facts_.source), show_address(*facts_.destination),
				    protocol_name(o[9]), o[8], *facts_.identification, total);
		if (facts_.fragment)
			text += fmt::format(", fragment at {}{}", *facts_.fragment,
					    facts_.more_fragments ? ", more follow" : ", the last");
		add("IP", length, text);
		if (facts_.fragment && *facts_.fragment) {
			facts_.what = fmt::format("{} octets {}–{}{}", protocol_name(o[9]),
						  *facts_.fragment, *facts_.fragment + payload,
						  facts_.more_fragments ? "" : " (the last)");
			return;
		}
		switch (o[9]) {
		case IPPROTO_UDP:
			udp();
			break;
		case IPPROTO_TCP:
			tcp(payload);
			break;
		case IPPROTO_ICMP:
			icmp();
			break;
		default:
			facts_.what = fmt::format("{} {} octets", protocol_name(o[9]), payload);
		}
		if (facts_.fragment)
			facts_.what += fmt::format(" (first fragment, {} octets)", payload);
	}

	void udp()
	{
		octet_span o = rest();

		if (o.size() < udp_len)
			return;
		ports(o);
		facts_.protocol = IPPROTO_UDP;
		unsigned length = be16_at(o, 4);
		facts_.what = fmt::format("UDP {} octets", length > udp_len ? length - udp_len : 0);
		add("UDP", udp_len,
		    fmt::format("port {} → {}, {} octets", *facts_.source_port,
				*facts_.destination_port, length));
	}

	/* What a SYN offers, as far as it was recorded. */
	static std::string tcp_offers(octet_span options)
	{
		std::string said;

		for (std::size_t at = 0; at < options.size() && options[at] != tcp_opt_end;) {
			if (options[at] == tcp_opt_nop) {
				at++;
				continue;
			}
			std::size_t length = at + 1 < options.size() ? options[at + 1] : 0;
			if (length < 2 || length > options.size() - at)
				break;
			if (options[at] == tcp_opt_mss && length == 4)
				said += fmt::format(", MSS {}", be16_at(options, at + 2));
			else if (options[at] == tcp_opt_scale && length == 3)
				said += fmt::format(", scale {}", options[at + 2]);
			else if (options[at] == tcp_opt_sack_permitted)
				said += ", SACK";
			else if (options[at] == tcp_opt_timestamps)
				said += ", timestamps";
			at += length;
		}
		return said;
	}

	/* payload: what IP says, header included; 0: not known. */
	void tcp(unsigned payload)
	{
		static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
		octet_span o = rest();

		if (o.size() < tcp_min_len || (o[12] >> 4) * 4u < tcp_min_len)
			return;
		unsigned length = (o[12] >> 4) * 4u;
		std::string flags;
		for (unsigned bit = 0; bit < std::size(names); bit++)
			if (o[13] & 1u << bit)
				flags += (flags.empty() ? "" : ",") + std::string(names[bit]);
		ports(o);
		facts_.protocol = IPPROTO_TCP;
		facts_.what = fmt::format("TCP {} seq {} ack {} window {}", flags, be32_at(o, 4),
					  be32_at(o, 8), be16_at(o, 14));
		if (o[13] & tcp_syn)
			facts_.what += tcp_offers(
				o.subspan(tcp_min_len,
					  std::min<std::size_t>(length, o.size()) - tcp_min_len));
		if (payload > length)
			facts_.what += fmt::format(", {} octets", payload - length);
		add("TCP", length,
		    fmt::format("port {} → {}, {}", *facts_.source_port, *facts_.destination_port,
				facts_.what.substr(4)));
	}

	void icmp()
	{
		octet_span o = rest();

		if (o.size() < icmp_len)
			return;
		facts_.protocol = IPPROTO_ICMP;
		facts_.what = icmp_what(o);
		add("ICMP", icmp_len, facts_.what);
	}

	/* IP or ARP; an IP packet shows itself by its version. */
	void network()
	{
		octet_span o = rest();

		if (o.size() >= arp_len && be16_at(o, 0) == 1 && be16_at(o, 4) == 0x0604)
			arp();
		else
			ip();
	}

private:
	octet_span rest() const { return octets_.subspan(at_); }

	void add(const char *name, unsigned length, std::string text)
	{
		facts_.headers.push_back({name, at_, length, std::move(text)});
		at_ = static_cast<unsigned>(std::min<std::size_t>(at_ + length, octets_.size()));
	}

	void ports(octet_span o)
	{
		facts_.source_port = static_cast<std::uint16_t>(be16_at(o, 0));
		facts_.destination_port = static_cast<std::uint16_t>(be16_at(o, 2));
	}

	static std::string icmp_what(octet_span o)
	{
		switch (o[0]) {
		case 0:
			return fmt::format("echo reply {} of {}", be16_at(o, 6), be16_at(o, 4));
		case 8:
			return fmt::format("echo request {} of {}", be16_at(o, 6), be16_at(o, 4));
		case 3:
			if (o[1] == 4)
				return fmt::format("fragmentation needed, MTU {}", be16_at(o, 6));
			return fmt::format("unreachable: {}",
					   o[1] == 0 ? "network" :
					   o[1] == 1 ? "host" :
					   o[1] == 2 ? "protocol" :
					   o[1] == 3 ? "port" :
						       fmt::format("code {}", o[1]));
		case 5:
			return "redirect";
		case 11:
			return o[1] ? "reassembly time exceeded" : "time exceeded";
		case 12:
			return "parameter problem";
		}
		return fmt::format("ICMP type {} code {}", o[0], o[1]);
	}

	octet_span octets_;
	packet_facts &facts_;
	unsigned at_ = 0; /* octets read so far */
};

} // namespace

std::string protocol_name(unsigned number)
{
	switch (number) {
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_IGMP:
		return "IGMP";
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	}
	return fmt::format("protocol {}", number);
}

void read_headers(octet_span octets, begins_with first, packet_facts &facts)
{
	reader in(octets, facts);

	facts.headers.clear();
	switch (first) {
	case begins_with::nothing_known:
		break;
	case begins_with::ethernet:
		in.ethernet();
		break;
	case begins_with::network:
		in.network();
		break;
	case begins_with::arp:
		in.arp();
		break;
	case begins_with::ip:
		in.ip();
		break;
	case begins_with::udp:
		in.udp();
		break;
	case begins_with::tcp:
		in.tcp(0);
		break;
	case begins_with::icmp:
		in.icmp();
		break;
	}
}

std::string packet_summary(const packet_facts &facts)
{
	auto end = [](const auto &address, const auto &port) {
		return show_address(*address) + (port ? fmt::format(":{}", *port) : "");
	};

	if (facts.is_arp)
		return "ARP " + facts.what;
	if (!facts.source || !facts.destination)
		return facts.what;
	return fmt::format("{} → {} {}", end(facts.source, facts.source_port),
			   end(facts.destination, facts.destination_port), facts.what);
}

} // namespace edu
