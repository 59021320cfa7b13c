# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every tool needs: where things live, how to talk, how to fail.
# Sourced, never run. The sourcing script has set -euo pipefail.

tools_dir=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
project_dir=$(dirname "$tools_dir")
program=$(basename "$0")

say() { printf '%s: %s\n' "$program" "$*" >&2; }
die() { printf '%s: error: %s\n' "$program" "$*" >&2; exit 1; }

# Ends with status 2, as a wrong command line should be told apart from a
# failed run.
usage_error() { printf '%s: %s (try --help)\n' "$program" "$*" >&2; exit 2; }

# step TEXT COMMAND...: says what is being done before it, how long it took
# after it. The output goes to a log, of which the end is shown on failure.
step() {
	local text=$1 start=$SECONDS log
	shift
	mkdir -p "$cache_dir/logs"
	log=$cache_dir/logs/$(printf '%s' "$text" | tr -cs 'A-Za-z0-9._+-' '-').log
	say "$text ..."
	# Not "if (...)" or "(...) ||": those would disable set -e inside.
	set +e
	(set -e; "$@") >"$log" 2>&1
	local rc=$?
	set -e
	if [ "$rc" -ne 0 ]; then
		tail -n 25 "$log" | cut -c1-300 >&2
		explain_failure "$log"
		die "failed: $text (log: $log)"
	fi
	say "$text: done in $((SECONDS - start)) s"
}

# One plain sentence for what most often is behind a failed step.
explain_failure() {
	if grep -qE 'No space left on device|not enough free space' "$1"; then
		say "the disk that holds $cache_dir is full; free some space or point XDG_CACHE_HOME elsewhere"
	elif grep -qE 'Could not resolve|Temporary failure resolving|Unable to connect|Network is unreachable|Could not connect|Connection timed out' "$1"; then
		say "the Debian archive cannot be reached: there is no network, or a proxy is needed (set it in apt's configuration)"
	elif grep -qE 'NO_PUBKEY|not signed|Missing key' "$1"; then
		say "the keys of the Debian archive on this machine are too old for Debian 13; update the package debian-archive-keyring"
	elif grep -qE '404 +Not Found|does not have a Release file' "$1"; then
		say "the Debian mirror that apt is configured with lacks something that is needed; it must carry trixie and trixie-backports (and sid, for make conformance)"
	fi
}

# Everything made is under one directory that may be removed at any time.
set_cache_dir() {
	local base=${XDG_CACHE_HOME:-}
	if [ -z "$base" ]; then
		[ -n "${HOME:-}" ] || die "neither XDG_CACHE_HOME nor HOME is set, so there is no place for the cache"
		base=$HOME/.cache
	fi
	cache_dir=$base/vxlan_rs
}

make_cache_dir() {
	mkdir -p "$cache_dir" 2>/dev/null && [ -w "$cache_dir" ] &&
		( : >"$cache_dir/.write-test" ) 2>/dev/null ||
		die "the cache directory $cache_dir cannot be written to; set XDG_CACHE_HOME to a directory that can be"
	rm -f "$cache_dir/.write-test"
}

# become_root ARGUMENTS...: goes on as root, by sudo when needed. chroot and
# bind mounts need it; what in-root runs gets the caller's identity back.
become_root() {
	[ "$(id -u)" -ne 0 ] || return 0
	command -v sudo >/dev/null ||
		die "this needs root, for chroot and mounts: run it as root or install sudo"
	[ -t 0 ] || sudo -n true 2>/dev/null ||
		die "this needs root, for chroot and mounts, and sudo asks for a password that nobody is here to type"
	exec sudo env HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-}" TERM="${TERM:-dumb}" \
		${CI+CI="$CI"} "$(readlink -f "$0")" "$@"
}

# give_back PATH: what was made through sudo belongs to who called.
give_back() {
	[ "$(id -u)" -ne 0 ] || [ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:$SUDO_GID" "$1"
}

# Hash of package lists and options: the key of what was made from them.
short_hash() { sha256sum | cut -c1-12; }

package_list() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$tools_dir/packages/$1"; }

# image_packages IMAGE: those of "vm", and what another image has beyond it,
# where "package/suite" takes the place of plain "package".
image_packages() {
	{
		package_list vm
		[ "$1" = vm ] || package_list "vm-$1"
	} | awk -F/ '!($1 in all) { order[++n] = $1 } { all[$1] = $0 } END { for (i = 1; i <= n; i++) print all[order[i]] }'
}

root_dir() { printf '%s/root-%s\n' "$cache_dir" "$(package_list root | short_hash)"; }
image_file() { printf '%s/image-%s-%s.ext4\n' "$cache_dir" "$1" "$(image_packages "$1" | short_hash)"; }
known_images() { (cd "$tools_dir/packages" && printf '%s\n' vm vm-*) | sed 's/^vm-//'; }

# su without "-" leaves these out.
PATH=$PATH:/usr/sbin:/sbin
set_cache_dir
