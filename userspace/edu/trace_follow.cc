// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following packets, see trace_follow.hh. TLK "Socket Buffers" (SKB-1, SKB-2), LAYER-1, ROUTE-8, ARP-4.
 *
 * Which life an event belongs to: that of its sk_buff, unless the point is one where lives begin, or
 * the former life is over, or another host has the buffer now, or the former life cannot have come to
 * this point: not every sk_buff that is freed says so.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_follow.hh"

#include "names.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace edu {

namespace {

constexpr std::size_t most_datagrams = 4096, most_decisions = 256, most_names = 64;

/* What is known of a tracepoint that a packet passes. */
struct point {
	const char *name;
	layer where;
	const char *way;
	begins_with at_data;
	bool begins, ends; /* a packet's life */
	bool shares;	   /* it may begin with the memory of another packet that still lives */
	const char *text;
};

constexpr point points[] = {
	{"sock_send", layer::inet, "out", begins_with::nothing_known, true, false, false,
	 "data copied from the program"},
	{"udp_send", layer::transport, "out", begins_with::udp, false, false, false, "to IP"},
	{"tcp_send", layer::transport, "out", begins_with::tcp, true, false, false, "to IP"},
	{"raw_send", layer::transport, "out", begins_with::nothing_known, false, false, false,
	 "to IP"},
	{"icmp_send", layer::transport, "out", begins_with::icmp, false, false, false, "to IP"},
	{"ip_send", layer::ip, "out", begins_with::ip, false, false, false, "to the link"},
	{"ip_fragment", layer::ip, "out", begins_with::ip, true, false, false, "cut for the link"},
	{"arp_hold", layer::arp, "out", begins_with::ip, false, false, false,
	 "waits: the next hop's hardware address is not known yet (miss)"},
	{"arp_release", layer::arp, "out", begins_with::ip, false, false, false,
	 "resolved, goes on"},
	{"arp_send", layer::arp, "out", begins_with::arp, true, false, false, "ARP packet made"},
	{"dev_send", layer::device, "out", begins_with::ethernet, false, true, false,
	 "onto the cable"},
	{"dev_rcv", layer::device, "in", begins_with::network, true, false, true, "from the cable"},
	{"arp_rcv", layer::arp, "in", begins_with::arp, false, false, false, "ARP packet read"},
	{"ip_rcv", layer::ip, "in", begins_with::ip, false, false, false, "header checked"},
	{"ip_defrag", layer::ip, "in", begins_with::ip, false, false, false, "whole again"},
	{"ip_forward", layer::ip, "across", begins_with::ip, false, false, false,
	 "for another host: on its way out again"},
	{"ip_deliver", layer::ip, "in", begins_with::ip, false, false, false, "for us"},
	{"icmp_rcv", layer::transport, "in", begins_with::icmp, false, false, false,
	 "ICMP message read"},
	{"udp_rcv", layer::transport, "in", begins_with::udp, false, false, false,
	 "looks for its socket"},
	{"tcp_rcv", layer::transport, "in", begins_with::tcp, false, false, false,
	 "looks for its socket"},
	{"raw_rcv", layer::transport, "in", begins_with::ip, true, false, true,
	 "a copy for a raw socket"},
	{"sock_queue", layer::inet, "in", begins_with::nothing_known, false, false, false,
	 "onto the socket's receive_queue"},
	{"sock_rcv", layer::program, "in", begins_with::nothing_known, false, true, false,
	 "data copied to the program"},
};

/* One that this tool was not built for says by its name where it is. */
point unknown_point(const std::string &name)
{
	static const std::pair<const char *, layer> prefixes[] = {
		{"sock_", layer::inet}, {"ip_", layer::ip},	 {"arp_", layer::arp},
		{"rarp_", layer::arp},	{"dev_", layer::device},
	};
	point result{"", layer::transport, "", begins_with::nothing_known, false, false, true, ""};

	for (const auto &[prefix, where] : prefixes)
		if (name.starts_with(prefix))
			result.where = where;
	result.way = name.ends_with("_rcv") ? "in" : name.ends_with("_send") ? "out" : "";
	return result;
}

point point_of(const std::string &name)
{
	for (const auto &entry : points)
		if (name == entry.name)
			return entry;
	return unknown_point(name);
}

/* Has the sk_buff been freed and used again, since what came last? */
bool is_used_again(const trace_event &event, const std::string &last_event)
{
	point now = point_of(event.name), last = point_of(last_event);

	if (std::strcmp(now.way, "out") != 0)
		return false;
	/* A packet that goes on to others is "across" before it is "out". */
	if (std::strcmp(last.way, "in") == 0)
		return true;
	/* IGMP's own begin in IP; others come from the layers above. */
	return event.name == "ip_send" && last.where >= layer::ip;
}

std::string dotted(const std::string &hex)
{
	std::vector<std::uint8_t> octets = from_hex(hex);
	in_addr_t address;

	if (octets.size() != sizeof(address))
		return "?";
	std::memcpy(&address, octets.data(), sizeof(address));
	return show_address(address);
}

std::string hex_of(in_addr_t address)
{
	auto *octets = reinterpret_cast<const std::uint8_t *>(&address);

	return to_hex({octets, octets + sizeof(address)});
}

begins_with frame_begin(octet_span octets)
{
	if (octets.size() >= 14) {
		unsigned type = static_cast<unsigned>(octets[12] << 8 | octets[13]);

		if (type == 0x0800 || type == 0x0806 || type == 0x8035)
			return begins_with::ethernet;
	}
	return begins_with::network;
}

/* TCP_ESTABLISHED … TCP_CLOSING, by RFC 9293's names. */
std::string tcp_state_name(unsigned state)
{
	static const char *const names[] = {
		"0",	      "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
		"FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
		"CLOSE-WAIT", "LAST-ACK",    "LISTEN",	  "CLOSING"};

	return state < std::size(names) ? names[state] : std::to_string(state);
}

/* Ports and sequence number of a segment with data or FIN; "" for others, which are not sent again from
 * the same memory. */
std::string segment_key(octet_span octets, std::int64_t length)
{
	constexpr std::size_t ports_and_seq = 8, header = 20;
	constexpr unsigned tcp_fin = 1;

	if (octets.size() < header || (length <= (octets[12] >> 4) * 4 && !(octets[13] & tcp_fin)))
		return "";
	return {octets.begin(), octets.begin() + ports_and_seq};
}

const char *plural(std::int64_t n)
{
	return n == 1 ? "" : "s";
}

} // namespace

const char *layer_name(layer which)
{
	static const char *const names[] = {"program",	 "BSD socket", "INET socket",
					    "transport", "IP",	       "ARP",
					    "device",	 "cable",      ""};

	return names[static_cast<int>(which)];
}

std::string follower::host_name_of(std::int64_t netns) const
{
	if (!netns)
		return "";
	auto found = hosts_.find(netns);
	if (found != hosts_.end() && !found->second.name.empty())
		return found->second.name;
	return fmt::format("netns {}", netns);
}

trace_step follower::follow(const trace_event &event)
{
	trace_step step;

	step.number = ++steps_;
	step.when = event.when;
	step.event = event.name;
	step.cpu = event.cpu;
	step.netns = event.number("netns");
	step.fields = event.fields;
	if (event.name == event_lost) {
		step.kind = "lost";
		lost_ += static_cast<std::uint64_t>(event.number("count"));
		step.text = fmt::format(
			"{} event{} lost: the ring of processor {} was full (--buffer "
			"makes it larger)",
			event.number("count"), plural(event.number("count")), event.number("cpu"));
	} else if (event.name == event_host) {
		step.kind = "host";
		hosts_[step.netns].name = event.text("name");
		step.text = "host " + host_name_of(step.netns);
	} else if (event.name == "edu_drop") {
		follow_drop(event, step);
	} else if (event.name == "edu_route") {
		follow_route(event, step);
	} else if (event.name == "edu_arp") {
		follow_arp(event, step);
	} else if (event.fields.contains("skb") && event.fields.contains("data")) {
		follow_packet(event, step);
	} else if (event.name.find("tcp_") != event.name.npos) {
		follow_tcp(event, step);
	} else {
		step.text = event.fields.dump(-1, ' ', true, record::error_handler_t::replace);
	}
	return step;
}

/*
 * Packets
 */

void follower::find_parent(const trace_event &event, trace_step &step, const life *former)
{
	auto same_memory = memory_.find(event.number("head"));

	if (event.name == "dev_rcv" && former && former->last_event == "dev_send") {
		step.parent = former->packet;
		step.relation = "received";
	} else if (former && former->netns == step.netns && event.name == "icmp_send" &&
		   former->last_event == "icmp_rcv") {
		step.parent = former->packet;
		step.relation = "reply";
	} else if (same_memory != memory_.end() && point_of(event.name).shares) {
		step.parent = same_memory->second;
		step.relation = event.name == "dev_rcv" ? "received" : "clone";
	}
}

/* A segment that is sent again is another clone of the data that the socket keeps. */
void follower::find_former_segment(trace_step &step)
{
	std::string key = segment_key(step.octets, step.now->len);
	segment &last = segments_[step.now->head];

	if (!key.empty() && last.netns == step.netns && last.key == key) {
		step.parent = last.packet;
		step.relation = "clone";
	}
	last = {step.packet, step.netns, key};
}

follower::life &follower::life_of(const trace_event &event, trace_step &step)
{
	std::int64_t skb = event.number("skb");
	life &found = lives_[skb];
	bool known = found.packet != 0;
	/* A message of the host's own: its buffer is new, or that of the request it answers. */
	bool own = event.name == "icmp_send" && found.last_event != "sock_send" &&
		   found.last_event != "raw_send";

	current_[event.cpu] = skb;
	if (known && !found.over && !own && found.netns == step.netns &&
	    !point_of(event.name).begins && !is_used_again(event, found.last_event))
		return found;
	find_parent(event, step, known ? &found : nullptr);
	found = life{};
	found.packet = ++last_packet_;
	found.netns = step.netns;
	step.begins = true;
	return found;
}

/* Looks at the octets: what has the packet become? */
void follower::read_packet(const trace_event &event, trace_step &step, life &of)
{
	begins_with first = point_of(event.name).at_data;
	octet_span octets;

	step.first = event.number("first");
	step.octets = event.octets("octets");
	octets = step.octets;
	std::int64_t before_data = step.now->data - step.first;
	bool has_link = before_data > 0 && std::strcmp(step.way, "in") == 0 &&
			frame_begin(octets) == begins_with::ethernet;
	if (has_link) {
		first = begins_with::ethernet;
	} else if (before_data > 0 && static_cast<std::size_t>(before_data) <= octets.size()) {
		octets = octets.subspan(static_cast<std::size_t>(before_data));
		step.octets.assign(octets.begin(), octets.end());
		octets = step.octets;
		step.first = step.now->data;
	}
	if (event.name == "dev_send")
		first = frame_begin(octets);
	step.has_link_header = first == begins_with::ethernet;
	bool was_fragment = of.facts.fragment.has_value();
	read_headers(octets, first, of.facts);
	if (event.name == "ip_defrag" && was_fragment && !of.facts.fragment)
		step.relation = "whole";
}

/* What happened to the four pointers since the packet's last step? */
void follower::compare(trace_step &step, life &of)
{
	if (step.begins)
		return;
	step.before = of.pointers;
	const skb_pointers &now = *step.now, &before = of.pointers;
	if (now.head != before.head) {
		step.change = "move";
		step.amount = now.len - before.len;
	} else if (now.data != before.data) {
		step.change = now.data < before.data ? "push" : "pull";
		step.amount = std::abs(now.data - before.data);
	} else if (now.tail != before.tail) {
		step.change = now.tail > before.tail ? "put" : "trim";
		step.amount = std::abs(now.tail - before.tail);
	} else if (now.len > before.len) {
		step.change = "join"; /* its further octets lie in other buffers */
		step.amount = now.len - before.len;
	}
	bool pushed = std::strcmp(step.change, "push") == 0;
	if (!pushed && std::strcmp(step.change, "pull") != 0)
		return;
	/* The header that begins where data is now, or was before. */
	std::int64_t at = (pushed ? now.data : before.data) - step.first;
	for (const auto &header : of.facts.headers)
		if (header.at == at)
			step.header = header.name;
}

void follower::tell(trace_step &step, life &of)
{
	point known = point_of(step.event);

	if (!step.header.empty())
		step.text = fmt::format("{} {} header, {} octets",
					std::strcmp(step.change, "push") == 0 ? "pushes" : "pulls",
					step.header, step.amount);
	else if (std::strcmp(step.change, "move") == 0)
		step.text = "moved to another buffer";
	else if (*step.change)
		step.text = fmt::format("{} {} octets", step.change, step.amount);
	if (step.event == "dev_send" && step.header == "Ethernet" && !of.facts.is_arp && !of.held)
		step.text += " from the hardware header cache (hit)";
	if (*known.text)
		step.text += (step.text.empty() ? "" : "; ") + std::string(known.text);
	if (step.event == "arp_hold")
		of.held = true;
}

/* Remembers what other packets may have to do with. */
void follower::learn(const trace_step &step, const life &of)
{
	const packet_facts &facts = of.facts;
	host_facts &host = hosts_[step.netns];
	bool group = !facts.station_to.empty() &&
		     std::stoi(facts.station_to.substr(0, 2), nullptr, 16) & 1;

	memory_[step.now->head] = of.packet;
	if (step.event == "dev_send" && !facts.station_from.empty() &&
	    host.stations.size() < most_names)
		host.stations.insert(facts.station_from);
	if (!facts.source || !facts.destination)
		return;
	bool room = host.addresses.size() < most_names; /* a program may forge them */
	if (step.event == "ip_send" && *facts.source && room)
		host.addresses.insert(show_address(*facts.source));
	if (step.event == "ip_deliver" && !group && room)
		host.addresses.insert(show_address(*facts.destination));
	if (!facts.identification || (step.event != "ip_send" && step.event != "dev_send"))
		return;
	packet_key key{*facts.source, *facts.destination, *facts.identification,
		       facts.protocol.value_or(0), facts.fragment ? *facts.fragment + 1 : 0};
	if (datagrams_.insert_or_assign(key, of.packet).second)
		order_.push_back(key);
	if (order_.size() > most_datagrams) {
		datagrams_.erase(order_.front());
		order_.pop_front();
	}
}

void follower::follow_packet(const trace_event &event, trace_step &step)
{
	point known = point_of(event.name);

	step.kind = "packet";
	step.where = known.where;
	step.way = known.way;
	step.process = event.number("tgid");
	step.inode = event.number("inode");
	step.now = skb_pointers{event.number("head"), event.number("data"),
				event.number("tail"), event.number("end"),
				event.number("len"),  event.number("truesize")};
	life &of = life_of(event, step);
	step.packet = of.packet;
	read_packet(event, step, of);
	if (event.name == "ip_fragment" || (event.name == "dev_rcv" && !step.parent)) {
		/* By what the wire says: the datagram of a fragment (0: it is whole), the packet another
		 * host sent. */
		packet_key key{
			of.facts.source.value_or(0), of.facts.destination.value_or(0),
			of.facts.identification.value_or(0), of.facts.protocol.value_or(0),
			event.name == "dev_rcv" && of.facts.fragment ? *of.facts.fragment + 1 : 0};
		auto sent = datagrams_.find(key);

		if (of.facts.identification && sent != datagrams_.end() &&
		    sent->second != of.packet) {
			step.parent = sent->second;
			step.relation = event.name == "dev_rcv" ? "received" : "fragment";
		}
	}
	if (event.name == "tcp_send")
		find_former_segment(step);
	compare(step, of);
	tell(step, of);
	learn(step, of);
	if (of.facts.destination && step.where == layer::ip) {
		std::string destination = hex_of(*of.facts.destination);

		std::erase_if(decisions_, [&](const decision &made) {
			bool ours = made.netns == step.netns && made.destination == destination;

			if (ours)
				step.claims.push_back(made.number);
			return ours;
		});
	}
	step.facts = of.facts;
	step.ends = known.ends;
	of.over = known.ends && event.name != "sock_rcv"; /* a program may peek, and read again */
	of.pointers = *step.now;
	of.last_event = event.name;
	for (const char *told : {"skb", "head", "netns", "data", "tail", "end", "len", "truesize",
				 "inode", "tgid", "first", "octets"})
		step.fields.erase(told);
}

void follower::follow_drop(const trace_event &event, trace_step &step)
{
	auto found = lives_.find(event.number("skb"));

	step.kind = "drop";
	step.text = fmt::format("dropped: {}.{}", event.text("group"), event.text("name"));
	step.fields.erase("skb");
	if (event.number("skb") && found != lives_.end() && !found->second.over &&
	    found->second.netns == step.netns) {
		life &of = found->second;

		step.packet = of.packet;
		step.where = point_of(of.last_event).where;
		step.before = step.now = of.pointers;
		step.facts = of.facts;
		step.ends = of.over = true;
	}
}

/*
 * Decisions
 */

void follower::follow_route(const trace_event &event, trace_step &step)
{
	static const std::map<std::string, const char *> reasons = {
		{"absent", "it is not in the cache"},
		{"flushed", "what the cache knew was flushed"},
		{"obsolete", "what the cache knew is out of date"},
		{"expired", "what the cache knew has expired"},
		{"neighbour", "the cached route's neighbour is gone"},
	};
	std::string from = event.text("from"), destination = dotted(event.text("destination"));
	std::string gateway = dotted(event.text("gateway")), device = event.text("dev");

	step.kind = "route";
	step.where = layer::ip;
	step.fields["destination"] = destination;
	step.fields["gateway"] = gateway;
	if (device.empty() && event.number("ifindex"))
		device = fmt::format("device {}", event.number("ifindex"));
	if (from == "flush") {
		step.text = "the route cache is flushed";
		return;
	}
	if (from == "remove") {
		step.text = fmt::format("{} leaves the route cache", destination);
		return;
	}
	std::string way = gateway == destination || gateway == "0.0.0.0" ?
				  fmt::format("on the link by {}", device) :
				  fmt::format("via {} by {}", gateway, device);
	auto reason = reasons.find(event.text("why"));
	std::string missed = fmt::format("cache miss, {}", reason != reasons.end() ?
								   reason->second :
								   "it was asked in vain");
	if (from == "cache")
		step.text = fmt::format("route to {}: cache hit, {}", destination, way);
	else if (from == "fib")
		step.text =
			fmt::format("route to {}: {}; the FIB says {}", destination, missed, way);
	else if (from == "local")
		step.text =
			fmt::format("route to {}: {}; an address of this host's interfaces, by {}",
				    destination, missed, device);
	else
		step.text = fmt::format("route to {}: {}; there is none", destination, missed);

	auto running = current_.find(event.cpu);
	if (running != current_.end()) {
		life &of = lives_[running->second];
		bool inbound = of.last_event == "ip_rcv" && of.netns == step.netns && !of.over;

		if (inbound && of.facts.destination &&
		    hex_of(*of.facts.destination) == event.text("destination")) {
			step.packet = of.packet;
			step.facts = of.facts;
			return;
		}
	}
	decisions_.push_back({step.number, step.netns, event.text("destination")});
	if (decisions_.size() > most_decisions)
		decisions_.pop_front();
}

void follower::follow_arp(const trace_event &event, trace_step &step)
{
	std::string what = event.text("what"), ip = dotted(event.text("ip"));
	std::vector<std::uint8_t> octets = event.octets("hardware_address");
	std::string station = show_lladdr(octets.data(), octets.size());

	step.kind = "arp";
	step.where = layer::arp;
	step.fields["ip"] = ip;
	step.fields["hardware_address"] = station;
	if (what == "new")
		step.text =
			fmt::format("{} enters the table, its hardware address is not known", ip);
	else if (what == "complete")
		step.text = fmt::format("{} is at {}", ip, station);
	else if (what == "update")
		step.text = fmt::format("{} has moved to {}", ip, station);
	else if (what == "probe")
		step.text = fmt::format("is {} still at {}?", ip, station);
	else if (what == "fail")
		step.text = fmt::format("{} does not answer and leaves the table", ip);
	else
		step.text = fmt::format("{} leaves the table ({})", ip, what);
}

void follower::follow_tcp(const trace_event &event, trace_step &step)
{
	auto end = [&](const char *address, const char *port) {
		return fmt::format("{}:{}", value_of(step.fields, address), event.number(port));
	};

	step.kind = "tcp";
	step.where = layer::transport;
	for (const char *key : {"saddr", "daddr"}) {
		std::vector<std::uint8_t> octets = event.octets(key);
		auto address = static_cast<in_addr_t>(event.number(key)); /* as on the wire */

		if (octets.size() == sizeof(address))
			std::memcpy(&address, octets.data(), sizeof(address));
		(*key == 's' ? step.facts.source : step.facts.destination) = address;
		step.fields[key] = show_address(address);
	}
	step.facts.source_port = static_cast<std::uint16_t>(event.number("sport"));
	step.facts.destination_port = static_cast<std::uint16_t>(event.number("dport"));
	step.facts.protocol = IPPROTO_TCP;
	step.text = fmt::format("{} → {}:", end("saddr", "sport"), end("daddr", "dport"));
	/* What else the kernel says, as it says it; states by their names. */
	for (const auto &[key, value] : step.fields.items()) {
		if (key == "netns" || key == "saddr" || key == "daddr" || key == "sport" ||
		    key == "dport")
			continue;
		bool is_state = event.name.ends_with("tcp_state") && value.is_number_integer();
		bool is_none = key == "ssthresh" && value.is_number_integer() &&
			       value.get<std::int64_t>() >= 0x7fffffff;
		step.text += fmt::format(" {} {}", key,
					 is_state ? tcp_state_name(value.get<unsigned>()) :
					 is_none  ? "none" :
						    value_of(step.fields, key.c_str()));
	}
}

/*
 * JSON
 */

namespace {

record pointers_record(const skb_pointers &p)
{
	return {{"head", p.head}, {"data", p.data}, {"tail", p.tail},
		{"end", p.end},	  {"len", p.len},   {"truesize", p.truesize}};
}

void add_facts(record &item, const trace_step &step)
{
	const packet_facts &facts = step.facts;

	if (facts.source)
		item["source"] = show_address(*facts.source);
	if (facts.source_port)
		item["source_port"] = *facts.source_port;
	if (facts.destination)
		item["destination"] = show_address(*facts.destination);
	if (facts.destination_port)
		item["destination_port"] = *facts.destination_port;
	if (facts.is_arp)
		item["protocol"] = "ARP";
	else if (facts.protocol)
		item["protocol"] = protocol_name(*facts.protocol);
	if (!facts.station_from.empty()) {
		item["station_from"] = facts.station_from;
		item["station_to"] = facts.station_to;
	}
	if (std::string summary = packet_summary(facts); !summary.empty())
		item["summary"] = summary;
	for (const auto &header : facts.headers)
		item["headers"].push_back({{"name", header.name},
					   {"at", step.first + header.at},
					   {"length", header.length},
					   {"text", header.text}});
}

} // namespace

record step_record(const trace_step &step, std::int64_t realtime, const std::string &host)
{
	record item;

	item["step"] = step.number;
	item["time"] = static_cast<std::int64_t>(step.when) + realtime;
	item["event"] = step.event;
	item["kind"] = step.kind;
	item["cpu"] = step.cpu;
	if (step.netns) {
		item["host"] = host;
		item["netns"] = step.netns;
	}
	if (step.where != layer::none)
		item["layer"] = layer_name(step.where);
	if (*step.way)
		item["way"] = step.way;
	if (step.packet)
		item["packet"] = step.packet;
	if (step.parent)
		item["parent"] = step.parent;
	if (*step.relation)
		item["relation"] = step.relation;
	if (step.begins)
		item["begins"] = true;
	if (step.ends)
		item["ends"] = true;
	if (!step.claims.empty())
		item["decisions"] = step.claims;
	if (step.process)
		item["process"] = step.process;
	if (step.inode)
		item["socket"] = step.inode;
	if (step.before)
		item["before"] = pointers_record(*step.before);
	if (step.now)
		item["after"] = pointers_record(*step.now);
	if (*step.change) {
		item["change"] = step.change;
		item["octets"] = step.amount;
	}
	if (!step.header.empty())
		item["header"] = step.header;
	item["text"] = step.text;
	add_facts(item, step);
	if (!step.octets.empty()) {
		item["first"] = step.first;
		item["data"] = to_hex(step.octets);
	}
	for (const auto &[key, value] : step.fields.items())
		if (key != "netns" && !item.contains(key))
			item[key] = value;
	return item;
}

} // namespace edu
