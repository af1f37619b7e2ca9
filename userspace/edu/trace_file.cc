// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recordings, written and read: see trace_file.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_file.hh"

#include "failure.hh"

#include <array>
#include <cerrno>
#include <cstring>

namespace edu {

namespace {

constexpr int version = 1;
constexpr std::size_t longest_line = 1 << 20; /* octets; a line of ours is a few thousand */
constexpr std::string_view crc_key = "{\"crc\":\"";
constexpr std::size_t crc_digits = 8, body_at = 8 + 8 + 2; /* {"crc":" digits ", */

constexpr std::array<std::uint32_t, 256> make_crc_table()
{
	std::array<std::uint32_t, 256> table{};

	for (std::uint32_t i = 0; i < 256; i++) {
		std::uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value & 1 ? 0xedb88320u ^ (value >> 1) : value >> 1;
		table[i] = value;
	}
	return table;
}

constexpr std::array<std::uint32_t, 256> crc_table = make_crc_table();

} // namespace

std::uint32_t crc32_of(std::string_view text)
{
	std::uint32_t crc = ~0u;

	for (char c : text)
		crc = crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
	return ~crc;
}

recording_writer::recording_writer(const std::string &path, std::int64_t realtime)
	: path_(path), out_(path, std::ios::binary | std::ios::trunc)
{
	if (!out_)
		refused("cannot write {}: {}", path, std::strerror(errno));
	line({{"edu-trace", version}, {"realtime", realtime}});
}

void recording_writer::line(const record &item)
{
	std::string body = item.dump(-1, ' ', true, record::error_handler_t::replace).substr(1);

	out_ << fmt::format("{}{:08x}\",{}\n", crc_key, crc32_of(body), body);
}

void recording_writer::write(const trace_event &event)
{
	line({{"when", event.when},
	      {"cpu", event.cpu},
	      {"thread", event.thread},
	      {"event", event.name},
	      {"fields", event.fields}});
	events_++;
}

void recording_writer::finish()
{
	line({{"end", true}, {"events", events_}});
	out_.close();
	if (!out_)
		refused("{} could not be written completely", path_);
}

recording_reader::recording_reader(std::istream &in, std::string path)
	: in_(in), path_(std::move(path))
{
	record first = line();

	if (!first.contains("edu-trace"))
		damaged("this is no recording of `edu trace`");
	if (first["edu-trace"] != version)
		damaged(fmt::format("version {} of recordings is not known here",
				    first["edu-trace"].dump()));
	if (!first.contains("realtime") || !first["realtime"].is_number_integer())
		damaged("the time is missing");
	realtime_ = first["realtime"];
}

void recording_reader::damaged(std::string_view how) const
{
	refused("{} is damaged at offset {}: {}", path_, offset_, how);
}

record recording_reader::line()
{
	std::string text;
	char c;

	offset_ = after_;
	while (in_.get(c) && c != '\n') {
		if (text.size() == longest_line)
			damaged("a line without an end");
		text += c;
	}
	if (!in_)
		damaged(text.empty() ? "it ends too early" : "its last line is cut off");
	after_ += text.size() + 1;
	if (!std::string_view(text).starts_with(crc_key) || text.size() < body_at ||
	    text.compare(crc_key.size() + crc_digits, 2, "\",") != 0)
		damaged("a line that is none of a recording");
	std::string_view body = std::string_view(text).substr(body_at);
	if (std::string_view(text).substr(crc_key.size(), crc_digits) !=
	    fmt::format("{:08x}", crc32_of(body)))
		damaged("the line's checksum is wrong");
	record item = record::parse("{" + std::string(body), nullptr, false);
	if (!item.is_object())
		damaged("the line is no JSON");
	return item;
}

bool recording_reader::next(trace_event &event)
{
	if (ended_)
		return false;
	record item = line();
	if (item.contains("end")) {
		if (item.value("events", record()) != record(events_))
			damaged(fmt::format("{} events are missing or too many", path_));
		offset_ = after_;
		if (in_.peek() != std::istream::traits_type::eof())
			damaged("something follows its end");
		ended_ = true;
		return false;
	}
	bool whole = item.value("when", record()).is_number_unsigned() &&
		     item.value("cpu", record()).is_number_integer() &&
		     item.value("thread", record()).is_number_integer() &&
		     item.value("event", record()).is_string() &&
		     item.value("fields", record()).is_object();
	if (!whole)
		damaged("an event without time, name or fields");
	event.when = item["when"];
	event.cpu = item["cpu"];
	event.thread = item["thread"];
	event.name = item["event"];
	event.fields = std::move(item["fields"]);
	events_++;
	return true;
}

} // namespace edu
