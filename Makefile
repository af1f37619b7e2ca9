# SPDX-License-Identifier: GPL-2.0-only
# EDUINET: the module, its userspace and their checks.  `make help` lists the targets.

# 6.1, 6.12 or debug (scripts/kernel gets it); or KDIR=, the build directory of any other kernel.
KVER ?= 6.1
JOBS ?= $(shell nproc)
# Debian's compiler for both kernels; C++ follows it in Kbuild.
CC = gcc-12

build := $(CURDIR)/build
kunit := $(if $(filter y,$(EDU_KUNIT)),-kunit)
module_dir := $(build)/module-$(if $(KDIR),custom,$(KVER))$(kunit)
kdir = $(or $(KDIR),$(shell $(CURDIR)/scripts/kernel path --kdir $(KVER)))
# Where the module is installed: the kernel it was built for.
release = $(shell cat $(kdir)/include/config/kernel.release)
userspace_dir := $(build)/userspace
# A part of the userspace only, by its cmake target.
USERSPACE_TARGET ?= all

PREFIX ?= /usr/local
DESTDIR ?=
export KVER

# check runs the rings one after the other, the cheap ones first, and stops at the first that fails.
rings := style objects host kunit vm

.PHONY: all module userspace run shell check $(rings:%=check-%) bench doc install uninstall format clean help

all: module userspace

# Objects stay out of the source tree.  Two makes of one directory wait for each other.
module:
	@mkdir -p $(module_dir)
	@ln -sfn ../../Kbuild $(module_dir)/Kbuild
	@[ -n "$(kdir)" ] || { echo "make: no kernel $(KVER) to build against" >&2; exit 1; }
	+@flock $(module_dir)/.lock $(MAKE) --no-print-directory -j$(JOBS) -C $(kdir) M=$(module_dir) \
		EDU_SRC=$(CURDIR) EDU_KUNIT=$(EDU_KUNIT) CC=$(CC) modules

userspace:
	@mkdir -p $(userspace_dir)
	@flock $(userspace_dir)/.lock sh -c '\
		{ [ -e $(userspace_dir)/build.ninja ] || cmake -G Ninja -S userspace -B $(userspace_dir) \
			-DCMAKE_BUILD_TYPE=RelWithDebInfo >$(userspace_dir)/cmake.log || \
			{ cat $(userspace_dir)/cmake.log; exit 1; }; } && \
		cmake --build $(userspace_dir) --target $(USERSPACE_TARGET) -j $(JOBS) -- --quiet'

# run shows the main job, shell leaves you at a prompt in the same VM.  On a fresh Debian machine
# they first install what is missing.
run:
	@scripts/install-deps --yes
	+@$(MAKE) --no-print-directory all
	@scripts/vm exec --kernel $(KVER) --no-stdin -- scripts/demo

shell:
	@scripts/install-deps --yes
	+@$(MAKE) --no-print-directory all
	@scripts/vm shell --kernel $(KVER)

check:
	@scripts/check $(rings)

$(rings:%=check-%): check-%:
	@scripts/check-$*

bench: all
	+@$(MAKE) --no-print-directory userspace USERSPACE_TARGET=fib_bench
	@scripts/bench

doc:
	@sphinx-build -q -W -b html Documentation $(build)/doc
	@echo "$(build)/doc/index.html"

install: all
	install -D -m 644 $(module_dir)/eduinet.ko $(DESTDIR)/lib/modules/$(release)/extra/eduinet.ko
	install -D -m 644 include/uapi/eduinet.h $(DESTDIR)$(PREFIX)/include/eduinet.h
	cmake --install $(userspace_dir) --prefix $(DESTDIR)$(PREFIX)
	$(if $(DESTDIR),,/sbin/depmod $(release))

uninstall:
	rm -f $(DESTDIR)/lib/modules/$(release)/extra/eduinet.ko $(DESTDIR)$(PREFIX)/include/eduinet.h
	[ ! -e $(userspace_dir)/install_manifest.txt ] || xargs -d '\n' rm -f <$(userspace_dir)/install_manifest.txt
	$(if $(DESTDIR),,/sbin/depmod $(release))

format:
	clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h' '*.cc' '*.hh')

clean:
	rm -rf $(build)

help:
	@echo 'all        the module for KVER (6.1, 6.12 or debug; now $(KVER)) or KDIR, and the userspace'
	@echo 'module     build/module-$$KVER/eduinet.ko only; with EDU_KUNIT=y the unit tests are in it'
	@echo 'userspace  build/userspace only'
	@echo 'run        boot a VM with the module and play the chapter on live traffic'
	@echo 'shell      the same VM, interactive'
	@echo 'check      all rings of tests: $(rings); check-RING runs one of them'
	@echo 'bench      speed against the stack of Linux itself'
	@echo 'doc        build/doc from Documentation/'
	@echo 'install    the module and the tools (DESTDIR, PREFIX); uninstall removes them'
	@echo 'format     clang-format over every C and C++ file'
	@echo 'clean      remove build/; kernels stay in the cache (scripts/kernel list)'
