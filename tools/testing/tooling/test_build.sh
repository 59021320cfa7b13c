# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Building and running from a clone at a path with spaces, with a small module
# in C in place of the driver, and the ways in that make offers.

make_small_module() {
	[ ! -e "$clone/Kbuild" ] || return 0
	mkdir -p "$clone/part"
	cat >"$clone/Kbuild" <<-END
		# SPDX-License-Identifier: GPL-2.0
		obj-m := vxlan.o
		vxlan-y := part/small.o
	END
	cat >"$clone/part/small.c" <<-END
		// SPDX-License-Identifier: GPL-2.0
		#include <linux/module.h>
		MODULE_LICENSE("GPL");
		MODULE_DESCRIPTION("small");
	END
}

test_build_and_load_from_a_path_with_spaces() {
	make_small_module
	try "$clone/tools/build"
	status_is 0 && { [ -f "$out" ] || wrong "no module"; } || return
	case $out in "$clone/build/"*/vxlan.ko) ;; *) wrong "not under build/" || return ;; esac
	try "$clone/tools/vm" -- sh -c 'modinfo -F description vxlan; cat /sys/module/vxlan/taint; pwd'
	status_is 0 && out_is $'small\nOE\n/src'
}

test_build_again_builds_only_what_changed() {
	make_small_module
	try "$clone/tools/build"
	status_is 0 || return
	try "$clone/tools/build"
	status_is 0 && { ! grep -q ' CC ' <<<"$err" || wrong "it compiled again"; } || return
	mv "$clone/part/small.c" "$clone/part/other.c"
	sed -i s/small.o/other.o/ "$clone/Kbuild"
	try "$clone/tools/build"
	status_is 0 && { [ ! -e "$(dirname "$out")/part/small.c" ] || wrong "what is gone is still there"; }
}

test_build_says_when_it_fails() {
	make_small_module
	cp "$clone/Kbuild" "$scratch/Kbuild.good"
	echo 'ccflags-y += -DMODULE_LICENSE=nonsense(' >>"$clone/Kbuild"
	try "$clone/tools/build"
	cp "$scratch/Kbuild.good" "$clone/Kbuild"
	status_is 1 && out_is '' && err_has 'the module does not build'
}

test_in_root_keeps_directory_arguments_and_status() {
	# shellcheck disable=SC2016 # expanded there
	try env --chdir="$clone/tools" "$clone/tools/in-root" -- sh -c 'pwd; printf "[%s]" "$@"; exit 9' sh 'a b' ''
	status_is 9 && out_is "$clone/tools"$'\n[a b][]' || return
	try env --chdir=/etc "$tools/in-root" sh -c '. /etc/os-release; echo $VERSION_CODENAME; touch /usr/x'
	out_is trixie && err_has 'Read-only file system' || return
	try "$tools/in-root"
	status_is 2 && err_has 'no command given'
}

test_in_root_needs_no_network() {
	try unshare --net "$tools/in-root" true
	status_is 0
}

test_in_root_before_setup() {
	try env XDG_CACHE_HOME="$scratch/none" "$tools/in-root" true
	status_is 1 && err_has 'no build root yet: run tools/setup'
}

test_make_without_metadata_names_the_remedy() {
	mkdir -p "$scratch/kdir"
	try make -s -C "$clone" KDIR="$scratch/kdir"
	status_is 2 && err_has 'no Rust metadata .*run "tools/prepare-kdir".*"make demo" sets up everything' || return
	try make -s -C "$clone" KDIR="$scratch/nowhere"
	status_is 2 && err_has 'no kernel build tree ".*/nowhere" .*tools/prepare-kdir .*"make demo" sets up everything'
}

test_make_help_and_clean() {
	try make -s -C "$clone" help
	status_is 0 || return
	mkdir -p "$clone/build/x"
	touch "$clone/some.o" "$clone/vxlan.ko"
	try make -s -C "$clone" clean
	status_is 0 && { [ ! -e "$clone/build" ] && [ ! -e "$clone/some.o" ] && [ ! -e "$clone/vxlan.ko" ] ||
		wrong "not clean"; } && { [ -f "$clone/Makefile" ] && [ -d "$clone/tools" ] || wrong "too clean"; }
}

test_prepare_kdir_says_what_is_missing() {
	try "$tools/prepare-kdir" --headers="$scratch/none" 7.3.4+deb13-amd64
	status_is 1 && err_has 'install linux-headers-7.3.4\+deb13-amd64' || return
	mkdir -p "$scratch/headers"
	touch "$scratch/headers/.config" "$scratch/headers/Module.symvers"
	try "$tools/prepare-kdir" --headers="$scratch/headers" --source="$scratch" 6.12.0-amd64
	status_is 1 && err_has 'built without Rust' || return
	try "$tools/prepare-kdir" --headers="$scratch/none" 7.3.4+deb13-amd64 6.12.0-amd64
	status_is 2 && err_has 'one RELEASE only, not 7.3.4\+deb13-amd64 and 6.12.0-amd64'
}
