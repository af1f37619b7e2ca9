// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that a wrapped program starts are wrapped as well, also when it gives them an environment
 * of its own or has cleared its own: LD_PRELOAD and our settings are put into it. In a list of
 * libraries without ours, also an empty one, ours is put in front.
 *
 * Every function of the exec family has one in front: inside the C library they call each other where
 * nobody sees it. system() and popen() give the program's own environment to the shell; where something
 * is missing in it, the command begins by setting that.
 *
 * Locking: none. A child of vfork() may be here, so nothing is allocated but on the stack, except by
 * system() and popen().
 */
#include "memory.hh"
#include "real.hh"

#include <alloca.h>
#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

using namespace edu::wrap;

namespace {

constexpr char preload[] = "LD_PRELOAD";

/* "NAME=VALUE" of that name in the environment, or null; of several the last, as the loader does. */
char *find(char *const *environment, const char *name)
{
	std::size_t length = std::strlen(name);
	char *found = nullptr;

	for (; environment && *environment; environment++)
		if (!std::strncmp(*environment, name, length) && (*environment)[length] == '=')
			found = *environment;
	return found;
}

/* Of "LD_PRELOAD=VALUE" the value. */
const char *libraries(const char *entry)
{
	return entry + sizeof(preload);
}

std::string_view file_name(std::string_view path)
{
	std::size_t slash = path.rfind('/');

	if (slash != path.npos)
		path.remove_prefix(slash + 1);
	return path;
}

/* The library of that file name in the loader's list; empty: none. */
std::string_view find_library(std::string_view list, std::string_view name)
{
	while (!list.empty()) {
		std::size_t end = list.find_first_of(": ");
		std::string_view one(list.data(), end < list.size() ? end : list.size());

		if (file_name(one) == name)
			return one;
		list.remove_prefix(end < list.size() ? end + 1 : list.size());
	}
	return {};
}

/* What was there when the library was loaded; the program may have changed its environment since. */
char kept_preload[4096], kept_settings[4096];

/* Our library as kept_preload names it. Empty: it came another way, and children get it that way. */
std::string_view ours;

[[gnu::constructor]] void keep()
{
	Dl_info self;

	for (auto [name, into] :
	     {std::pair{preload, kept_preload}, {settings_variable, kept_settings}})
		if (const char *found = find(environ, name); found && std::strlen(found) < 4096)
			std::strcpy(into, found);
	if (kept_preload[0] && dladdr(reinterpret_cast<void *>(&keep), &self) && self.dli_fname)
		ours = find_library(libraries(kept_preload), file_name(self.dli_fname));
}

/* An environment with more entries than this, or with a longer list of libraries, is left as it is: the
 * stack has its limits. */
constexpr std::size_t most_entries = 4096, most_text = 32768;

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

/* The environment has no LD_PRELOAD, or one without our library. */
bool lacks_library(const char *entry)
{
	return !entry || find_library(libraries(entry), file_name(ours)).empty();
}

bool is_complete(char *const *environment)
{
	return ours.empty() || (!lacks_library(find(environment, preload)) &&
				(find(environment, settings_variable) || !kept_settings[0]));
}

/* The room that make_entry() needs. */
std::size_t entry_size(const char *old)
{
	return old && lacks_library(old) ?
		       sizeof(preload) + ours.size() + 1 + std::strlen(libraries(old)) + 1 :
		       0;
}

/* The entry LD_PRELOAD with our library, for the environment's own or null; written into `room` when
 * it is a new one. */
char *make_entry(char *old, char *room)
{
	if (!old)
		return kept_preload;
	if (!lacks_library(old))
		return old;
	char *at = static_cast<char *>(mempcpy(room, old, sizeof(preload)));
	at = static_cast<char *>(mempcpy(at, ours.data(), ours.size()));
	if (*libraries(old))
		*at++ = ':';
	std::strcpy(at, libraries(old));
	return room;
}

/* The environment with what is missing, in `into`, which has room for two more and the end. */
char *const *complete(char *const *environment, char **into, char *text)
{
	char *old = find(environment, preload);
	char *entry = make_entry(old, text);
	std::size_t n = 0;

	for (char *const *one = environment; one && *one; one++)
		into[n++] = *one == old ? entry : *one;
	if (!old)
		into[n++] = entry;
	if (!find(environment, settings_variable) && kept_settings[0])
		into[n++] = kept_settings;
	into[n] = nullptr;
	return into;
}

/* Calls `use` with the environment made complete, on this function's stack. */
template <class function>
int with_environment(char *const *environment, function use)
{
	start();
	std::size_t entries = count(environment);
	if (entries > most_entries || is_complete(environment))
		return use(environment);
	std::size_t size = entry_size(find(environment, preload));
	if (size > most_text)
		return use(environment);
	auto **into = static_cast<char **>(alloca((entries + 3) * sizeof(char *)));
	return use(complete(environment, into, static_cast<char *>(alloca(size))));
}

int execute(const char *path, char *const *arguments, char *const *environment)
{
	return with_environment(environment, [&](char *const *whole) {
		return real::execve(path, arguments, whole);
	});
}

/* The same, looking for the file on the PATH. */
int find_and_execute(const char *file, char *const *arguments, char *const *environment)
{
	return with_environment(environment, [&](char *const *whole) {
		return real::execvpe(file, arguments, whole);
	});
}

/* Calls `use` with a list of arguments that lay on the stack one by one; `more` is behind its end then. */
template <class function>
int with_list(const char *first, va_list &more, function use)
{
	std::size_t n = 0;
	va_list counted;

	va_copy(counted, more);
	for (const char *one = first; one; one = va_arg(counted, const char *))
		n++;
	va_end(counted);
	auto **list = static_cast<char **>(alloca((n + 1) * sizeof(char *)));
	list[0] = const_cast<char *>(first);
	for (std::size_t i = 1; i <= n; i++)
		list[i] = va_arg(more, char *);
	return use(list);
}

/* Writes a text so that the shell reads it as one word; the room is four times its length and two. */
char *quote(char *at, const char *text)
{
	*at++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			at = static_cast<char *>(mempcpy(at, "'\\'", 3));
		*at++ = *text;
	}
	*at++ = '\'';
	return at;
}

/* One more variable, "NAME=VALUE", for the command that follows. */
char *export_variable(char *at, const char *entry)
{
	auto name = static_cast<std::size_t>(std::strchr(entry, '=') + 1 - entry);

	at = static_cast<char *>(mempcpy(at, "export ", 7));
	at = quote(static_cast<char *>(mempcpy(at, entry, name)), entry + name);
	return static_cast<char *>(mempcpy(at, "; ", 2));
}

/* A command for the shell behind what the environment lacks; to be freed. Null: it lacks nothing. */
char *complete_command(const char *command)
{
	constexpr std::size_t around = 16; /* export, quotes, and the end */

	if (!readable(command) || count(environ) > most_entries || is_complete(environ))
		return nullptr;
	char *old = find(environ, preload);
	std::size_t size = entry_size(old);
	if (size > most_text)
		return nullptr;
	const char *entry = make_entry(old, static_cast<char *>(alloca(size)));
	const char *settings = find(environ, settings_variable) ? "" : kept_settings;
	auto *text =
		static_cast<char *>(std::malloc(4 * (std::strlen(entry) + std::strlen(settings)) +
						2 * around + std::strlen(command)));
	if (!text)
		return nullptr;
	char *at = export_variable(text, entry);
	if (*settings)
		at = export_variable(at, settings);
	std::strcpy(at, command);
	return text;
}

} // namespace

EDU_EXPORT int execve(const char *path, char *const arguments[], char *const environment[]) noexcept
{
	return execute(path, arguments, environment);
}

EDU_EXPORT int execv(const char *path, char *const arguments[]) noexcept
{
	return execute(path, arguments, environ);
}

EDU_EXPORT int execvpe(const char *file, char *const arguments[],
		       char *const environment[]) noexcept
{
	return find_and_execute(file, arguments, environment);
}

EDU_EXPORT int execvp(const char *file, char *const arguments[]) noexcept
{
	return find_and_execute(file, arguments, environ);
}

EDU_EXPORT int execl(const char *path, const char *argument, ...) noexcept
{
	va_list more;

	va_start(more, argument);
	int result = with_list(argument, more,
			       [&](char **list) { return execute(path, list, environ); });
	va_end(more);
	return result;
}

EDU_EXPORT int execlp(const char *file, const char *argument, ...) noexcept
{
	va_list more;

	va_start(more, argument);
	int result = with_list(argument, more,
			       [&](char **list) { return find_and_execute(file, list, environ); });
	va_end(more);
	return result;
}

EDU_EXPORT int execle(const char *path, const char *argument, ...) noexcept
{
	va_list more;

	va_start(more, argument);
	int result = with_list(argument, more, [&](char **list) {
		return execute(path, list, va_arg(more, char *const *));
	});
	va_end(more);
	return result;
}

EDU_EXPORT int fexecve(int fd, char *const arguments[], char *const environment[]) noexcept
{
	return with_environment(environment, [&](char *const *whole) {
		return real::fexecve(fd, arguments, whole);
	});
}

EDU_EXPORT int execveat(int fd, const char *path, char *const arguments[],
			char *const environment[], int flags) noexcept
{
	return with_environment(environment, [&](char *const *whole) {
		return real::execveat(fd, path, arguments, whole, flags);
	});
}

EDU_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			   const posix_spawnattr_t *attributes, char *const arguments[],
			   char *const environment[])
{
	return with_environment(environment, [&](char *const *whole) {
		return real::posix_spawn(pid, path, actions, attributes, arguments, whole);
	});
}

EDU_EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attributes, char *const arguments[],
			    char *const environment[])
{
	return with_environment(environment, [&](char *const *whole) {
		return real::posix_spawnp(pid, file, actions, attributes, arguments, whole);
	});
}

EDU_EXPORT int system(const char *command)
{
	start();
	char *whole = complete_command(command);
	int status = real::system(whole ? whole : command);
	errno_guard keep_errno;
	std::free(whole);
	return status;
}

EDU_EXPORT std::FILE *popen(const char *command, const char *mode)
{
	start();
	char *whole = complete_command(command);
	std::FILE *stream = real::popen(whole ? whole : command, mode);
	errno_guard keep_errno;
	std::free(whole);
	return stream;
}
