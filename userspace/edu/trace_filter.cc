// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which packets `edu trace` shows, see trace_filter.hh.
 *
 * A process's sockets are those that it is seen to use; with the first of them a packet is known even
 * where it is met outside of any system call.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_filter.hh"

#include "args.hh"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>

namespace edu {

namespace {

constexpr std::size_t most_waiting = 4096, most_wanted = 65536; /* packets */

template <class table>
void keep_below(table &entries, std::size_t most)
{
	while (entries.size() > most)
		entries.erase(entries.begin()); /* the oldest has the least number */
}

template <class list, class item>
bool has(const list &entries, const item &wanted)
{
	return std::find(entries.begin(), entries.end(), wanted) != entries.end();
}

} // namespace

trace_filter::trace_filter(trace_wishes wishes, sink out)
	: wishes_(std::move(wishes)), out_(std::move(out))
{
}

trace_filter::verdict trace_filter::judge_facts(const packet_facts &facts) const
{
	auto lies_in = [&](in_addr_t address) {
		return std::any_of(wishes_.addresses.begin(), wishes_.addresses.end(),
				   [&](const prefix &net) { return contains(net, address); });
	};
	bool by_protocol = !wishes_.protocols.empty() || wishes_.arp;

	if (!wishes_.addresses.empty()) {
		if (!facts.source || !facts.destination)
			return verdict::unknown;
		if (!lies_in(*facts.source) && !lies_in(*facts.destination))
			return verdict::no;
	}
	if (by_protocol) {
		if (!facts.is_arp && !facts.protocol)
			return verdict::unknown;
		if (facts.is_arp ? !wishes_.arp : !has(wishes_.protocols, *facts.protocol))
			return verdict::no;
	}
	if (!wishes_.ports.empty()) {
		if (facts.is_arp)
			return verdict::no;
		/* A later fragment may belong to a wanted datagram: its parent tells. */
		if (!facts.source_port)
			return facts.protocol && !facts.fragment &&
					       *facts.protocol != IPPROTO_UDP &&
					       *facts.protocol != IPPROTO_TCP ?
				       verdict::no :
				       verdict::unknown;
		if (!has(wishes_.ports, *facts.source_port) &&
		    !has(wishes_.ports, *facts.destination_port))
			return verdict::no;
	}
	return verdict::yes;
}

bool trace_filter::judge_socket(const trace_step &step)
{
	if (wishes_.inodes.empty() && wishes_.processes.empty())
		return true;
	if (step.process && wishes_.processes.contains(step.process)) {
		/* In a system call of the process: what it sends, or what it takes. */
		if (std::strcmp(step.way, "out") == 0 || step.event == "sock_rcv") {
			if (step.inode)
				wishes_.inodes.insert(step.inode);
			return true;
		}
	}
	return step.inode && wishes_.inodes.contains(step.inode);
}

void trace_filter::pass(const trace_step &step)
{
	for (std::uint64_t number : step.claims) {
		auto found = decisions_.find(number);

		if (found == decisions_.end())
			continue;
		out_(found->second);
		decisions_.erase(found);
	}
	out_(step);
}

void trace_filter::take_packet(const trace_step &step)
{
	std::uint64_t packet = step.packet;
	bool wanted = wanted_.contains(packet) || (step.parent && wanted_.contains(step.parent) &&
						   judge_facts(step.facts) != verdict::no);

	if (!wanted) {
		verdict facts = judge_facts(step.facts);
		bool socket = judge_socket(step);

		if (facts == verdict::yes && socket)
			wanted = true;
		if (facts == verdict::no) {
			waiting_.erase(packet);
			return;
		}
	}
	if (!wanted) {
		if (step.ends)
			waiting_.erase(packet);
		else
			waiting_[packet].push_back(step);
		keep_below(waiting_, most_waiting);
		return;
	}
	wanted_.insert(packet);
	keep_below(wanted_, most_wanted);
	auto before = waiting_.extract(packet);
	if (!before.empty())
		for (const auto &earlier : before.mapped())
			pass(earlier);
	pass(step);
}

void trace_filter::take_decision(const trace_step &step)
{
	auto mentions = [&](const char *key) {
		auto found = step.fields.find(key);
		in_addr_t address;

		return found != step.fields.end() && found->is_string() &&
		       is_dotted(found->get<std::string>(), &address) &&
		       std::any_of(wishes_.addresses.begin(), wishes_.addresses.end(),
				   [&](const prefix &net) { return contains(net, address); });
	};
	bool only_addresses = wishes_.ports.empty() && wishes_.protocols.empty() &&
			      wishes_.inodes.empty() && wishes_.processes.empty();

	if (only_addresses && (mentions("destination") || mentions("ip"))) {
		out_(step);
		return;
	}
	if (std::strcmp(step.kind, "arp") == 0 && wishes_.arp && wishes_.addresses.empty()) {
		out_(step);
		return;
	}
	decisions_.emplace(step.number, step);
	keep_below(decisions_, most_waiting);
}

void trace_filter::take(const trace_step &step)
{
	bool about_us = !std::strcmp(step.kind, "lost") || !std::strcmp(step.kind, "host");

	if (wishes_.netns && step.netns && step.netns != wishes_.netns)
		return;
	if (!wishes_.choosy() || about_us)
		return out_(step);
	if (step.packet)
		return take_packet(step);
	if (!std::strcmp(step.kind, "tcp")) {
		if (judge_facts(step.facts) == verdict::yes && wishes_.inodes.empty() &&
		    wishes_.processes.empty())
			out_(step);
		return;
	}
	take_decision(step);
}

void wish_protocol(trace_wishes &wishes, const std::string &text)
{
	static const std::pair<const char *, unsigned> names[] = {
		{"icmp", IPPROTO_ICMP},
		{"igmp", IPPROTO_IGMP},
		{"tcp", IPPROTO_TCP},
		{"udp", IPPROTO_UDP},
	};
	std::string small = text;

	for (char &c : small)
		c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
	if (small == "arp") {
		wishes.arp = true;
		return;
	}
	for (const auto &[name, number] : names)
		if (small == name) {
			wishes.protocols.push_back(number);
			return;
		}
	wishes.protocols.push_back(static_cast<unsigned>(
		parse_number(text, "protocol (arp, icmp, igmp, tcp, udp or a number)", 0, 255)));
}

std::set<std::int64_t> sockets_of(std::int64_t process)
{
	std::set<std::int64_t> inodes;
	std::error_code ignored;

	for (const auto &entry : std::filesystem::directory_iterator(
		     "/proc/" + std::to_string(process) + "/fd", ignored)) {
		std::string target = std::filesystem::read_symlink(entry.path(), ignored);

		if (target.starts_with("socket:["))
			inodes.insert(std::atoll(target.c_str() + 8));
	}
	return inodes;
}

} // namespace edu
