// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chance and faults: the seed of a run, and what is reported when a rule of the bridge is broken.
 *
 * The generator is SplitMix64 (Steele, Lea, Flood 2014): one word of state, so that a seed given on
 * the command line is the whole state of a run.
 *
 * Locking: none, a single thread.
 */
#include "home.hh"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace hosted {
namespace {

edu_u64 state;
unsigned int preemption; /* in 1/1000 */
unsigned int nonlinear;	 /* in 1/1000 */
bool eager_cables;
unsigned int fault_count;
bool abort_wanted;
bool muted; /* faults are wanted */

edu_u64 next()
{
	edu_u64 z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

} // namespace

void seed(edu_u64 seed)
{
	state = seed;
}

edu_u32 chance()
{
	return static_cast<edu_u32>(next() >> 32);
}

bool happens(unsigned int in_thousand)
{
	return in_thousand && chance() % 1000 < in_thousand;
}

void set_preemption(unsigned int in_thousand)
{
	preemption = in_thousand;
}

void set_nonlinear(unsigned int in_thousand)
{
	nonlinear = in_thousand;
}

void set_eager_cables(bool yes)
{
	eager_cables = yes;
}

bool cables_are_eager()
{
	return eager_cables;
}

bool arrives_in_pieces()
{
	return happens(nonlinear);
}

bool preempts()
{
	return happens(preemption);
}

void fault(const char *format, ...)
{
	va_list args;

	fault_count++;
	if (muted)
		return;
	va_start(args, format);
	std::fputs("# fault: ", stdout);
	std::vprintf(format, args);
	std::fputc('\n', stdout);
	std::fflush(stdout);
	va_end(args);
	if (abort_wanted)
		std::abort();
}

unsigned int faults()
{
	return fault_count;
}

unsigned int faults_of(const std::function<void()> &fn)
{
	unsigned int before = fault_count;

	muted = true;
	fn();
	muted = false;
	return std::exchange(fault_count, before) - before;
}

void abort_on_fault(bool yes)
{
	abort_wanted = yes;
}

} // namespace hosted

extern "C" {

edu_u32 edu_k_random(void)
{
	return hosted::chance();
}

void edu_k_warn(const char *text)
{
	hosted::fault("the core warns: %s", text);
}

void edu_k_log(const char *, edu_be32, const edu_u8 *) {}

} // extern "C"
