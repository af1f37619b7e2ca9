// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that a wrapped program starts are wrapped as well, also when it gives them an environment
 * of its own: LD_PRELOAD and our settings are put into it.
 *
 * The calls that use the program's own environment (execv, system, popen, …) need no help unless the
 * program has cleared it.
 *
 * Locking: none. A child of vfork() may be here, so nothing is allocated but on the stack.
 */
#include "memory.hh"
#include "real.hh"

#include <cstdlib>
#include <cstring>

using namespace edu::wrap;

namespace {

constexpr char preload[] = "LD_PRELOAD";

/* "NAME=VALUE" of that name in the environment, or null. */
char *find(char *const *environment, const char *name)
{
	std::size_t length = std::strlen(name);

	for (; environment && *environment; environment++)
		if (!std::strncmp(*environment, name, length) && (*environment)[length] == '=')
			return *environment;
	return nullptr;
}

/* What was there when the library was loaded; the program may have changed its environment since. */
char kept_preload[4096], kept_settings[4096];

[[gnu::constructor]] void keep()
{
	for (auto [name, into] :
	     {std::pair{preload, kept_preload}, {settings_variable, kept_settings}})
		if (const char *found = find(environ, name); found && std::strlen(found) < 4096)
			std::strcpy(into, found);
}

/* An environment with more entries than this is left as it is: the stack has its limits. */
constexpr std::size_t most_entries = 4096;

/* More than most_entries also when it leads nowhere: the kernel is to say so. */
std::size_t count(char *const *environment)
{
	std::size_t n = 0;

	if (!environment)
		return 0;
	while (readable(&environment[n]) && environment[n]) {
		if (n++ == most_entries || !readable(environment[n - 1]))
			return most_entries + 1;
	}
	return readable(&environment[n]) ? n : most_entries + 1;
}

bool is_complete(char *const *environment)
{
	return !kept_preload[0] ||
	       (find(environment, preload) && find(environment, settings_variable));
}

/* The environment with what is missing, in `into`, which has room for two more and the end. */
char *const *complete(char *const *environment, char **into)
{
	std::size_t n = 0;

	for (char *const *one = environment; one && *one; one++)
		into[n++] = *one;
	if (!find(environment, preload))
		into[n++] = kept_preload;
	if (!find(environment, settings_variable) && kept_settings[0])
		into[n++] = kept_settings;
	into[n] = nullptr;
	return into;
}

} // namespace

/* Calls `function` with `environment` made complete; a macro, for alloca() must be the caller's. */
#define EDU_WITH(environment, call)                                                                \
	do {                                                                                       \
		start();                                                                           \
		std::size_t entries = count(environment);                                          \
		if (entries <= most_entries && !is_complete(environment))                          \
			environment = const_cast<char **>(                                         \
				complete(environment, static_cast<char **>(__builtin_alloca(       \
							      (entries + 3) * sizeof(char *)))));  \
		return call;                                                                       \
	} while (0)

EDU_EXPORT int execve(const char *path, char *const arguments[], char *const environment[]) noexcept
{
	EDU_WITH(environment, real::execve(path, arguments, environment));
}

EDU_EXPORT int execvpe(const char *file, char *const arguments[],
		       char *const environment[]) noexcept
{
	EDU_WITH(environment, real::execvpe(file, arguments, environment));
}

EDU_EXPORT int fexecve(int fd, char *const arguments[], char *const environment[]) noexcept
{
	EDU_WITH(environment, real::fexecve(fd, arguments, environment));
}

EDU_EXPORT int execveat(int fd, const char *path, char *const arguments[],
			char *const environment[], int flags) noexcept
{
	EDU_WITH(environment, real::execveat(fd, path, arguments, environment, flags));
}

EDU_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			   const posix_spawnattr_t *attributes, char *const arguments[],
			   char *const environment[])
{
	EDU_WITH(environment,
		 real::posix_spawn(pid, path, actions, attributes, arguments, environment));
}

EDU_EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attributes, char *const arguments[],
			    char *const environment[])
{
	EDU_WITH(environment,
		 real::posix_spawnp(pid, file, actions, attributes, arguments, environment));
}
