# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What tools/vm promises, on the stock driver. A boot takes about 5 s, so one
# VM answers several questions where it can.

stock() { "$tools/vm" --driver=stock "$@"; }

test_vm_passes_arguments_output_and_status() {
	# shellcheck disable=SC2016 # not to be expanded, neither here nor there
	try stock -- sh -c 'printf "[%s]" "$@"; echo to-stderr >&2; exit 7' sh 'a b' '' "it's" '$HOME' '*'
	# shellcheck disable=SC2016
	status_is 7 && out_is "[a b][][it's][\$HOME][*]" && err_has '^to-stderr$'
}

test_vm_brings_project_in_and_results_out() {
	echo there >"$scratch/a file"
	try stock --out="$scratch/vm out" --param=udp_port=4790 --file="$scratch/a file" -- sh -euc '
		test "$(pwd)" = /src
		test -x tools/vm
		test ! -e .git
		test ! -e build
		test "$VXLAN_DRIVER" = stock
		test "$(cat "/files/a file")" = there
		test "$(id -u)" = 0
		mkdir /out/deep
		cat /sys/module/vxlan/parameters/udp_port >"/out/deep/a port"'
	status_is 0 && { [ "$(cat "$scratch/vm out/deep/a port")" = 4790 ] || wrong "nothing came back"; } &&
		{ [ -s "$scratch/vm out/kernel.log" ] || wrong "no kernel log"; }
}

test_vm_brings_files_in() {
	mkdir -p "$scratch/brought in/deep"
	echo text >"$scratch/brought in/deep/a file"
	echo more >"$scratch/another"
	try stock --file="$scratch/brought in" --file="$scratch/another" -- \
		cat "/files/brought in/deep/a file" /files/another
	status_is 0 && out_is $'text\nmore' || return
	try stock --file="$scratch/nowhere" -- true
	status_is 2 && err_has 'there is no file .*/nowhere'
}

test_vm_without_a_driver() {
	try "$tools/vm" --driver=none -- sh -c 'test ! -d /sys/module/vxlan && modprobe vxlan && echo loaded'
	status_is 0 && out_is loaded
}

test_vm_passes_much_output_unharmed() {
	try stock -- seq 1 200000
	status_is 0 && { [ "$(sha256sum <<<"$out")" = "$(seq 1 200000 | sha256sum)" ] || wrong "output differs"; }
}

test_vm_ends_what_hangs() {
	local start=$SECONDS
	try stock --timeout=30 -- sh -c 'echo begun; sleep 1000'
	status_is 124 && out_is begun && err_has 'took longer than the 30 s' &&
		{ [ $((SECONDS - start)) -le 50 ] || wrong "took much longer"; }
}

test_vm_fails_on_a_kernel_warning() {
	try stock -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at test" >/dev/kmsg'
	status_is 125 && err_has 'the kernel complained' && err_has '^ .*WARNING: CPU: 0 PID: 1 at test'
}

test_vm_fails_on_a_panic() {
	try stock -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
	status_is 125 && err_has 'the kernel complained' && err_has 'Kernel panic'
}

test_vm_refuses_a_bad_parameter() {
	try stock --param=udp_port=banana -- true
	status_is 125 && err_has 'driver cannot be loaded'
}

test_vm_appends_to_the_command_line() {
	try stock --append=ipv6.disable=1 --cpus=1 --mem=1G -- sh -c 'grep -c . /proc/net/if_inet6; nproc; head -n 1 /proc/meminfo'
	status_is 0 && { grep -qx 1 <<<"$out" || wrong "not one CPU"; } &&
		{ [ ! "$(grep -c 'MemTotal: *1[0-9]\{6\} ' <<<"$out")" = 1 ] || wrong "more than 1 GB"; } &&
		err_has 'if_inet6'
}

test_vm_bad_options() {
	try "$tools/vm" --driver=theirs -- true
	status_is 2 && err_has 'driver is ours, stock, none or both, not "theirs"' || return
	try "$tools/vm" --timeout=soon -- true
	status_is 2 && err_has 'timeout needs a number' || return
	try "$tools/vm" --driver=stock
	status_is 2 && err_has 'no command to run' || return
	try "$tools/vm" --image=nothing -- true
	status_is 2 && err_has 'no such image: nothing \(there are: vm conformance\)' || return
	try "$tools/vm" --driver=stock true
	status_is 2 && err_has 'goes after --' || return
	try "$tools/vm" --interactive
	status_is 2 && err_has 'needs a terminal' || return
	try "$tools/vm" --file=/nowhere -- true
	status_is 2 && err_has 'there is no file /nowhere' || return
	try "$tools/vm" --cpus=0 -- true
	status_is 2 && err_has 'cpus needs a number from 1 on, not "0"' || return
	try "$tools/vm" --mem=lots -- true
	status_is 2 && err_has 'mem needs a size like 512M or 2G, not "lots"' || return
	try "$tools/vm" --driver=stock --flavour=rt -- true
	status_is 2 && err_has 'no such flavour: rt' || return
	try "$tools/demo" --driver=theirs
	status_is 2 && err_has 'driver is ours or stock, not "theirs"' || return
	try "$tools/vm" --module=/nowhere.ko -- true
	status_is 2 && err_has 'there is no module /nowhere.ko'
}

test_vm_ends_with_its_caller() {
	# A session of its own tells which processes are its.
	setsid "$tools/vm" --driver=stock -- sleep 1000 >/dev/null 2>&1 </dev/null &
	local vm=$! tries=0
	sleep 6
	out=$(pgrep -s "$vm" -f qemu-system) err=''
	rc=0
	kill "$vm"
	wait "$vm" || rc=$?
	[ -n "$out" ] || wrong "QEMU was not running" || return
	status_is 143 || return
	while pgrep -s "$vm" >/dev/null && [ $tries -lt 50 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	! pgrep -s "$vm" >/dev/null || wrong "something of it is still running"
}
