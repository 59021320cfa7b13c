# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What must be true of the machine before anything is made on it, and apt with
# a state of our own. Sourced by tools/setup after common.sh.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The variable is there for the tests of this very message.
check_distribution() {
	local file=${VXLAN_RS_OS_RELEASE:-/etc/os-release} id='' codename='' name=''
	if [ -r "$file" ]; then
		id=$(. "$file" && printf '%s' "${ID:-}")
		codename=$(. "$file" && printf '%s' "${VERSION_CODENAME:-}")
		name=$(. "$file" && printf '%s' "${PRETTY_NAME:-}")
	fi
	case $id/$codename in
	debian/bookworm | debian/trixie) ;;
	*) die "this works on Debian 12 (bookworm) and Debian 13 (trixie) only; this machine is ${name:-unknown}" ;;
	esac
	[ "$(dpkg --print-architecture)" = amd64 ] ||
		die "this works on amd64 only; this machine is $(dpkg --print-architecture)"
}

# check_space GIGABYTES WHAT: before a long step, not in the middle of it.
check_space() {
	local free
	free=$(df -Pk "$cache_dir" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge $(($1 * 1000 * 1000)) ] ||
		die "no disk space: $2 needs about $1 GB in $cache_dir, and $((free / 1000 / 1000)) GB are free there; free some space or set XDG_CACHE_HOME to a place that has it"
}

install_host_packages() {
	local line missing=()
	while read -r line; do
		command -v "${line%%:*}" >/dev/null || missing+=("${line#*:}")
	done < <(package_list host)
	[ -e "$keyring" ] || missing+=(debian-archive-keyring)
	[ ${#missing[@]} -gt 0 ] || return 0
	step "installing on this machine: ${missing[*]}" apt_install "${missing[@]}"
}

apt_install() {
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# The mirror is the one this machine's own apt uses for Debian's main archive:
# apt itself reads both formats of its configuration for us.
find_mirror() {
	local codename
	codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v c="$codename" '$3 == "main" && $1 !~ /security|^cdrom|^file/ &&
			($2 == c || $2 == "stable" || $2 == "oldstable") { print $1; exit }')
	[ -n "$mirror" ] ||
		die "apt's configuration has no entry for the main Debian archive ($codename main), so there is no mirror to take packages from"
}

# How this machine's apt reaches its mirror, for mmdebstrap's own apt.
apt_transport_options() {
	apt-config dump | grep -iE '^Acquire::((https?|ftp)::(Proxy|Timeout|Verify|CaInfo|SslCert|SslKey)[^ ]*|Retries|Check-Valid-Until|Check-Date) ' || true
}

# set_apt_options [SUITE DIRECTORY]: apt with sources and state of our own, so
# the host's is left alone.
set_apt_options() {
	local suite=${1:-trixie-backports} dir=$cache_dir/${2:-apt}
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/empty"
	: >"$dir/status"
	printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$dir/sources.list"
	apt_options=(
		-o "Dir::State=$dir/state" -o "Dir::State::status=$dir/status"
		-o "Dir::Cache=$dir/cache" -o "Dir::Etc::sourcelist=$dir/sources.list"
		-o "Dir::Etc::sourceparts=$dir/empty" -o "Dir::Etc::preferencesparts=$dir/empty"
		-o "APT::Sandbox::User=root" -o "Acquire::Languages=none"
		-o "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"
		-o "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false"
	)
}

# An unreachable mirror is only a warning to apt-get update by default.
apt_update() { apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update; }
