/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands with options (`edu ping -c 3 HOST`) read them with CLI11; this is the common handling of
 * its outcomes.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_OPTIONS_HH
#define EDU_OPTIONS_HH

#include "args.hh"

#include <CLI/CLI.hpp>

#include <optional>

namespace edu {

/* Reads what is left of the command line. A status: help was asked for and printed, stop with it.
 * Wrong options are a usage error. */
std::optional<int> parse_options(CLI::App &app, const words &in);

/* Limits of options, without CLI11's remarks in the help. */
CLI::Range between(long least, long most);
CLI::Range seconds();

} // namespace edu

#endif /* EDU_OPTIONS_HH */
