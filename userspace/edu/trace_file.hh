/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recordings of `edu trace --record`: one JSON object a line, so that any tool can read them.
 *
 *   {"crc":"0a1b2c3d","edu-trace":1,"realtime":NS}            the first line
 *   {"crc":"…","when":NS,"cpu":0,"thread":7,"event":"ip_send","fields":{…}}
 *   {"crc":"…","end":true,"events":N}                         the last line
 *
 * crc is the CRC-32 (as zlib's) of what follows its comma up to the line's end, and `events` counts the
 * lines between first and last: whatever was changed or cut off is noticed, and where.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_FILE_HH
#define EDU_TRACE_FILE_HH

#include "trace_event.hh"

#include <fstream>
#include <istream>

namespace edu {

std::uint32_t crc32_of(std::string_view text);

class recording_writer {
public:
	/* realtime: what to add to an event's time to have ns since 1970. A failure when the file cannot be
	 * made. */
	recording_writer(const std::string &path, std::int64_t realtime);
	void write(const trace_event &event);
	/* Without it the recording counts as cut short. A failure when the disk is full. */
	void finish();

private:
	void line(const record &item);

	std::string path_;
	std::ofstream out_;
	std::uint64_t events_ = 0; /* written */
};

class recording_reader {
public:
	/* Reads the first line. `in` must outlive this. */
	recording_reader(std::istream &in, std::string path);
	/* False at the end. A failure that names the offset where the recording is damaged. */
	bool next(trace_event &event);
	std::int64_t realtime() const { return realtime_; }

private:
	[[noreturn]] void damaged(std::string_view how) const;
	record line();

	std::istream &in_;
	std::string path_;
	std::int64_t realtime_ = 0;
	std::uint64_t offset_ = 0; /* of the line being read, octets */
	std::uint64_t after_ = 0;  /* of the line behind it */
	std::uint64_t events_ = 0; /* read */
	bool ended_ = false;
};

} // namespace edu

#endif /* EDU_TRACE_FILE_HH */
