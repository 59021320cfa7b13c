# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The differential tests: that they find what differs, and nothing where nothing does.

differential() { "$tools/vm" --driver=none "$@"; }
play=tools/testing/differential/run

test_differential_stock_is_like_stock() {
	try differential -- "$play" --drivers=stock,stock --seed=tooling --messages=600
	status_is 0 && { grep -q '^600 messages in 15 sequences, seed tooling' <<<"$out" || wrong "not 600"; } &&
		{ [ "$(tail -n 1 <<<"$out")" = "15 passed, 0 failed" ] || wrong "not all passed"; }
}

# A module parameter sets the default of one attribute, so that this is planted: one
# message without that attribute shows it, and nothing else is needed in it.
test_differential_finds_and_shrinks_a_difference() {
	try differential --out="$scratch/found" -- "$play" --drivers=stock,stock --seed=tooling \
		--messages=200 --second-parameters=udp_port=4790 --save=/out/differences
	status_is 1 || return
	local wanted
	for wanted in 'DIFFERENCE 1: events: NEWLINK IFLA_LINKINFO/INFO_DATA/VXLAN_PORT' \
		' 1 messages are enough:' 'stock (1): 2118' 'stock (2): 12b6' 'INFO_KIND = 76786c616e'; do
		grep -qF -- "$wanted" <<<"$out" || wrong "not found: $wanted" || return
	done
	sed '/differs/,$d' <<<"$out" >"$scratch/first"
	! grep -E 'VXLAN_[A-Z0-9_]+ =|IFLA_[A-Z]+ =' "$scratch/first" || wrong "not cut down" || return
	grep -qE '^[0-9]+ passed, [1-9][0-9]* failed$' <<<"$out" || wrong "no count of failures" || return
	grep -q '^{"ns": ' "$scratch/found/differences/1.txt" || wrong "nothing was saved"
}

test_differential_replays() {
	cat >"$clone/replayed.txt" <<-'EOF'
		# makes a device without options
		{"ns": "a", "kind": 16, "flags": 1540, "header": "00000000100000000000000000000000", "attrs": [[18, [[1, "76786c616e", 0, null], [2, [], 0, null]], 0, null]], "strict": false, "cut": 0}
	EOF
	try "$clone/tools/vm" --driver=none -- "$play" --drivers=stock,stock --show --replay replayed.txt
	status_is 0 && { grep -qF -- '-> success' <<<"$out" || wrong "not played"; } || return
	try "$clone/tools/vm" --driver=none -- "$play" --drivers=stock,stock --replay replayed.txt \
		--second-parameters=udp_port=4790
	status_is 1
	rm "$clone/replayed.txt"
}

test_differential_parts() {
	try "$tools/in-root" python3 -B tools/testing/differential/selftest.py
	status_is 0
}

test_differential_bad_options() {
	try "$tools/differential" --seed=
	status_is 2 && err_has 'seed needs a value' || return
	try "$tools/differential" --out=
	status_is 2 && err_has 'out needs a value' || return
	try "$tools/differential" --messages=many
	status_is 2 && err_has 'messages needs a number, not "many"'
}
