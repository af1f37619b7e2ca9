// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu trace`: packets followed through the layers, as they go or from a recording (TLK "Networks" as a
 * whole; SKB-1, SKB-2, LAYER-1, ROUTE-8, ARP-4).
 *
 *   tracepoints -> live_trace --+-> recording_writer
 *   recording -> recording_reader -> follower -> trace_filter -> text, JSON, pcapng, page
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "interrupt.hh"
#include "options.hh"
#include "trace_file.hh"
#include "trace_filter.hh"
#include "trace_live.hh"
#include "trace_page.hh"
#include "trace_pcapng.hh"
#include "trace_text.hh"

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <tuple>

namespace edu {

namespace {

struct trace_options {
	std::string record_file, read_file, page_file, pcapng_file;
	bool text = false, json = false, here = false;
	std::string colour = "auto";
	std::vector<std::string> addresses, ports, protocols;
	std::vector<std::int64_t> inodes, processes;
	std::uint64_t count = 0;    /* steps to show, 0: no end */
	double seconds = 0;	    /* to trace, 0: no end */
	unsigned buffer_kib = 4096; /* of each processor */
	std::vector<std::string> program;
};

trace_wishes wishes_of(const trace_options &o)
{
	trace_wishes wishes;
	struct stat about;

	for (const auto &text : o.addresses)
		wishes.addresses.push_back(parse_prefix(text));
	for (const auto &text : o.ports)
		wishes.ports.push_back(parse_port(text, "tcp"));
	for (const auto &text : o.protocols)
		wish_protocol(wishes, text);
	wishes.inodes.insert(o.inodes.begin(), o.inodes.end());
	wishes.processes.insert(o.processes.begin(), o.processes.end());
	/* Of a recording's process there is nothing to see any more. */
	if (o.read_file.empty())
		for (std::int64_t process : o.processes)
			wishes.inodes.merge(sockets_of(process));
	if (o.here && stat("/proc/self/ns/net", &about) == 0)
		wishes.netns = static_cast<std::int64_t>(about.st_ino);
	return wishes;
}

bool wants_colour(const trace_options &o)
{
	if (o.colour == "auto")
		return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	return o.colour == "always";
}

/* A file by its device and number; one that is not there yet by those of its directory, and its name. */
using file_identity = std::tuple<dev_t, ino_t, std::string>;

/* Nothing for what is no file, as /dev/null, and where none can be. */
std::optional<file_identity> identity_of(const std::string &path)
{
	constexpr int most_links = 40;
	std::filesystem::path there(path);
	std::error_code ignored;
	struct stat about;

	if (stat(path.c_str(), &about) == 0) {
		if (!S_ISREG(about.st_mode))
			return std::nullopt;
		return file_identity(about.st_dev, about.st_ino, "");
	}
	/* A link may lead to where the file will be. */
	for (int i = 0; i < most_links && std::filesystem::is_symlink(there, ignored); i++)
		there = there.parent_path() / std::filesystem::read_symlink(there, ignored);
	std::filesystem::path directory = there.has_parent_path() ? there.parent_path() : ".";
	if (stat(directory.c_str(), &about) < 0)
		return std::nullopt;
	return file_identity(about.st_dev, about.st_ino, there.filename().string());
}

/* Opening an output empties it: by then it must be known that no other option means the same file. */
void require_different_files(const trace_options &o)
{
	const std::pair<const char *, const std::string &> files[] = {{"--read", o.read_file},
								      {"--record", o.record_file},
								      {"--html", o.page_file},
								      {"--pcapng", o.pcapng_file}};
	std::vector<std::pair<const char *, file_identity>> known;

	for (const auto &[option, path] : files) {
		auto identity = path.empty() ? std::nullopt : identity_of(path);

		if (!identity)
			continue;
		for (const auto &[other, before] : known)
			if (before == *identity)
				usage_error("{} and {} name the same file, {}", other, option,
					    path);
		known.emplace_back(option, *identity);
	}
}

/* A file that is to be written in the end: whether it can be is found out before the trace. */
std::ofstream open_output(const std::string &path)
{
	std::ofstream out;

	if (path.empty())
		return out;
	out.open(path, std::ios::binary | std::ios::trunc);
	if (!out)
		refused("cannot write {}: {}", path, std::strerror(errno));
	return out;
}

void close_output(std::ofstream &out, const std::string &path)
{
	out.close();
	if (!out)
		refused("{} could not be written completely", path);
}

/* Where the events go. */
class outputs {
public:
	outputs(const trace_options &o, std::int64_t realtime)
		: options_(o),
		  realtime_(realtime),
		  text_(wants_colour(o)),
		  pcapng_(realtime),
		  page_(realtime),
		  page_file_(open_output(o.page_file)),
		  pcapng_file_(open_output(o.pcapng_file)),
		  filter_(wishes_of(o), [this](const trace_step &step) { show(step); })
	{
		if (!o.record_file.empty())
			recording_.emplace(o.record_file, realtime);
		bool other = !o.page_file.empty() || !o.pcapng_file.empty() ||
			     !o.record_file.empty();
		to_terminal_ = o.text || o.json || !other;
	}

	void take(const trace_event &event)
	{
		if (recording_)
			recording_->write(event);
		filter_.take(follower_.follow(event));
	}

	bool is_full() const { return options_.count && shown_ >= options_.count; }

	/* Writes what is written in the end. */
	void finish()
	{
		if (recording_)
			recording_->finish();
		if (!options_.pcapng_file.empty()) {
			pcapng_.write(pcapng_file_);
			close_output(pcapng_file_, options_.pcapng_file);
		}
		if (!options_.page_file.empty()) {
			page_.write(page_file_, follower_);
			close_output(page_file_, options_.page_file);
		}
		std::cout.flush();
		if (page_.left_out())
			std::cerr << fmt::format("edu: the page has no room for the last {} steps: "
						 "choose some by a filter, or --count\n",
						 page_.left_out());
		if (follower_.lost())
			std::cerr << fmt::format(
				"edu: {} events were lost, the kernel's rings were full: "
				"--buffer KIB makes them larger\n",
				follower_.lost());
	}

private:
	void show(const trace_step &step)
	{
		std::string host = follower_.host_name_of(step.netns);

		if (is_full())
			return;
		shown_ += std::strcmp(step.kind, "host") != 0;
		if (!options_.pcapng_file.empty())
			pcapng_.take(step, host);
		if (!options_.page_file.empty())
			page_.take(step, host);
		if (!to_terminal_)
			return;
		if (options_.json)
			std::cout << step_record(step, realtime_, host)
					     .dump(-1, ' ', false, record::error_handler_t::replace)
				  << "\n";
		else
			std::cout << text_.tell(step, host);
	}

	const trace_options &options_;
	std::int64_t realtime_;
	std::optional<recording_writer> recording_;
	follower follower_;
	trace_text text_;
	pcapng_writer pcapng_;
	page_writer page_;
	std::ofstream page_file_, pcapng_file_;
	bool to_terminal_;
	std::uint64_t shown_ = 0; /* steps */
	trace_filter filter_;
};

/* `edu trace … -- PROGRAM`: runs beside the trace, which ends with it. */
class traced_program {
public:
	explicit traced_program(const std::vector<std::string> &words)
	{
		std::vector<char *> argv;

		if (words.empty())
			return;
		for (const auto &word : words)
			argv.push_back(const_cast<char *>(word.c_str()));
		argv.push_back(nullptr);
		std::cout.flush();
		pid_ = fork();
		if (pid_ < 0)
			refused("cannot start {}: {}", words[0], std::strerror(errno));
		if (pid_ == 0) {
			sigset_t none;

			signal(SIGPIPE, SIG_DFL);
			sigemptyset(&none);
			sigprocmask(SIG_SETMASK, &none, nullptr);
			execvp(argv[0], argv.data());
			dprintf(STDERR_FILENO, "edu: cannot run %s: %s\n", argv[0],
				std::strerror(errno));
			_exit(127);
		}
	}

	/* Has it ended? False when there is none. */
	bool is_over()
	{
		int status;

		if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
			pid_ = 0;
			over_ = true;
			status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
		return over_;
	}

	int status() const
	{
		return status_;
	} /* as a shell would say it; 0: none, or still running */

private:
	pid_t pid_ = 0;
	bool over_ = false;
	int status_ = 0;
};

/* Lets events through until somebody wants an end. */
int follow_live(const trace_options &o)
{
	using clock = std::chrono::steady_clock;
	interrupt stop;
	signal(SIGPIPE,
	       SIG_IGN); /* whoever reads may go: the tracer's instance has to be removed */
	live_trace live(o.buffer_kib);
	outputs out(o, live.realtime());
	traced_program program(o.program);
	std::vector<pollfd> watched = {{stop.fd(), POLLIN, 0}};
	auto end = clock::now() + std::chrono::duration<double>(o.seconds);
	constexpr int period = 50; /* ms: also how long an event may wait to be put in order */

	for (int fd : live.fds())
		watched.push_back({fd, POLLIN, 0});
	std::cerr << "edu: following packets" << (o.program.empty() ? ", Ctrl-C ends it\n" : "\n");
	for (bool over = false; !over;) {
		if (poll(watched.data(), watched.size(), period) < 0 && errno != EINTR)
			refused("cannot wait for events: {}", std::strerror(errno));
		over = watched[0].revents || program.is_over() || out.is_full() ||
		       (o.seconds > 0 && clock::now() >= end) || !std::cout;
		if (over)
			live.stop();
		for (const auto &event : live.read())
			out.take(event);
		std::cout.flush();
	}
	out.finish();
	return program.status();
}

int follow_recording(const trace_options &o)
{
	std::ifstream in(o.read_file, std::ios::binary);
	if (!in)
		refused("cannot read {}: {}", o.read_file, std::strerror(errno));
	recording_reader reader(in, o.read_file);
	outputs out(o, reader.realtime());
	trace_event event;

	try {
		while (!out.is_full() && reader.next(event))
			out.take(event);
	} catch (const failure &) {
		out.finish(); /* what was whole is worth having */
		throw;
	}
	out.finish();
	return exit_ok;
}

void add_options(CLI::App &app, trace_options &o)
{
	app.add_option("--record", o.record_file, "keep the events in FILE")->type_name("FILE");
	app.add_option("--read", o.read_file, "follow the events of that recording")
		->type_name("FILE");
	app.add_option("--html", o.page_file, "write a page to look at")->type_name("FILE");
	app.add_option("--pcapng", o.pcapng_file, "write the frames for Wireshark, with comments")
		->type_name("FILE");
	app.add_flag("--text", o.text, "text beside the files, too");
	app.add_flag("-j,--json", o.json, "JSON, an object a line");
	app.add_option("--color,--colour", o.colour, "auto, always or never")
		->check(CLI::IsMember({"auto", "always", "never"}, CLI::ignore_case));
	app.add_option("-a,--address", o.addresses, "only packets from or to PREFIX")
		->type_name("PREFIX")
		->allow_extra_args(false);
	app.add_option("-P,--port", o.ports, "only packets from or to this port")
		->type_name("PORT")
		->allow_extra_args(false);
	app.add_option("--protocol", o.protocols, "only arp, icmp, igmp, tcp, udp or a number")
		->type_name("NAME")
		->allow_extra_args(false);
	app.add_option("--inode", o.inodes, "only packets of the socket with this number")
		->type_name("N")
		->allow_extra_args(false);
	app.add_option("--pid", o.processes, "only packets of this process's sockets")
		->type_name("PID")
		->allow_extra_args(false);
	app.add_flag("--here", o.here,
		     "only this network namespace, not every host of the machine");
	app.add_option("-c,--count", o.count, "stop after so many steps")
		->check(between(1, 1L << 40));
	app.add_option("--time", o.seconds, "stop after so many seconds")->check(seconds());
	app.add_option("--buffer", o.buffer_kib, "KiB for the events of each processor (4096)")
		->check(between(4, 1 << 22));
	app.add_option("PROGRAM", o.program, "run this meanwhile, and stop when it ends");
}

} // namespace

int run_trace(context &ctx, words &in)
{
	CLI::App app("follow packets through the layers", "edu trace");
	trace_options o;

	add_options(app, o);
	app.positionals_at_end();
	if (auto status = parse_options(app, in))
		return *status;
	o.json |= ctx.json;
	if (!o.read_file.empty() && (!o.program.empty() || o.seconds > 0))
		usage_error("a recording (--read) has no program and takes no time");
	require_different_files(o);
	return o.read_file.empty() ? follow_live(o) : follow_recording(o);
}

} // namespace edu
