# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # variables of tools/vm
#
# What tools/vm sends into the VM, and how it judges what comes back.

# Kernel messages that make a run fail whatever the command said. That an
# out-of-tree module taints the kernel is none of them.
kernel_trouble='WARNING: |BUG: |kernel BUG|Oops|INFO: |lockdep|leaked|detected .*stall|stall(s|ed) on CPU|unregister_netdevice: waiting|refcount_t|general protection fault|Kernel panic|unable to handle|KASAN|KCSAN|UBSAN|kmemleak|corruption|scheduling while atomic|sleeping function|suspicious RCU|rust_kernel: panicked'

make_payload() {
	local top=$run/payload
	mkdir -p "$top/.vm" "$top/src"
	list_project_files | copy_project_files "$top/src" || true
	install -m 755 "$tools_dir/lib/guest-init" "$top/.vm/init"
	if [ -n "$module" ]; then
		cp "$module" "$top/.vm/vxlan.ko"
	fi
	if [ ${#files[@]} -gt 0 ]; then
		mkdir "$top/files"
		cp -a -- "${files[@]}" "$top/files/"
	fi
	: >"$top/.vm/argv"
	[ $# -eq 0 ] || printf '%s\0' "$@" >"$top/.vm/argv"
	: >"$top/.vm/params"
	[ ${#params[@]} -eq 0 ] || printf '%s\0' "${params[@]}" >"$top/.vm/params"
	local size=(24 80)
	[ $interactive = no ] || read -ra size < <(stty size)
	printf '%s=%q\n' VXLAN_DRIVER "$driver" VM_HOSTNAME "vm-$driver" VM_INTERACTIVE "$interactive" \
		VM_TERM "${TERM:-dumb}" VM_ROWS "${size[0]}" VM_COLUMNS "${size[1]}" >"$top/.vm/job"
	tar -C "$top" --owner=0 --group=0 -cf "$run/payload.tar" .
	rm -rf "$top"
}

write_settings() {
	local name
	for name in release memory cpus append time_limit interactive icount; do
		printf '%s=%q\n' "$name" "${!name}"
	done >"$run/settings"
	printf 'image=%q\n' "$(basename "$(image_file "$image")")" >>"$run/settings"
}

fetch_results() {
	mkdir -p "$run/results"
	tar -C "$run/results" -xf "$run/result.tar" 2>/dev/null || true
	touch "$run/kernel.log" "$run/status"
	if [ -f "$run/results/.dmesg" ]; then
		mv "$run/results/.dmesg" "$run/dmesg"
	else
		: >"$run/dmesg"
	fi
	if [ -n "$out" ]; then
		mkdir -p "$out"
		cp -r "$run/results/." "$out/"
		cp "$run/kernel.log" "$out/kernel.log"
		[ -z "$plugin" ] || cp "$run/plugin.log" "$out/plugin.log" 2>/dev/null || true
		give_back "$out"
	fi
	[ -z "$log" ] || { cp "$run/kernel.log" "$log" && give_back "$log"; }
}

# The console and the log buffer each may lack what the other has. Messages of
# the boot, before the driver, are not looked at.
find_trouble() {
	local file
	for file in "$run/kernel.log" "$run/dmesg"; do
		tr -d '\r' <"$file" | awk '{ all[NR] = $0 } /vxlan_rs-vm: start/ { first = NR }
			END { for (i = first + 1; i <= NR; i++) print all[i] }'
	done | grep -E "$kernel_trouble" | awk '!seen[$0]++' || true
}

show_log() {
	say "the last lines of the kernel log:"
	tail -n 60 "$run/kernel.log" | sed 's/^/    /' >&2
}

# judge QEMU-STATUS: ends tools/vm with the status that the run deserves.
judge() {
	local status trouble
	fetch_results
	status=$(sed -n 's/^exit \([0-9]*\).*/\1/p' "$run/status" | tail -n 1)
	trouble=$(find_trouble)
	if grep -q results-lost "$run/status"; then
		say "what the command left in /out did not fit and is lost"
	fi
	if [ -n "$trouble" ]; then
		show_log
		say "the kernel complained (exit status of the command: ${status:-none}):"
		printf '%s\n' "$trouble" | head -n 20 | sed 's/^/    /' >&2
		exit 125
	fi
	if [ "$1" -eq 124 ] || [ "$1" -eq 137 ]; then
		show_log
		say "the VM was ended: it took longer than the $time_limit s it was given"
		exit 124
	fi
	if [ -z "$status" ]; then
		show_log
		[ ! -s "$run/qemu.log" ] || tail -n 5 "$run/qemu.log" >&2
		say "the VM died before the command ended (QEMU's status: $1)"
		exit 125
	fi
	[ "$status" -eq 0 ] || [ "$interactive" = yes ] || show_log
	exit "$status"
}
