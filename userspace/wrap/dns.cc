// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of the Domain Name System, see dns.hh.
 *
 * Locking: none.
 */
#include "dns.hh"

#include <cstring>
#include <strings.h>

namespace edu::wrap::dns {

namespace {

constexpr std::size_t header_size = 12;
constexpr std::size_t most_name = 255; /* octets of a name on the wire (RFC 1035 3.1) */
constexpr std::size_t most_label = 63;
constexpr unsigned class_in = 1;

/* Octets of a message read in order; past the end everything is 0 and good() false. */
class reader {
public:
	reader(std::span<const std::uint8_t> packet, std::size_t at) : packet_(packet), at_(at) {}

	bool good() const { return good_; }
	std::size_t at() const { return at_; }

	unsigned u16()
	{
		auto *octets = take(2);
		return octets ? octets[0] << 8U | octets[1] : 0;
	}

	std::uint32_t u32()
	{
		std::uint32_t high = u16();
		return high << 16 | u16();
	}

	/* `length` octets, or null. */
	const std::uint8_t *take(std::size_t length)
	{
		if (!good_ || packet_.size() - at_ < length) {
			good_ = false;
			return nullptr;
		}
		at_ += length;
		return packet_.data() + at_ - length;
	}

	/* A name as text without its final dot; compression only leads backwards, so it ends. */
	void name(char (&text)[name_room]);

private:
	std::span<const std::uint8_t> packet_;
	std::size_t at_;
	bool good_ = true;
};

void reader::name(char (&text)[name_room])
{
	std::size_t used = 0, least = at_;
	reader from = *this;
	bool jumped = false;

	text[0] = 0;
	for (;;) {
		auto *length = from.take(1);
		std::size_t size = length ? *length : 0;

		if (!length || (size > most_label && size < 0xc0)) {
			good_ = false;
			return;
		}
		if (size >= 0xc0) {
			auto *low = from.take(1);
			std::size_t to = low ? (size & 0x3f) << 8 | *low : least;

			if (!jumped)
				at_ = from.at();
			jumped = true;
			if (to >= least) {
				good_ = false;
				return;
			}
			from = reader(packet_, least = to);
			continue;
		}
		auto *label = from.take(size);
		if (!label || used + size + 1 >= name_room || std::memchr(label, 0, size)) {
			good_ = false;
			return;
		}
		if (size == 0)
			break;
		if (used)
			text[used++] = '.';
		std::memcpy(text + used, label, size);
		used += size;
		text[used] = 0;
	}
	if (!jumped)
		at_ = from.at();
}

/* The record is of the kind asked for: takes it. False: the message is damaged. */
bool take_record(answer &into, unsigned kind, const std::uint8_t *data, unsigned length, reader in)
{
	if (kind == ptr) {
		in.name(into.name);
		into.count = 1;
		return in.good();
	}
	if (length != (kind == a ? 4 : 16))
		return false;
	if (into.count < answer::most)
		std::memcpy(into.addresses[into.count++], data, length);
	return true;
}

/* The answer section: aliases are followed as they come, which is the order servers send them in. */
verdict read_records(reader &in, std::span<const std::uint8_t> packet, unsigned records,
		     unsigned wanted, answer &into)
{
	while (records--) {
		char owner[name_room];

		in.name(owner);
		unsigned kind = in.u16(), klass = in.u16();
		std::uint32_t seconds = in.u32();
		unsigned length = in.u16();
		reader inside(packet, in.at());
		const std::uint8_t *data = in.take(length);

		if (!in.good())
			return verdict::not_ours;
		if (klass != class_in || (kind != wanted && kind != cname) ||
		    (into.count == 0 && strcasecmp(owner, into.name) != 0) ||
		    (into.count != 0 && (kind == cname || wanted == ptr)))
			continue;
		if (seconds < into.seconds)
			into.seconds = seconds;
		if (kind == cname)
			inside.name(into.name);
		if (!inside.good() ||
		    (kind != cname && !take_record(into, kind, data, length, inside)))
			return verdict::not_ours;
	}
	return into.count ? verdict::answered : verdict::no_data;
}

/* What stands before the records. */
struct beginning {
	unsigned error;	  /* what the server says: 0 none, 3 there is no such name, … */
	unsigned answers; /* records in the answer section */
	unsigned wanted;  /* the type asked for */
};

/* Reads it: answered, or truncated or not_ours. `name`: the name asked for. */
verdict read_beginning(reader &in, std::span<const std::uint8_t> query, beginning &into,
		       char (&name)[name_room])
{
	reader asked(query, header_size);
	char repeated[name_room];

	unsigned id = in.u16(), flags = in.u16(), questions = in.u16();
	into.answers = in.u16();
	in.take(4); /* the numbers of the other sections */
	asked.name(name);
	into.wanted = asked.u16();
	into.error = flags & 15U;
	unsigned klass = asked.u16();
	if (!in.good() || !asked.good() || id != reader(query, 0).u16() || !(flags & 0x8000U) ||
	    (flags & 0x7800U))
		return verdict::not_ours;
	/* A server that could not read the question need not repeat it. */
	if (questions == 1) {
		in.name(repeated);
		if (in.u16() != into.wanted || in.u16() != klass || !in.good() ||
		    strcasecmp(repeated, name) != 0)
			return verdict::not_ours;
	} else if (questions || into.error == 0 || into.error == 3) {
		return verdict::not_ours;
	}
	return flags & 0x0200U ? verdict::truncated : verdict::answered;
}

} // namespace

std::size_t make_query(std::span<std::uint8_t> out, std::uint16_t id, const char *name, type wanted)
{
	std::size_t at = header_size, length = std::strlen(name);

	if (length && name[length - 1] == '.')
		length--;
	/* Each label has its length in front, the last nothing behind it but the root. */
	if (length == 0 || length + 2 > most_name || out.size() < header_size + length + 2 + 4)
		return 0;
	std::memset(out.data(), 0, header_size);
	out[0] = static_cast<std::uint8_t>(id >> 8);
	out[1] = static_cast<std::uint8_t>(id);
	out[2] = 0x01; /* recursion desired */
	out[5] = 1;    /* one question */
	for (const char *end = name + length; name <= end;) {
		auto *dot = static_cast<const char *>(
			std::memchr(name, '.', static_cast<std::size_t>(end - name)));
		auto size = static_cast<std::size_t>((dot ? dot : end) - name);

		if (size == 0 || size > most_label)
			return 0;
		out[at++] = static_cast<std::uint8_t>(size);
		std::memcpy(out.data() + at, name, size);
		at += size;
		name += size + 1;
	}
	out[at++] = 0;
	out[at++] = static_cast<std::uint8_t>(wanted >> 8);
	out[at++] = static_cast<std::uint8_t>(wanted);
	out[at++] = 0;
	out[at++] = class_in;
	return at;
}

verdict read_answer(std::span<const std::uint8_t> packet, std::span<const std::uint8_t> query,
		    answer &into)
{
	reader in(packet, 0);
	beginning found;

	into = {};
	verdict told = read_beginning(in, query, found, into.name);
	if (told != verdict::answered)
		return told;
	if (found.error == 3)
		return verdict::no_name;
	if (found.error != 0)
		return verdict::try_other;
	return read_records(in, packet, found.answers, found.wanted, into);
}

verdict judge_answer(std::span<const std::uint8_t> packet, std::span<const std::uint8_t> query)
{
	reader in(packet, 0);
	beginning found;
	char name[name_room];
	verdict told = read_beginning(in, query, found, name);

	/* SERVFAIL, NOTIMP, REFUSED */
	if (told == verdict::answered && (found.error == 2 || found.error == 4 || found.error == 5))
		return verdict::try_other;
	return told;
}

} // namespace edu::wrap::dns
