// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu run`: starts a program whose AF_INET sockets are EDUINET's. The work is done by the preload
 * library in userspace/wrap; this finds it, checks that it can be loaded into the program, and
 * writes its settings into the environment.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "options.hh"

#include "../wrap/rules.hh"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace edu {

namespace {

/* What env(1) and its like return. */
constexpr auto exit_not_found = static_cast<exit_status>(127);
constexpr auto exit_not_executable = static_cast<exit_status>(126);

struct run_options {
	std::vector<std::string> only, except;
	bool linux_inet6 = false;	  /* -6 */
	std::vector<std::string> program; /* and its arguments */
};

/* The words that the library reads. */
std::string settings_text(const run_options &options, int family)
{
	wrap::settings checked;
	std::string text = fmt::format("family={}", family);

	auto add = [&](const char *key, const std::string &value, const char *meaning) {
		std::string word = fmt::format("{}={}", key, value);

		if (value.find(' ') != value.npos || !wrap::take_word(checked, word))
			usage_error("--{} {}: {}", key, value, meaning);
		text += " " + word;
	};
	for (const auto &value : options.only)
		add("only", value, "stream, dgram, raw, packet, and one of server and client");
	for (const auto &value : options.except)
		add("except", value,
		    "PORT, PORT/tcp, PORT/udp, ADDRESS or ADDRESS/LENGTH, 32 of them at most");
	if (options.linux_inet6)
		text += " inet6=linux";
	return text;
}

/* The library beside the tool: lib/ and bin/ or sbin/ have one parent. */
std::string library_path()
{
	namespace fs = std::filesystem;
	std::error_code error;
	fs::path self = fs::read_symlink("/proc/self/exe", error);
	fs::path library = self.parent_path().parent_path() / "lib" / "libeduinet-wrap.so";

	if (error || access(library.c_str(), R_OK) < 0)
		refused("cannot read {}: `make userspace` builds it, `make install` installs it",
			library.string());
	/* The loader takes these for separators. */
	if (library.string().find_first_of(" :") != std::string::npos)
		refused("the path {} must not have a blank or a colon in it", library.string());
	return library;
}

/* Where the shell would find it. */
std::string find_program(const std::string &name)
{
	if (name.find('/') != name.npos) {
		if (access(name.c_str(), F_OK) < 0)
			throw failure(exit_not_found, fmt::format("no program {}", name));
		if (access(name.c_str(), X_OK) < 0)
			throw failure(exit_not_executable,
				      fmt::format("{} is not executable", name));
		return name;
	}
	const char *path = std::getenv("PATH");
	std::istringstream folders(path ? path : "/usr/local/bin:/usr/bin:/bin");
	std::string folder;
	bool there = false;

	while (std::getline(folders, folder, ':')) {
		std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
		struct stat status {};

		if (stat(candidate.c_str(), &status) < 0 || !S_ISREG(status.st_mode))
			continue;
		there = true;
		if (access(candidate.c_str(), X_OK) == 0)
			return candidate;
	}
	if (there)
		throw failure(exit_not_executable, fmt::format("{} is not executable", name));
	throw failure(exit_not_found, fmt::format("no program {} on the PATH", name));
}

/* The kernel tells the loader of such a program not to trust its environment. */
void refuse_privileged(const std::string &path)
{
	struct stat status {};

	if (stat(path.c_str(), &status) < 0)
		return;
	bool user = (status.st_mode & S_ISUID) && status.st_uid != geteuid();
	bool group = (status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) &&
		     status.st_gid != getegid();
	bool capable = geteuid() != 0 &&
		       getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
	if (user || group || capable)
		refused("{} runs with privileges of its own ({}): no library can be loaded into it; "
			"as root it can be run",
			path,
			user  ? "set-user-ID" :
			group ? "set-group-ID" :
				"file capabilities");
}

/* Reads one structure of the file at an offset; false when the file ends before. */
template <class structure>
bool read_at(std::ifstream &file, std::uint64_t at, structure &into)
{
	file.seekg(static_cast<std::streamoff>(at));
	file.read(reinterpret_cast<char *>(&into), sizeof(into));
	return file.good();
}

/* A program of another architecture starts, but not with our library. */
void refuse_other_machine(const std::string &path, const Elf64_Ehdr &header)
{
	std::ifstream self("/proc/self/exe", std::ios::binary);
	Elf64_Ehdr ours{};

	if (read_at(self, 0, ours) && (header.e_ident[EI_CLASS] != ours.e_ident[EI_CLASS] ||
				       header.e_machine != ours.e_machine))
		refused("{} is a program for another kind of processor than edu: its library cannot "
			"be loaded into it",
			path);
}

void refuse_static(const std::string &path, std::ifstream &file, const Elf64_Ehdr &header)
{
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment{};

		if (!read_at(file, header.e_phoff + std::uint64_t{i} * header.e_phentsize, segment))
			break;
		if (segment.p_type == PT_INTERP)
			return;
	}
	refused("{} is linked statically: no library can be loaded into it", path);
}

/* The interpreter that a script's first line names, or "". */
std::string interpreter(std::ifstream &file)
{
	std::string line;

	file.clear();
	file.seekg(0);
	std::getline(file, line);
	if (!line.starts_with("#!"))
		return "";
	auto begin = line.find_first_not_of(" \t", 2);
	if (begin == line.npos)
		return "";
	return line.substr(begin, line.find_first_of(" \t\r", begin) - begin);
}

/* Refuses programs that would run on Linux's stack without a word. */
void check_program(const std::string &path, int depth = 0)
{
	std::ifstream file(path, std::ios::binary);
	Elf64_Ehdr header{};

	refuse_privileged(path);
	if (!file)
		return; /* may be executed but not read; exec will say if it cannot */
	if (read_at(file, 0, header) && !std::memcmp(header.e_ident, ELFMAG, SELFMAG)) {
		refuse_other_machine(path, header);
		refuse_static(path, file, header);
		return;
	}
	std::string script = interpreter(file);
	if (!script.empty() && depth < 4) /* the kernel goes no deeper */
		check_program(script, depth + 1);
}

void set_environment(const std::string &library, const std::string &settings)
{
	const char *others = std::getenv("LD_PRELOAD");
	std::string preload = library;

	if (others && *others)
		preload += std::string(":") + others;
	setenv("LD_PRELOAD", preload.c_str(), 1);
	setenv(wrap::settings_variable, settings.c_str(), 1);
}

[[noreturn]] void execute(const std::string &path, const std::vector<std::string> &words)
{
	std::vector<char *> arguments;

	for (const auto &word : words)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);
	execv(path.c_str(), arguments.data());
	if (errno == ENOEXEC) { /* a script without a first line: the shell's */
		arguments[0] = const_cast<char *>(path.c_str());
		arguments.insert(arguments.begin(), const_cast<char *>("sh"));
		execv("/bin/sh", arguments.data());
	}
	throw failure(errno == ENOENT ? exit_not_found : exit_not_executable,
		      fmt::format("cannot execute {}: {}", path, std::strerror(errno)));
}

} // namespace

int run_run(context &ctx, words &in)
{
	CLI::App app(
		"start a program whose AF_INET sockets are EDUINET's; status: the program's, 2: "
		"it cannot be done, 126 and 127: the program cannot be executed, or found",
		"edu run");
	run_options options;

	app.prefix_command();
	app.add_option(
		   "--only", options.only,
		   "sockets of this type (stream, dgram, raw, packet) or role (server, client); the "
		   "others stay on Linux; again for more types")
		->type_name("TYPE")
		->allow_extra_args(false)
		->delimiter(',');
	app.add_option("--except", options.except,
		       "a port (53, 53/udp), ours or the peer's, or an address (10.0.0.9, "
		       "10.0.0.0/24), whose sockets stay on Linux; again for more")
		->type_name("WHAT")
		->allow_extra_args(false)
		->delimiter(',');
	app.add_flag("-6,--inet6", options.linux_inet6,
		     "leave IPv6 to Linux; without it the host has no IPv6 address");
	if (auto status = parse_options(app, in))
		return *status;
	options.program = app.remaining();
	if (!options.program.empty() && options.program[0] == "--")
		options.program.erase(options.program.begin());
	if (options.program.empty())
		usage_error("no program to run: `edu run help` tells more");
	if (options.program[0].starts_with("-"))
		usage_error("the option {} is unknown: `edu run help` lists them",
			    options.program[0]);

	std::string settings = settings_text(options, ctx.family);
	ctx.require_family();
	std::string path = find_program(options.program[0]);
	check_program(path);
	set_environment(library_path(), settings);
	execute(path, options.program);
}

} // namespace edu
