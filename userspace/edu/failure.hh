/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a command of `edu` ends badly: one sentence that says what to do, and an exit status.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_FAILURE_HH
#define EDU_FAILURE_HH

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace edu {

enum exit_status {
	exit_ok = 0,
	exit_negative = 1, /* bad usage, or the answer is no */
	exit_refused = 2,  /* the kernel said no */
};

/* Thrown anywhere, caught once in main(), which prints "edu: SENTENCE". */
class failure : public std::runtime_error {
public:
	failure(exit_status status, const std::string &sentence)
		: std::runtime_error(sentence), status_(status)
	{
	}

	exit_status status() const { return status_; }

private:
	exit_status status_; /* what the process returns */
};

template <class... parts>
[[noreturn]] void usage_error(fmt::format_string<parts...> sentence, parts &&...args)
{
	throw failure(exit_negative, fmt::format(sentence, std::forward<parts>(args)...));
}

template <class... parts>
[[noreturn]] void refused(fmt::format_string<parts...> sentence, parts &&...args)
{
	throw failure(exit_refused, fmt::format(sentence, std::forward<parts>(args)...));
}

} // namespace edu

#endif /* EDU_FAILURE_HH */
