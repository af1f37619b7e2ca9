// SPDX-License-Identifier: GPL-2.0-only
/*
 * The closing lines of `edu ping`, see ping_tally.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "ping_tally.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace edu {

void ping_tally::add_round_trip(double ms)
{
	if (timed_++ == 0)
		least_ = most_ = ms;
	least_ = std::min(least_, ms);
	most_ = std::max(most_, ms);
	sum_ += ms;
	squares_ += ms * ms;
}

double ping_tally::longest() const
{
	return timed_ ? most_ : -1;
}

double ping_tally::loss() const
{
	if (!sent)
		return 0;
	return 100.0 * static_cast<double>(sent - std::min(received, sent)) /
	       static_cast<double>(sent);
}

double ping_tally::mean() const
{
	return timed_ ? sum_ / static_cast<double>(timed_) : 0;
}

double ping_tally::deviation() const
{
	double variance = timed_ ? squares_ / static_cast<double>(timed_) - mean() * mean() : 0;

	return std::sqrt(std::max(variance, 0.0)); /* rounding may make it negative */
}

std::string ping_tally::text(const std::string &host, double elapsed) const
{
	std::string lines =
		fmt::format("\n--- {} ping statistics ---\n{} packets transmitted, {} received",
			    host, sent, received);

	if (duplicates)
		lines += fmt::format(", +{} duplicates", duplicates);
	if (errors)
		lines += fmt::format(", +{} errors", errors);
	lines += fmt::format(", {:.6g}% packet loss, time {:.0f}ms\n", loss(), elapsed);
	if (timed_)
		lines += fmt::format("rtt min/avg/max/mdev = {:.3f}/{:.3f}/{:.3f}/{:.3f} ms",
				     least_, mean(), most_, deviation());
	return lines + "\n";
}

record ping_tally::numbers(double elapsed) const
{
	record all = {{"transmitted", sent},	  {"received", received},
		      {"duplicates", duplicates}, {"errors", errors},
		      {"loss_percent", loss()},	  {"time_ms", std::round(elapsed)}};

	if (timed_)
		all["rtt"] = {
			{"min", least_}, {"avg", mean()}, {"max", most_}, {"mdev", deviation()}};
	return all;
}

std::string show_milliseconds(double ms)
{
	int digits = ms >= 100 ? 0 : ms >= 10 ? 1 : ms >= 1 ? 2 : 3;

	return fmt::format("{:.{}f} ms", ms, digits);
}

} // namespace edu
