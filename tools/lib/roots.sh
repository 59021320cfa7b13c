# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The Debian 13 trees: the build root, and the images that VMs boot from.
# Each is made under a temporary name and renamed, so it is whole or not there.

# run_mmdebstrap VARIANT DIRECTORY: of the packages on standard input, in a
# mount namespace of its own, so that an interrupted run leaves no mount behind.
# "package/suite" is from there, all else from trixie as far as it can be.
run_mmdebstrap() {
	local variant=$1 dir=$2 packages option suite apt=()
	packages=$(cat)
	while read -r option; do
		[ -z "$option" ] || apt+=("--aptopt=$option")
	done < <(apt_transport_options)
	local sources=()
	for suite in trixie trixie-backports $(sed -n 's,^.*/,,p' <<<"$packages" | sort -u); do
		sources+=("deb [signed-by=$keyring] $mirror $suite main")
	done
	unshare --mount --propagation private -- \
		mmdebstrap --mode=root --variant="$variant" --include="$(paste -sd, <<<"$packages")" \
		"${apt[@]}" --aptopt='Acquire::Languages "none"' --aptopt='APT::Default-Release "trixie"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		trixie "$dir" "${sources[@]}"
}

make_build_root() {
	local tmp
	tmp=$(root_dir).tmp
	rm -rf "$tmp"
	package_list root | run_mmdebstrap apt "$tmp"
	mv "$tmp" "$(root_dir)"
}

make_image() {
	local file name dir
	file=$(image_file "$1")
	name=$(basename "$file")
	dir=$cache_dir/image.tmp
	rm -rf "$dir" "$file.tmp"
	image_packages "$1" | run_mmdebstrap essential "$dir"
	rm -rf "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* "$dir"/var/log/*
	# Byte code made once here instead of by each VM, slowly.
	chroot "$dir" python3 -m compileall -q /usr/lib/python3/dist-packages >/dev/null 2>&1 || true
	truncate -s 3G "$file.tmp"
	"$tools_dir/in-root" mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=0 \
		-d /cache/image.tmp "/cache/$name.tmp"
	mv "$file.tmp" "$file"
	rm -rf "$dir"
}
