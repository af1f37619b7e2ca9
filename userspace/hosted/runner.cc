// SPDX-License-Identifier: GPL-2.0-only
/*
 * eduinet-tests: runs the bodies of kunit/ in a process, and the simulator's own.
 *
 *	eduinet-tests [--list] [--filter GLOB] [--seed N] [--rounds N] [--replay N]
 *
 * One line a test in the manner of TAP ("ok 1 - suite.name"), then "N passed, N failed"; the exit
 * status is 0 when none failed. Seed 0, the default, is the plain world: nothing interrupts, every
 * packet is in one piece. Any other seed interrupts system calls by softirqs and delivers packets
 * in pieces. A test's chances depend on the seed and its name alone, so one that fails among all
 * fails alone too.
 *
 * Some tests play one scene with many seeds of its own (hosted::rounds_of()). --rounds says how many; a seed
 * that fails is printed, and --replay plays the scene with that one alone.
 *
 * Locking: none, a single thread.
 */
#include "home.hh"
#include "sim_test.hh"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fnmatch.h>
#include <string>

namespace {

struct options {
	bool list = false;
	std::string filter = "*";
	edu_u64 seed = 0;
	unsigned int rounds = 0; /* 0: as each test likes */
	edu_u64 replay = 0;	 /* 0: none */
};

unsigned int complaints; /* of the current test */
std::string current;
unsigned int rounds_wanted;
edu_u64 replay_wanted;
edu_u64 round_seed; /* of the round that is being played; 0: none */

/* FNV-1a, so that each test has its own chances. */
edu_u64 hash(const std::string &name)
{
	edu_u64 h = 0xcbf29ce484222325;

	for (char c : name)
		h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
	return h;
}

[[noreturn]] void usage(const char *program)
{
	std::fprintf(stderr,
		     "usage: %s [--list] [--filter GLOB] [--seed N] [--rounds N] [--replay N]\n",
		     program);
	std::exit(2);
}

options parse(int argc, char **argv)
{
	options all;

	for (int i = 1; i < argc; i++) {
		if (!std::strcmp(argv[i], "--list"))
			all.list = true;
		else if (!std::strcmp(argv[i], "--filter") && i + 1 < argc)
			all.filter = argv[++i];
		else if (!std::strcmp(argv[i], "--seed") && i + 1 < argc)
			all.seed = std::strtoull(argv[++i], nullptr, 0);
		else if (!std::strcmp(argv[i], "--rounds") && i + 1 < argc)
			all.rounds = static_cast<unsigned int>(std::strtoul(argv[++i], nullptr, 0));
		else if (!std::strcmp(argv[i], "--replay") && i + 1 < argc)
			all.replay = std::strtoull(argv[++i], nullptr, 0);
		else
			usage(argv[0]);
	}
	return all;
}

void tell_round()
{
	if (round_seed)
		std::printf("# %s: again with --replay %#llx\n", current.c_str(),
			    static_cast<unsigned long long>(round_seed));
}

/* A sanitizer has found something and ends the process: say during which test. */
void died(int)
{
	tell_round();
	std::printf("not ok - %s (the process died)\n", current.c_str());
	std::fflush(stdout);
	std::_Exit(1);
}

bool passes(const edu_test_case &test, edu_u64 seed)
{
	unsigned int before = hosted::faults();

	complaints = 0;
	hosted::seed(seed ^ hash(current));
	hosted::set_preemption(seed ? 250 : 0);
	hosted::set_nonlinear(seed ? 500 : 0);
	hosted::set_eager_cables(false);
	test.run();
	edu_t_fail_alloc(0);
	return !complaints && hosted::faults() == before;
}

struct score {
	unsigned int passed = 0, failed = 0;
};

void run(const edu_test_case &test, const options &wanted, score &sum)
{
	current = std::string(test.suite) + "." + test.name;
	if (fnmatch(wanted.filter.c_str(), current.c_str(), 0))
		return;
	if (wanted.list) {
		std::printf("%s [%s]\n", current.c_str(), test.requirements);
		return;
	}
	bool ok = passes(test, wanted.seed);

	ok ? sum.passed++ : sum.failed++;
	std::printf("%s %u - %s\n", ok ? "ok" : "not ok", sum.passed + sum.failed, current.c_str());
	std::fflush(stdout);
}

/* The exit status. */
int run_all(const options &wanted)
{
	score sum;

	for (unsigned int i = 0; i < edu_test_case_count; i++)
		run(edu_test_cases[i], wanted, sum);
	for (unsigned int i = 0; i < sim_test_case_count; i++)
		run(sim_test_cases[i], wanted, sum);
	current = "the module's exit";
	if (wanted.list)
		return 0;
	std::printf("%u passed, %u failed\n", sum.passed, sum.failed);
	return sum.failed || !sum.passed;
}

} // namespace

void hosted::begin_round(edu_u64 seed)
{
	hosted::seed(seed);
	set_preemption(0);
	set_nonlinear(0);
	set_eager_cables(false);
	edu_t_begin();
}

bool hosted::is_thorough()
{
	return rounds_wanted;
}

void hosted::rounds_of(unsigned int usual, const std::function<void()> &scene)
{
	const unsigned int count = replay_wanted ? 1 : rounds_wanted ? rounds_wanted : usual;
	const edu_u64 first = edu_u64{chance()} << 32 | chance() | 1;

	for (unsigned int i = 0; i < count; i++) {
		const unsigned int before = complaints + faults();

		round_seed = replay_wanted ? replay_wanted : first + 2 * edu_u64{i};
		begin_round(round_seed);
		scene();
		if (const unsigned int left = edu_t_end())
			edu_t_fail(__FILE__, __LINE__, "nothing is left", left, 0);
		if (complaints + faults() != before)
			tell_round();
	}
	round_seed = 0;
}

/* The sanitizers end by abort(), which died() catches. */
extern "C" const char *__asan_default_options()
{
	return "abort_on_error=1:detect_stack_use_after_return=1";
}

extern "C" const char *__ubsan_default_options()
{
	return "abort_on_error=1:print_stacktrace=1";
}

extern "C" void edu_t_fail(const char *file, int line, const char *expr, long long got,
			   long long want)
{
	complaints++;
	std::printf("# %s: %s:%d: %s: got %lld (%#llx), want %lld (%#llx)\n", current.c_str(), file,
		    line, expr, got, static_cast<unsigned long long>(got), want,
		    static_cast<unsigned long long>(want));
}

int main(int argc, char **argv)
{
	options wanted = parse(argc, argv);

	rounds_wanted = wanted.rounds;
	replay_wanted = wanted.replay;
	std::signal(SIGABRT, died);
	hosted::seed(wanted.seed);
	if (int error = edu_core_init()) {
		std::printf("# edu_core_init() failed: %d\n0 passed, 1 failed\n", error);
		return 1;
	}
	int status = run_all(wanted);

	edu_core_exit();
	if (hosted::live_blocks() || hosted::pending_timers()) {
		std::printf("# after edu_core_exit(): %u blocks, %u timers are left\n",
			    hosted::live_blocks(), hosted::pending_timers());
		status = 1;
	}
	return status;
}
