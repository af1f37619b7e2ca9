// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's start: finds the C library's functions, reads the settings, makes the table of
 * descriptors, and has the C library ask us for the names of hosts. See real.hh.
 *
 * Locking: see real.hh.
 */
#include "real.hh"

#include "faces.hh"
#include "nss.hh"

#include <eduinet.h>

#include <dlfcn.h>
#include <pthread.h>

#include <cstdlib>

namespace edu::wrap {

namespace real {
#define EDU_POINTER(name) decltype(&::name) name;
EDU_WRAPPED(EDU_POINTER)
#undef EDU_POINTER
} // namespace real

settings rules;
std::atomic<bool> started;

namespace {

/* What the module's parameter says, for a program that was started without `edu run`. */
int module_family()
{
	char text[8] = "";
	int fd = open("/sys/module/eduinet/parameters/family", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return AF_EDUINET;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	close(fd);
	int family = length > 0 ? std::atoi(text) : 0;
	return family > 0 ? family : AF_EDUINET;
}

void start_now()
{
	errno_guard keep;

#define EDU_FIND(name) real::name = reinterpret_cast<decltype(&::name)>(dlsym(RTLD_NEXT, #name));
	EDU_WRAPPED(EDU_FIND)
#undef EDU_FIND
	const char *text = std::getenv(settings_variable);
	rules = read_settings(text ? text : "");
	if (!rules.family)
		rules.family = module_family();
	make_table();
	started.store(true, std::memory_order_release);
}

} // namespace

void start_once()
{
	[[gnu::tls_model("initial-exec")]] static thread_local bool inside;

	if (inside) /* dlsym() has called us, by an allocator of the program's own */
		return;
	inside = true;
	start_now();
	inside = false;
}

namespace {

[[gnu::constructor]] void begin()
{
	start();
	pthread_atfork(nullptr, nullptr, own_table); /* may allocate, so not in start() */
	answer_for_hosts();
}

} // namespace

} // namespace edu::wrap
