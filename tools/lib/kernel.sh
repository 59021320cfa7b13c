# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel: which one, its packages, its build tree with Rust metadata, and
# what a VM boots. Sourced by tools/setup. In the cache:
#   kernels/source-<version>         unpacked linux-source
#   kernels/<release>/debian         unpacked headers
#   kernels/<release>/build          prepared build tree
#   kernels/<release>/{vmlinuz,modules.ext4,initrd-<hash>}

supported() { awk -v k="$1" '$1 == k { print $2 }' "$tools_dir/kernels"; }
default_of() { supported "$1" | head -n 1; }

# archive_releases FLAVOUR: the releases that the archive has, oldest first.
archive_releases() {
	apt-cache "${apt_options[@]}" pkgnames linux-modules- |
		sed -nE "s/^linux-modules-([0-9]+\.[0-9]+(\.[0-9]+)?\+deb13(\.[0-9]+)?-$1)$/\1/p" | sort -V
}

# Sets release to the newest of the wanted series, asking the archive at most
# once a day; without a network the one already cached will do.
resolve_release() {
	local memo=$cache_dir/kernels/newest-$series-$flavour
	if [ -z "$(find "$memo" -mtime -1 2>/dev/null)" ]; then
		if (apt_update) >"$cache_dir/logs/apt-update.log" 2>&1; then
			find_in_archive
			printf '%s\n' "$release" >"$memo.tmp"
			mv "$memo.tmp" "$memo"
		elif [ -s "$memo" ]; then
			say "the archive cannot be reached; going on with the newest kernel of $series seen so far"
		else
			tail -n 5 "$cache_dir/logs/apt-update.log" >&2
			explain_failure "$cache_dir/logs/apt-update.log"
			die "cannot find out which kernels of series $series there are"
		fi
	fi
	release=$(cat "$memo")
}

find_in_archive() {
	release=$(archive_releases "$flavour" | grep -E "^${series//./\\.}[.+]" | tail -n 1 || true)
	[ -z "$release" ] || return 0
	local have
	have=$(archive_releases "$flavour" | cut -d. -f1,2 | sort -uV | paste -sd' ')
	die "trixie-backports has no kernel of series $series (flavour $flavour) any more; it has: ${have:-none}. Name one by --kernel=; supported is what tools/kernels lists: $(supported series | paste -sd' ')"
}

# The version part of the release, which flavours share: 7.3.4+deb13
release_version() { printf '%s\n' "${release%%+*}+$(printf '%s' "${release#*+}" | cut -d- -f1)"; }

kernel_packages() {
	printf '%s\n' "linux-headers-$release" "linux-modules-$release" \
		"linux-binary-$release" "linux-base-$release"
	[ -d "$(source_dir)" ] || printf 'linux-source-%s\n' "$series"
}

source_dir() { printf '%s/kernels/source-%s\n' "$cache_dir" "$(release_version)"; }

download_kernel() {
	local dir=$kernel_dir/debs package
	mkdir -p "$dir"
	cd "$dir"
	# apt leaves alone what is already there in full.
	mapfile -t packages < <(kernel_packages)
	apt_update
	for package in "${packages[@]}"; do
		apt-cache "${apt_options[@]}" show "$package" >/dev/null 2>&1 ||
			{ echo "the archive has no package $package"; return 1; }
	done
	apt-get "${apt_options[@]}" download "${packages[@]}"
	touch .complete
}

unpack_source() {
	local dir tmp version
	dir=$(source_dir)
	tmp=$dir.tmp
	version=${release%%+*}
	rm -rf "$tmp"
	mkdir -p "$tmp"
	# The package's only big file is the tarball: no need to store it twice.
	dpkg-deb --fsys-tarfile "$kernel_dir"/debs/linux-source-*.deb |
		tar -xO "./usr/src/linux-source-$series.tar.xz" |
		tar -xJ -C "$tmp" --strip-components=1
	local have
	have=$(awk '/^VERSION/ {v=$3} /^PATCHLEVEL/ {p=$3} /^SUBLEVEL/ {s=$3; print v "." p "." s; exit}' "$tmp/Makefile")
	[ "$have" = "$version" ] || { echo "linux-source-$series is $have, the kernel $version"; return 1; }
	mv "$tmp" "$dir"
}

unpack_headers() {
	rm -rf "$kernel_dir/debian.tmp" "$kernel_dir/debian"
	mkdir "$kernel_dir/debian.tmp"
	dpkg-deb -x "$kernel_dir/debs/linux-headers-${release}_"*.deb "$kernel_dir/debian.tmp"
	mv "$kernel_dir/debian.tmp" "$kernel_dir/debian"
}

# The key holds the build root, as its rustc made the metadata.
prepared_key() { basename "$(root_dir)"; }

prepare_kernel() {
	rm -rf "$kernel_dir/build" "$kernel_dir/.prepared"
	"$tools_dir/in-root" /src/tools/prepare-kdir \
		--source="/kernels/$(basename "$(source_dir)")" \
		--headers="/kernels/$release/debian/usr/src/linux-headers-$release" \
		--output="/kernels/$release/build" "$release"
	prepared_key >"$kernel_dir/.prepared"
}

is_prepared() { [ "$(cat "$kernel_dir/.prepared" 2>/dev/null)" = "$(prepared_key)" ]; }

# vmlinuz and an image of the modules, which are unpacked once here because
# inflating them in an emulated machine is slow.
make_boot_files() {
	local dir=$kernel_dir/boot.tmp deb base
	rm -rf "$dir"
	mkdir "$dir"
	for deb in modules binary base; do
		dpkg-deb -x "$kernel_dir/debs/linux-$deb-${release}_"*.deb "$dir"
	done
	base=/kernels/$release/boot.tmp
	"$tools_dir/in-root" sh -euc '
		modules=$1/usr/lib/modules/$2
		find "$modules" -name "*.ko.xz" -print0 | xargs -0 -r -n 64 -P "$(nproc)" unxz
		ln -s usr/lib "$1/lib"
		depmod -b "$1" "$2"
		mkdir "$1/initrd"
		for m in virtio_pci virtio_blk virtio_console ext4; do
			modprobe -d "$1" -S "$2" --show-depends "$m"
		done | sed -n "s/^insmod //p" | awk "!seen[\$1]++" | while read -r file; do
			cp "$file" "$1/initrd/"
			basename "$file" >>"$1/initrd/modules"
		done
		cp /usr/bin/busybox "$1/initrd/"
		size=$(du -sm "$modules" | cut -f1)
		truncate -s $((size * 5 / 4 + 64))M "$1/modules.ext4"
		mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=0 -d "$modules" "$1/modules.ext4"
	' sh "$base" "$release"
	rm -rf "$kernel_dir/initrd"
	mv "$dir/initrd" "$kernel_dir/initrd"
	mv "$dir/modules.ext4" "$kernel_dir/modules.ext4"
	mv "$dir/usr/lib/modules/$release/System.map" "$kernel_dir/System.map"
	mv "$dir/usr/lib/modules/$release/vmlinuz" "$kernel_dir/vmlinuz"
	rm -rf "$dir"
	touch "$kernel_dir/.bootable"
}
