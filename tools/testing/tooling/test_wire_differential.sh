# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The differential tests with packets: that they find what differs, and nothing where nothing does.

wire_differential() { "$tools/vm" --driver=none "$@"; }
play_packets=tools/testing/wire_differential/run

test_wire_differential_stock_is_like_stock() {
	try wire_differential -- "$play_packets" --drivers=stock,stock --seed=tooling --packets=480
	status_is 0 && { grep -qE '^4[89][0-9] packets in 12 cases, seed tooling' <<<"$out" || wrong "not 480"; } &&
		{ [ "$(tail -n 1 <<<"$out")" = "12 passed, 0 failed" ] || wrong "not all passed"; }
}

# A module parameter sets the default port, so that this is planted: a tunnel without
# that attribute and one packet show it.
test_wire_differential_finds_and_shrinks_a_difference() {
	try wire_differential --out="$scratch/packets" -- "$play_packets" --drivers=stock,stock \
		--seed=difference --packets=240 --shrink=1 --second-parameters=udp_port=4790 --save=/out/differences
	status_is 1 || return
	local wanted
	for wanted in 'DIFFERENCE 1: ' '; 1 packets and 1 other steps are enough:' 'after step 2: '; do
		grep -qF -- "$wanted" <<<"$out" || wrong "not found: $wanted" || return
	done
	! grep -qF 'VXLAN_PORT =' <<<"$out" || wrong "not cut down" || return
	grep -qE '^[0-9]+ passed, [1-9][0-9]* failed$' <<<"$out" || wrong "no count of failures" || return
	grep -q '^{"packet": ' "$scratch/packets/differences/1.txt" || wrong "nothing was saved" || return
	cp "$scratch/packets/differences/1.txt" "$clone/found.txt"
	try "$clone/tools/vm" --driver=none -- "$play_packets" --drivers=stock,stock --replay found.txt \
		--second-parameters=udp_port=4790
	status_is 1 || return
	try "$clone/tools/vm" --driver=none -- "$play_packets" --drivers=stock,stock --replay found.txt
	status_is 0
	rm "$clone/found.txt"
}

test_wire_differential_parts() {
	try "$tools/in-root" python3 -B tools/testing/wire_differential/selftest.py
	status_is 0
}

test_wire_differential_bad_options() {
	try "$tools/wire-differential" --seed=
	status_is 2 && err_has 'seed needs a value' || return
	try "$tools/wire-differential" --out=
	status_is 2 && err_has 'out needs a value' || return
	try "$tools/wire-differential" --packets=many
	status_is 2 && err_has 'packets needs a number, not "many"'
}
