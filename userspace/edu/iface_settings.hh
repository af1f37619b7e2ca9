/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The settings of an interface, /proc/sys/net/eduinet/conf/DEVICE/NAME, as include/edu/iface_tunables.h
 * lists them. conf/default is what an interface starts with, conf/all goes for all of them.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_IFACE_SETTINGS_HH
#define EDU_IFACE_SETTINGS_HH

#include "output.hh"

#include <string>

namespace edu {

/* "on", "off" or a number from `least` to `most`, else a usage error that names the setting. */
unsigned long parse_setting(const char *name, unsigned long least, unsigned long most,
			    const std::string &value);

/* A failure that says what to do when the device is not attached to EDUINET. */
void write_setting(const std::string &device, const std::string &name, unsigned long value);

/* {"forwarding": 0, …}; an empty object when the device is not attached. */
record read_settings(const std::string &device);

/* Lines that end with a newline, indented by four blanks: "    forwarding off rp_filter 0 …\n". */
std::string settings_text(const record &settings);

/* Folders that belong to no device: "all" and "default". */
bool is_settings_folder(const std::string &device);

} // namespace edu

#endif /* EDU_IFACE_SETTINGS_HH */
