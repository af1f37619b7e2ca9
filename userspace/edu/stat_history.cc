// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `edu stat -d` remembers: a file for each user and network namespace, in XDG_RUNTIME_DIR or, as
 * nstat(8) does, in /tmp, where it must be the user's own and no link.
 *
 * Locking: none, the tool has one thread. Two runs at a time may take the same values for the last
 * ones; the file is replaced as a whole.
 */
#include "stat.hh"

#include "failure.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace edu {

namespace {

std::string history_path()
{
	const char *folder = std::getenv("XDG_RUNTIME_DIR");
	struct stat network_namespace {};

	stat("/proc/self/ns/net", &network_namespace);
	return fmt::format("{}/.edu-stat.u{}.n{}", folder && *folder ? folder : "/tmp", getuid(),
			   network_namespace.st_ino);
}

} // namespace

std::vector<counter> recall_counters()
{
	int fd = open(history_path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat about {};
	std::vector<counter> found;
	std::string text;
	char piece[4096];
	ssize_t got;

	if (fd < 0)
		return found;
	if (fstat(fd, &about) == 0 && about.st_uid == getuid() && S_ISREG(about.st_mode))
		while ((got = read(fd, piece, sizeof(piece))) > 0)
			text.append(piece, static_cast<std::size_t>(got));
	close(fd);
	std::istringstream in(text);
	for (counter item; in >> item.name >> item.value;)
		found.push_back(item);
	return found;
}

void remember_counters(const std::vector<counter> &counters)
{
	std::string path = history_path(), fresh = path + ".XXXXXX", text;
	int fd = mkostemp(fresh.data(), O_CLOEXEC);

	for (const auto &item : counters)
		text += fmt::format("{} {}\n", item.name, item.value);
	bool written = fd >= 0 &&
		       write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (!written || rename(fresh.c_str(), path.c_str()) < 0) {
		if (written)
			error = errno;
		if (fd >= 0)
			unlink(fresh.c_str());
		refused("cannot remember the counters in {}: {}", path, std::strerror(error));
	}
}

} // namespace edu
