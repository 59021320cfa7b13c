# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Each trouble that set-up may meet is told in one plain sentence.

fresh() { env XDG_CACHE_HOME="$scratch/fresh-$RANDOM" "$@"; }

test_setup_again_needs_no_network_and_no_time() {
	local start=$SECONDS
	try unshare --net "$tools/setup"
	status_is 0 && { grep -qE '^[0-9.]+\+deb13.*amd64$' <<<"$out" || wrong "no release printed"; } &&
		{ [ $((SECONDS - start)) -le 5 ] || wrong "took more than 5 s"; }
}

test_setup_without_network() {
	try fresh unshare --net "$tools/setup"
	status_is 1 && err_has 'archive cannot be reached: there is no network'
}

test_setup_without_network_uses_the_kernel_seen_before() {
	local series memo
	series=$(awk '$1 == "series" { print $2; exit }' "$tools/kernels")
	memo=$scratch/seen/vxlan_rs/kernels/newest-$series-amd64
	mkdir -p "$(dirname "$memo")"
	echo "$series.99+deb13-amd64" >"$memo"
	touch -d '3 days ago' "$memo"
	try env XDG_CACHE_HOME="$scratch/seen" unshare --net "$tools/setup" --flavour=amd64
	err_has 'going on with the newest kernel of [0-9.]+ seen so far' && err_has 'there is no network'
}

test_setup_without_disk_space() {
	mkdir "$scratch/small"
	# shellcheck disable=SC2016 # expanded by that shell
	try unshare --mount --propagation private sh -c '
		mount -t tmpfs -o size=64m tmpfs "$1" && XDG_CACHE_HOME=$1 exec "$2"' sh "$scratch/small" "$tools/setup"
	status_is 1 && err_has 'no disk space: .* needs about [0-9]+ GB in .*small'
}

test_setup_without_root() {
	# Even where sudo is, nobody may not use it.
	try setpriv --reuid=65534 --regid=65534 --clear-groups \
		env HOME="$scratch/nowhere" XDG_CACHE_HOME= "$clone/tools/setup"
	status_is 1 && err_has 'this needs root'
}

test_setup_with_unwritable_cache() {
	try env XDG_CACHE_HOME=/proc/self/nowhere "$tools/setup"
	status_is 1 && err_has 'cache directory /proc/self/nowhere/vxlan_rs cannot be written to'
}

test_setup_without_home() {
	try env -u HOME -u XDG_CACHE_HOME "$tools/setup"
	status_is 1 && err_has 'neither XDG_CACHE_HOME nor HOME is set'
}

test_setup_on_another_distribution() {
	printf 'ID=ubuntu\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04"\n' >"$scratch/os-release"
	try env VXLAN_RS_OS_RELEASE="$scratch/os-release" "$tools/setup"
	status_is 1 && err_has 'Debian 12 \(bookworm\) and Debian 13 \(trixie\) only; this machine is Ubuntu 24.04'
}

test_setup_waits_for_another() {
	mkdir -p "$scratch/locked/vxlan_rs"
	try flock "$scratch/locked/vxlan_rs/lock" env XDG_CACHE_HOME="$scratch/locked" timeout 3 "$tools/setup"
	status_is 124 && err_has 'another set-up is running; waiting'
}

test_setup_names_the_series_there_are() {
	try fresh "$tools/setup" --kernel=9.9
	if grep -q 'cannot be reached' <<<"$err"; then skip 'no network'; return; fi
	status_is 1 && err_has 'no kernel of series 9.9 .* any more; it has: .*[0-9]+\.[0-9]+'
}

test_setup_bad_options() {
	try "$tools/setup" --flavour=rt
	status_is 2 && err_has 'no such flavour: rt \(there are: cloud-amd64 amd64\)' || return
	try "$tools/setup" --kernel=banana
	status_is 2 && err_has 'bad option --kernel=banana' || return
	try "$tools/setup" --kernel=7.3.4+deb13
	status_is 2 && err_has 'a release names its flavour'
}

# mirror_from NAME TEXT: the mirror found when apt's sources are TEXT.
mirror_from() {
	mkdir -p "$scratch/$1.d"
	printf '%s\n' "$2" >"$scratch/$1.d/x.$1"
	printf 'Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "%s";\n' "$scratch/$1.d" >"$scratch/$1.conf"
	# shellcheck disable=SC2016 # expanded by that shell
	try env APT_CONFIG="$scratch/$1.conf" bash -c '
		set -euo pipefail
		. "$1/lib/common.sh"
		. "$1/lib/host.sh"
		find_mirror
		echo "$mirror"' setup "$tools"
}

test_mirror_of_both_formats() {
	local codename
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror_from list "deb http://security.invalid/debian-security $codename-security main
deb [arch=amd64] http://mirror.invalid/debian $codename main contrib"
	status_is 0 && out_is http://mirror.invalid/debian/ || return
	mirror_from sources "Types: deb
URIs: http://security.invalid/debian-security
Suites: $codename-security
Components: main

Types: deb deb-src
URIs: http://mirror.invalid/debian
Suites: $codename-updates $codename
Components: main non-free-firmware"
	status_is 0 && out_is http://mirror.invalid/debian/ || return
	mirror_from list '# nothing here'
	status_is 1 && err_has 'no entry for the main Debian archive'
}
