// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packet captures with comments, see trace_pcapng.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_pcapng.hh"

#include "trace_text.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace edu {

namespace {

constexpr std::uint32_t section_block = 0x0a0d0d0a, byte_order_magic = 0x1a2b3c4d;
constexpr std::uint32_t interface_block = 1, packet_block = 6;
constexpr std::uint16_t link_ethernet = 1, link_raw_ip = 101;
constexpr std::uint16_t opt_comment = 1, opt_application = 4, if_name = 2, if_tsresol = 9,
			epb_flags = 2;
constexpr std::size_t most_decisions = 1024, most_stories = 16384,
		      longest_comment = 60000; /* an option has 16 bits */
constexpr std::uint32_t inbound = 1, outbound = 2;

/* One block: body, options, and its length at both ends. In the writer's byte order. */
class block {
public:
	explicit block(std::uint32_t type)
	{
		number(type);
		number(std::uint32_t{0});
	}

	template <class type>
	void number(type value)
	{
		data_.append(reinterpret_cast<const char *>(&value), sizeof(value));
	}

	void octets(const void *from, std::size_t length)
	{
		data_.append(static_cast<const char *>(from), length);
		data_.append((4 - data_.size() % 4) % 4, '\0');
	}

	void option(std::uint16_t code, std::string_view value)
	{
		number(code);
		number(static_cast<std::uint16_t>(value.size()));
		octets(value.data(), value.size());
	}

	void write(std::ostream &out)
	{
		number(std::uint32_t{0}); /* no more options */
		auto length = static_cast<std::uint32_t>(data_.size() + sizeof(std::uint32_t));
		number(length);
		std::memcpy(data_.data() + sizeof(length), &length, sizeof(length));
		out.write(data_.data(), static_cast<std::streamsize>(data_.size()));
	}

private:
	std::string data_;
};

std::string cut(const std::string &text)
{
	return text.size() <= longest_comment ? text : text.substr(0, longest_comment);
}

} // namespace

void pcapng_writer::add_frame(const trace_step &step, const std::string &host)
{
	bool in = step.event == "dev_rcv";
	device wanted{printable(fmt::format("{}:{}", host, value_of(step.fields, "dev"))),
		      step.has_link_header};
	frame made;
	std::size_t i = 0;

	while (i < devices_.size() &&
	       (devices_[i].name != wanted.name || devices_[i].ethernet != wanted.ethernet))
		i++;
	if (i == devices_.size())
		devices_.push_back(wanted);
	made.when = step.when;
	made.device = i;
	made.inbound = in;
	made.octets = step.octets;
	made.length = static_cast<std::uint32_t>(step.now->len + step.now->data - step.first);
	if (made.octets.size() > made.length) /* what follows the packet in its memory */
		made.octets.resize(made.length);
	frames_.push_back(std::move(made));
	if (in)
		received_[step.packet] = frames_.size() - 1;
}

void pcapng_writer::take(const trace_step &step, const std::string &host)
{
	if (!step.packet) {
		decisions_[step.number] = printable(step.text);
		while (decisions_.size() > most_decisions)
			decisions_.erase(decisions_.begin());
		return;
	}
	while (stories_.size() > most_stories) /* packets whose end nobody saw */
		stories_.erase(stories_.begin());
	while (received_.size() > most_stories)
		received_.erase(received_.begin());
	std::string &story = stories_[step.packet];
	const std::string text = printable(step.text);
	if (step.parent && *step.relation)
		story += fmt::format("packet {} ({} from {})\n", step.packet, step.relation,
				     step.parent);
	for (std::uint64_t number : step.claims)
		if (auto made = decisions_.find(number); made != decisions_.end())
			story += made->second + "\n";
	story += (std::strcmp(step.kind, "packet") ? "" : printable(step.event) + ": ") + text +
		 "\n";
	if (step.event == "dev_send" || step.event == "dev_rcv")
		add_frame(step, host);
	if (step.event == "dev_send")
		frames_.back().comment = cut(story);
	if (auto in = received_.find(step.packet); in != received_.end())
		frames_[in->second].comment = cut(story);
	if (step.ends) {
		received_.erase(step.packet);
		stories_.erase(step.packet);
	}
}

void pcapng_writer::write(std::ostream &out) const
{
	block section(section_block);

	section.number(byte_order_magic);
	section.number(std::uint16_t{1}); /* version 1.0 */
	section.number(std::uint16_t{0});
	section.number(~std::uint64_t{0}); /* the section's length is not said */
	section.option(opt_application, "edu trace");
	section.write(out);
	for (const auto &one : devices_) {
		block about(interface_block);

		about.number(one.ethernet ? link_ethernet : link_raw_ip);
		about.number(std::uint16_t{0});
		about.number(std::uint32_t{0}); /* no limit on the octets of a packet */
		about.option(if_name, one.name);
		about.option(if_tsresol, "\x09"); /* nanoseconds */
		about.write(out);
	}
	std::vector<const frame *> in_order;
	for (const auto &one : frames_)
		in_order.push_back(&one);
	std::stable_sort(in_order.begin(), in_order.end(),
			 [](auto *a, auto *b) { return a->when < b->when; });
	for (const frame *each : in_order) {
		const frame &one = *each;
		auto when =
			static_cast<std::uint64_t>(static_cast<std::int64_t>(one.when) + realtime_);
		std::uint32_t flags = one.inbound ? inbound : outbound;
		block packet(packet_block);

		packet.number(static_cast<std::uint32_t>(one.device));
		packet.number(static_cast<std::uint32_t>(when >> 32));
		packet.number(static_cast<std::uint32_t>(when));
		packet.number(static_cast<std::uint32_t>(one.octets.size()));
		packet.number(one.length);
		packet.octets(one.octets.data(), one.octets.size());
		packet.option(epb_flags, {reinterpret_cast<const char *>(&flags), sizeof(flags)});
		if (!one.comment.empty())
			packet.option(
				opt_comment,
				std::string_view(one.comment).substr(0, one.comment.size() - 1));
		packet.write(out);
	}
}

} // namespace edu
