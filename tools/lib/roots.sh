# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The two Debian 13 trees: the build root, and the image that VMs boot from.
# Each is made under a temporary name and renamed, so it is whole or not there.

# run_mmdebstrap VARIANT PACKAGES DIRECTORY: in a mount namespace of its own,
# so that an interrupted run leaves no mount behind.
run_mmdebstrap() {
	local variant=$1 packages=$2 dir=$3 option suite apt=()
	while read -r option; do
		[ -z "$option" ] || apt+=("--aptopt=$option")
	done < <(apt_transport_options)
	local sources=()
	for suite in trixie trixie-backports; do
		sources+=("deb [signed-by=$keyring] $mirror $suite main")
	done
	unshare --mount --propagation private -- \
		mmdebstrap --mode=root --variant="$variant" --include="$packages" \
		"${apt[@]}" --aptopt='Acquire::Languages "none"' \
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
	run_mmdebstrap apt "$(package_csv root)" "$tmp"
	mv "$tmp" "$(root_dir)"
}

make_vm_root() {
	local image name dir
	image=$(vmroot_image)
	name=$(basename "$image")
	dir=$cache_dir/vmroot.tmp
	rm -rf "$dir" "$image.tmp"
	run_mmdebstrap essential "$(package_csv vm)" "$dir"
	rm -rf "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* "$dir"/var/log/*
	# Byte code made once here instead of by each VM, slowly.
	chroot "$dir" python3 -m compileall -q /usr/lib/python3/dist-packages >/dev/null 2>&1 || true
	truncate -s 3G "$image.tmp"
	"$tools_dir/in-root" mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=0 \
		-d /cache/vmroot.tmp "/cache/$name.tmp"
	mv "$image.tmp" "$image"
	rm -rf "$dir"
}
