// SPDX-License-Identifier: GPL-2.0-only
/*
 * The outcomes of CLI11, see options.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "options.hh"

#include "failure.hh"

#include <algorithm>

namespace edu {

std::optional<int> parse_options(CLI::App &app, const words &in)
{
	std::vector<std::string> rest = in.rest();

	if (rest.size() == 1 && rest[0] == "help")
		rest[0] = "--help";
	std::reverse(rest.begin(), rest.end()); /* CLI11 takes them from the end */
	try {
		app.parse(rest);
	} catch (const CLI::CallForHelp &) {
		fmt::print("{}", app.help());
		return exit_ok;
	} catch (const CLI::ParseError &error) {
		usage_error("{}: `{} -h` explains the options", error.what(), app.get_name());
	}
	return std::nullopt;
}

CLI::Range between(long least, long most)
{
	CLI::Range limits(least, most);

	limits.description("");
	return limits;
}

CLI::Range seconds()
{
	CLI::Range limits(0.0, 1e6);

	limits.description("");
	return limits;
}

} // namespace edu
