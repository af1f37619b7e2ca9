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
# Where the module is installed: the kernel it was built for, by the name it goes by. (Debian's
# kernel.release has another one.)
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(kdir)/include/generated/utsrelease.h)
userspace_dir := $(build)/userspace
# A part of the userspace only, by its cmake target.
USERSPACE_TARGET ?= all

PREFIX ?= /usr/local
DESTDIR ?=
# Where iproute2 looks for link plug-ins: Debian's place, whatever the prefix.
IPDIR ?= /usr/lib/$(shell $(CC) -print-multiarch)/ip
version = $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
export KVER

# check runs the rings one after the other, the cheap ones first, and stops at the first that fails.
rings := style objects host kunit vm

.PHONY: all module userspace run shell tour check $(rings:%=check-%) bench doc man install uninstall format clean help

# The source that DKMS has is the module's alone.
all: module $(if $(wildcard userspace/CMakeLists.txt),userspace)

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

# run shows the main job, shell leaves you at a prompt in the same VM, tour at one with the hosts of the
# guided tour around it.  On a fresh Debian machine they, and check, first install what is missing.
run:
	@scripts/install-deps --yes
	+@$(MAKE) --no-print-directory all
	@scripts/vm exec --kernel $(KVER) --no-stdin -- scripts/demo

shell:
	@scripts/install-deps --yes
	+@$(MAKE) --no-print-directory all
	@scripts/vm shell --kernel $(KVER)

tour:
	@scripts/install-deps --yes
	+@$(MAKE) --no-print-directory all
	@scripts/vm shell --kernel $(KVER) -- scripts/tour shell

check:
	@scripts/install-deps --yes
	@scripts/check $(rings)

$(rings:%=check-%): check-%:
	@scripts/check-$*

bench: all
	+@$(MAKE) --no-print-directory userspace USERSPACE_TARGET=fib_bench
	@scripts/bench

doc:
	@sphinx-build -q -W -b html Documentation $(build)/doc
	@echo "$(build)/doc/index.html"

man:
	@rm -rf $(build)/man
	@sphinx-build -q -W -b man -d $(build)/doctrees Documentation $(build)/man
	@echo "$(build)/man"

# What goes where is in scripts/install-files.
install: USERSPACE_TARGET = installed
install: module userspace man
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' IPDIR='$(IPDIR)' VERSION=$(version) RELEASE=$(release) \
		MODULE=$(module_dir)/eduinet.ko scripts/install-files install

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install-files uninstall

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
	@echo 'tour       the same, with the hosts of the guided tour (Documentation/tour)'
	@echo 'check      all rings of tests: $(rings); check-RING runs one of them'
	@echo 'bench      speed against the stack of Linux itself'
	@echo 'doc        build/doc from Documentation/'
	@echo 'man        build/man, the manual pages, from Documentation/'
	@echo 'install    module, tools, library, header, manual, completion, source for DKMS (DESTDIR, PREFIX);'
	@echo '           uninstall removes them'
	@echo 'format     clang-format over every C and C++ file'
	@echo 'clean      remove build/; kernels stay in the cache (scripts/kernel list)'
