// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live source of `edu trace`: an instance of tracefs is a directory with files to write to;
 * libtraceevent knows the rings' pages and the events' formats. (libtracefs' header of Debian 12 does
 * not compile as C++.)
 *
 * Each processor has a ring of its own. After a round over all of them, events older than the
 * round's beginning are complete and can be put in order; younger ones wait for the next round.
 * A full ring overwrites its oldest events; the kernel counts them, and the count is an event here.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_live.hh"

#include "failure.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

namespace edu {

namespace fs = std::filesystem;

namespace {

constexpr const char *event_system = "eduinet";
constexpr unsigned most_pages = 1024; /* of one ring in a row */

std::uint64_t now_of(clockid_t clock)
{
	timespec now{};

	clock_gettime(clock, &now);
	return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u +
	       static_cast<std::uint64_t>(now.tv_nsec);
}

/* A killed `edu trace` could not remove its instance; whose process is gone, nobody reads. */
void remove_orphans(const fs::path &tracing)
{
	std::error_code ignored;

	for (const auto &entry : fs::directory_iterator(tracing / "instances", ignored)) {
		std::string name = entry.path().filename();

		if (name.starts_with("edu-") && name.size() > 4 &&
		    name.find_first_not_of("0123456789", 4) == name.npos &&
		    !fs::exists("/proc/" + name.substr(4), ignored))
			rmdir(entry.path().c_str());
	}
}

fs::path tracing_place()
{
	for (fs::path place : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
		if (access((place / "instances").c_str(), R_OK | W_OK | X_OK) < 0)
			continue;
		if (access((place / "events" / event_system).c_str(), X_OK) < 0)
			refused("the module is not loaded: modprobe eduinet");
		return place;
	}
	if (geteuid() != 0)
		refused("to follow packets one must be root, or be let into /sys/kernel/tracing; a "
			"recording needs no privilege: `edu trace --read FILE`");
	refused("there is no tracefs: mount -t tracefs tracefs /sys/kernel/tracing");
}

std::string read_file(const fs::path &path)
{
	std::ifstream in(path, std::ios::binary);

	return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

std::string namespace_name(std::uint64_t inode)
{
	std::error_code ignored;
	struct stat about;

	for (const auto &entry : fs::directory_iterator("/run/netns", ignored))
		if (stat(entry.path().c_str(), &about) == 0 && about.st_ino == inode)
			return entry.path().filename();
	if (stat("/proc/1/ns/net", &about) == 0 && about.st_ino == inode)
		return "init";
	return "";
}

live_trace::live_trace(unsigned buffer_kib)
{
	try {
		start(buffer_kib);
	} catch (...) {
		clean_up();
		throw;
	}
}

live_trace::~live_trace()
{
	clean_up();
}

void live_trace::clean_up()
{
	if (!place_.empty())
		set("events/eduinet/enable", "0");
	for (const auto &ring : rings_)
		close(ring.fd);
	rings_.clear();
	if (!place_.empty())
		rmdir(place_.c_str());
	place_.clear();
	if (page_reader_)
		kbuffer_free(page_reader_);
	page_reader_ = nullptr;
	if (tep_)
		tep_free(tep_);
	tep_ = nullptr;
}

bool live_trace::set(const char *file, const std::string &value)
{
	std::ofstream out(place_ / file);

	out << value;
	out.close();
	return static_cast<bool>(out);
}

/* The module's events, as the kernel that runs describes them. */
void live_trace::read_formats(const fs::path &tracing)
{
	std::string header = read_file(tracing / "events/header_page");

	tep_ = tep_alloc();
	if (!tep_ || tep_parse_header_page(tep_, header.data(), header.size(), sizeof(long)) != 0)
		refused("{}/events/header_page is not understood", tracing.string());
	tep_set_long_size(tep_, sizeof(long));
	tep_set_page_size(tep_, static_cast<int>(sysconf(_SC_PAGESIZE)));
	for (const auto &entry : fs::directory_iterator(tracing / "events" / event_system)) {
		std::string format = read_file(entry.path() / "format");

		if (!format.empty() &&
		    tep_parse_event(tep_, format.data(), format.size(), event_system) != 0)
			refused("{}/format is not understood", entry.path().string());
	}
}

void live_trace::open_rings()
{
	for (const auto &entry : fs::directory_iterator(place_ / "per_cpu")) {
		int fd = open((entry.path() / "trace_pipe_raw").c_str(),
			      O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0)
			refused("cannot read {}: {}", entry.path().string(), std::strerror(errno));
		rings_.push_back({std::stoi(entry.path().filename().string().substr(3)), fd, 0});
		fds_.push_back(fd);
	}
	page_.resize(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
	page_reader_ = kbuffer_alloc(KBUFFER_LSIZE_SAME_AS_HOST, KBUFFER_ENDIAN_SAME_AS_HOST);
	if (rings_.empty() || !page_reader_)
		refused("{} has no rings", place_.string());
}

void live_trace::start(unsigned buffer_kib)
{
	fs::path tracing = tracing_place();

	remove_orphans(tracing);
	read_formats(tracing);
	fs::path place = tracing / "instances" / fmt::format("edu-{}", getpid());
	if (mkdir(place.c_str(), 0700) < 0)
		refused("cannot make {}: {}", place.string(), std::strerror(errno));
	place_ = place;
	/* CLOCK_MONOTONIC, which we can read too. Readers are to be woken by the first event. */
	if (!set("trace_clock", "mono"))
		refused("this kernel's tracer has no monotonic clock");
	set("buffer_percent", "0");
	if (!set("buffer_size_kb", std::to_string(buffer_kib)))
		refused("the kernel has no {} KiB of memory for each processor's events: ask for less "
			"(--buffer)",
			buffer_kib);
	open_rings();
	realtime_ = static_cast<std::int64_t>(now_of(CLOCK_REALTIME) - now_of(CLOCK_MONOTONIC));
	if (!set("events/eduinet/enable", "1"))
		refused("cannot switch the tracepoints on: {}", std::strerror(errno));
}

void live_trace::stop()
{
	set("events/eduinet/enable", "0");
	stopped_ = true;
}

std::vector<trace_event> live_trace::read()
{
	std::uint64_t complete = now_of(CLOCK_MONOTONIC);
	std::vector<trace_event> result;

	for (const auto &ring : rings_) {
		unsigned pages = 0;

		while (::read(ring.fd, page_.data(), page_.size()) > 0) {
			read_page(ring, page_.data());
			/* It fills as fast as it is read: the others want their turn. */
			if (++pages == most_pages && !stopped_) {
				if (!pending_.empty())
					complete = std::min(complete, pending_.back().when);
				break;
			}
		}
	}
	report_losses();
	std::stable_sort(pending_.begin(), pending_.end(),
			 [](const auto &a, const auto &b) { return a.when < b.when; });
	auto end = pending_.begin();
	while (end != pending_.end() && (stopped_ || end->when < complete))
		report_host(result, *end++);
	pending_.erase(pending_.begin(), end);
	return result;
}

void live_trace::read_page(const cpu_ring &ring, void *page)
{
	unsigned long long when;

	kbuffer_load_subbuffer(page_reader_, page);
	while (void *data = kbuffer_read_event(page_reader_, &when)) {
		decode(ring.number, data, kbuffer_event_size(page_reader_), when);
		kbuffer_next_event(page_reader_, nullptr);
	}
}

void live_trace::decode(int cpu, void *data, int size, std::uint64_t when)
{
	tep_record raw{};
	trace_event event;

	raw.data = data;
	raw.size = size;
	raw.ts = when;
	raw.cpu = cpu;
	tep_event *format = tep_find_event_by_record(tep_, &raw);
	if (!format || std::strcmp(format->system, event_system) != 0)
		return;
	event.when = when;
	event.cpu = cpu;
	event.thread = tep_data_pid(tep_, &raw);
	event.name = format->name;
	event.fields = record::object();
	for (auto *field = format->format.fields; field; field = field->next)
		event.fields[field->name] =
			value_of(*field, static_cast<const std::uint8_t *>(data), size);
	pending_.push_back(std::move(event));
}

record live_trace::value_of(const tep_format_field &field, const std::uint8_t *data, int size)
{
	int at = field.offset, length = field.size;
	unsigned long long number;

	if (at < 0 || length < 0 || at + length > size)
		return nullptr;
	if (field.flags & TEP_FIELD_IS_DYNAMIC) {
		/* The field itself says where: offset in the low, length in the high 16 bits. */
		if (tep_read_number_field(const_cast<tep_format_field *>(&field), data, &number))
			return nullptr;
		at = static_cast<int>(number & 0xffff);
		length = static_cast<int>(number >> 16);
		if (at + length > size)
			return nullptr;
	}
	/* To libtraceevent every array of octets is a string; here only one of characters is. */
	if (field.flags & TEP_FIELD_IS_STRING && std::strstr(field.type, "char")) {
		auto *text = reinterpret_cast<const char *>(data + at);

		return std::string(text, strnlen(text, static_cast<std::size_t>(length)));
	}
	if (field.flags & TEP_FIELD_IS_ARRAY)
		return to_hex({data + at, data + at + length});
	if (tep_read_number_field(const_cast<tep_format_field *>(&field), data, &number))
		return nullptr;
	if (field.flags & TEP_FIELD_IS_POINTER) {
		if (!number)
			return 0;
		return places_.emplace(number, static_cast<int>(places_.size()) + 1).first->second;
	}
	if (field.flags & TEP_FIELD_IS_SIGNED) {
		if (length == 4)
			return static_cast<std::int32_t>(number);
		return static_cast<std::int64_t>(number);
	}
	return static_cast<std::uint64_t>(number);
}

std::uint64_t events_lost(const std::string &stats)
{
	std::istringstream in(stats);
	std::uint64_t lost = 0;

	for (std::string line; std::getline(in, line);)
		for (const char *what : {"overrun: ", "commit overrun: ", "dropped events: "})
			if (line.starts_with(what))
				lost += std::stoull(line.substr(std::strlen(what)));
	return lost;
}

void live_trace::report_losses()
{
	for (auto &ring : rings_) {
		const std::uint64_t lost = events_lost(
			read_file(place_ / fmt::format("per_cpu/cpu{}/stats", ring.number)));

		if (lost <= ring.lost)
			continue;
		trace_event event;
		event.when = now_of(CLOCK_MONOTONIC) - 1;
		event.cpu = ring.number;
		event.name = event_lost;
		event.fields = {{"cpu", ring.number}, {"count", lost - ring.lost}};
		ring.lost = lost;
		pending_.push_back(std::move(event));
	}
}

void live_trace::report_host(std::vector<trace_event> &into, const trace_event &event)
{
	std::int64_t netns = event.number("netns");

	if (netns && hosts_.insert(netns).second) {
		trace_event host;

		host.when = event.when;
		host.cpu = event.cpu;
		host.name = event_host;
		host.fields = {{"netns", netns},
			       {"name", namespace_name(static_cast<std::uint64_t>(netns))}};
		into.push_back(std::move(host));
	}
	into.push_back(event);
}

} // namespace edu
