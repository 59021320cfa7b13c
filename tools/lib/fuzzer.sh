# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# libFuzzer: one static library out of a small package. It is unpacked beside
# the build root, not installed in it, as a root with other packages is another
# root, and all that was made with the old one would have to be made again.
# Sourced after common.sh and host.sh.

fuzzer_dir() { printf '%s/fuzzer-%s\n' "$cache_dir" "$(package_list fuzz | short_hash)"; }

# The library's path as seen within the build root.
fuzzer_library() { printf '/cache/%s/usr/lib/llvm-19/lib/libFuzzer.a\n' "$(basename "$(fuzzer_dir)")"; }

# With lists of its own: those of the kernel's packages are of another suite.
download_fuzzer() {
	local dir tmp package
	dir=$(fuzzer_dir) tmp=$(fuzzer_dir).tmp
	rm -rf "$tmp"
	mkdir -p "$tmp/debs"
	set_apt_options trixie apt-trixie
	apt_update
	cd "$tmp/debs"
	mapfile -t packages < <(package_list fuzz)
	apt-get "${apt_options[@]}" download "${packages[@]}"
	for package in *.deb; do dpkg-deb -x "$package" "$tmp"; done
	rm -rf "$tmp/debs"
	mv "$tmp" "$dir"
}

set_up_fuzzer() {
	[ ! -d "$(fuzzer_dir)" ] || return 0
	make_cache_dir
	mkdir -p "$cache_dir/logs"
	exec 9>"$cache_dir/lock"
	flock 9
	if [ ! -d "$(fuzzer_dir)" ]; then
		find_mirror
		step "downloading libFuzzer" download_fuzzer
	fi
	exec 9>&-
}
