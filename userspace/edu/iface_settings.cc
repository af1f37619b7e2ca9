// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of interfaces, see iface_settings.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "iface_settings.hh"

#include "args.hh"
#include "failure.hh"

#include <edu/iface_tunables.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace edu {

namespace {

const struct {
	const char *name;
	unsigned long most;
} settings[] = {
#define EDU_SETTING(name, value, least, most, rule, text) {#name, most},
	EDU_IFACE_TUNABLES(EDU_SETTING)
#undef EDU_SETTING
};

std::string folder_of(const std::string &device)
{
	/* As sysctl(8) has it, a dot in a device's name stays: the file is opened by path. */
	return "/proc/sys/net/eduinet/conf/" + device;
}

[[noreturn]] void no_folder(const std::string &device)
{
	if (access("/proc/sys/net/eduinet/conf", X_OK) < 0)
		refused("there is no /proc/sys/net/eduinet/conf: load the module (modprobe eduinet), "
			"or a newer one");
	refused("{0} has no settings, for EDUINET is not attached to it: give it an address first (`edu "
		"addr add ADDRESS/LENGTH dev {0}`), or set what interfaces start with (`edu link set "
		"default …`)",
		device);
}

} // namespace

bool is_settings_folder(const std::string &device)
{
	return device == "all" || device == "default";
}

unsigned long parse_setting(const char *name, unsigned long least, unsigned long most,
			    const std::string &value)
{
	if (value == "on" && least <= 1)
		return 1;
	if (value == "off" && !least)
		return 0;
	if (most == 1 && value != "0" && value != "1")
		return parse_switch(value, name);
	return parse_number(value, name, least, most);
}

void write_setting(const std::string &device, const std::string &name, unsigned long value)
{
	std::string path = folder_of(device) + "/" + name, text = std::to_string(value) + "\n";
	int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		no_folder(device);
	ssize_t written = fd < 0 ? -1 : write(fd, text.data(), text.size());
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (written < 0)
		refused("cannot set {} of {}: {}", name, device,
			error == EACCES || error == EPERM ?
				"this needs CAP_NET_ADMIN in the namespace: try as root" :
				std::strerror(error));
}

record read_settings(const std::string &device)
{
	record found = record::object();

	for (const auto &setting : settings) {
		std::ifstream file(folder_of(device) + "/" + setting.name);
		unsigned long value;

		if (file >> value)
			found[setting.name] = value;
	}
	return found;
}

std::string settings_text(const record &found)
{
	std::string text, line = "   ";

	for (const auto &setting : settings) {
		if (!found.contains(setting.name))
			continue;
		auto value = found[setting.name].get<unsigned long>();
		std::string word = fmt::format(" {} {}", setting.name,
					       setting.most > 1 ? std::to_string(value) :
					       value		? "on" :
								  "off");

		if (line.size() + word.size() > 100) {
			text += line + "\n";
			line = "   ";
		}
		line += word;
	}
	return found.empty() ? "" : text + line + "\n";
}

} // namespace edu
