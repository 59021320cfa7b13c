# SPDX-License-Identifier: GPL-2.0
#
# The ways in. Kbuild reads the file Kbuild beside this one, never this one.

help:
	@echo 'On any machine that is Debian 12 or 13 (root or sudo, network the first time):'
	@echo '  make demo     set up, build, boot a stock kernel, show the driver at work'
	@echo '  make test     set up and run every test'
	@echo '  make conformance [TESTS="..."]  the kernel tree'\''s selftests on both drivers, side by side'
	@echo '  make check    format, clippy, layering'
	@echo '  make differential  random netlink on the stock driver and on ours; SEED= and N= messages'
	@echo '  make bench    what a packet costs on the stock driver and on ours, to Documentation/performance.md;'
	@echo '                ONLY="transmit flood ..." prints only those rows'
	@echo '  make fuzz     the pure code under libFuzzer; SECONDS= in all, TARGET='
	@echo '  make wire-differential  random packets through both; SEED= and N= packets'
	@echo '  make shell    a VM with the module loaded, interactive'
	@echo '  make setup    only the set-up; FLAVOUR=amd64 and KERNEL=7.3 choose, for all of these'
	@echo 'For the kernel of this machine, or KDIR=<prepared kernel build tree>:'
	@echo '  make modules [CC=...] [KERNELRELEASE=...]   build vxlan.ko here (the default)'
	@echo '  make modules_install [INSTALL_MOD_PATH=...] install it to updates/'
	@echo '  make clean                                  remove what was built'
	@echo '  tools/prepare-kdir --help                   make such a tree'
.DEFAULT_GOAL := modules

# A tree that tools/prepare-kdir made for this machine beats Debian's headers,
# which lack the Rust metadata.
release := $(shell uname -r)
prepared := /usr/src/vxlan_rs-kdir-$(release)
KDIR ?= $(if $(wildcard $(prepared)/vxlan_rs.mk),$(prepared),/lib/modules/$(release)/build)

# Names the compiler and release that the tree was prepared with.
-include $(KDIR)/vxlan_rs.mk

# make's own default for CC is no choice of anybody's.
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR) \
	$(if $(filter-out default undefined,$(origin CC)),CC="$(CC)") \
	$(if $(KERNELRELEASE),KERNELRELEASE=$(KERNELRELEASE))

modules: has-metadata no-space
	+$(kbuild) modules

modules_install: has-metadata no-space
	+$(kbuild) modules_install

no-space:
	@test '$(words $(CURDIR))' = 1 || { echo 'error: Kbuild cannot build in "$(CURDIR)", as its path has a space; "make demo" and tools/build can' >&2; exit 1; }

has-metadata:
	@test -d '$(KDIR)' || { echo 'error: no kernel build tree "$(KDIR)" (KDIR=<prepared kernel build tree>; tools/prepare-kdir makes one for Debian'\''s kernels; "make demo" sets up everything itself)' >&2; exit 1; }
	@test -e '$(KDIR)/rust/libkernel.rmeta' || { echo 'error: $(KDIR) has no Rust metadata (rust/libkernel.rmeta); run "tools/prepare-kdir" to make a tree that has, then "make KDIR=/usr/src/vxlan_rs-kdir-<release>"; "make demo" sets up everything itself' >&2; exit 1; }

# By name, as there may be no kernel tree to ask; build/ holds what tools made.
clean:
	rm -rf build .tmp_versions
	find . -name .git -prune -o -type f \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '*.o.d' -o -name '.*.d' -o -name '*.bc' \
		-o -name '*.rmeta' -o -name 'modules.order' -o -name 'Module.symvers' \
		-o -name 'bindings_generated.rs' \) -exec rm -f {} +

choice = $(if $(KERNEL),--kernel=$(KERNEL)) $(if $(FLAVOUR),--flavour=$(FLAVOUR))

setup:
	@tools/setup $(choice) >/dev/null

demo:
	@tools/demo $(choice)

test:
	@tools/run-tests $(choice)

differential:
	@tools/differential $(choice) $(if $(SEED),--seed=$(SEED)) $(if $(N),--messages=$(N))

fuzz:
	@tools/fuzz $(if $(SECONDS),--seconds=$(SECONDS)) $(if $(TARGET),--target=$(TARGET))

wire-differential:
	@tools/wire-differential $(choice) $(if $(SEED),--seed=$(SEED)) $(if $(N),--packets=$(N))

conformance:
	@tools/conformance $(choice) $(TESTS)

comma := ,
empty :=
bench:
	@tools/bench $(choice) $(if $(ONLY),--only=$(subst $(empty) $(empty),$(comma),$(strip $(ONLY))),--document)

check: setup
	@tools/in-root tools/check

shell:
	@tools/vm $(choice) --driver=ours --interactive

.PHONY: help modules modules_install has-metadata no-space clean setup demo test differential \
	wire-differential conformance bench fuzz check shell
