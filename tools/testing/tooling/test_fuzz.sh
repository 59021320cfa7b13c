# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# tools/fuzz: that it finds what is wrong, and nothing where nothing is.

# A copy of the pure code, to plant in.
fuzzed() {
	rm -rf "$clone/wire" "$clone/config"
	cp -r "$project/wire" "$project/config" "$clone/"
}

test_fuzz_finds_a_planted_bug() {
	fuzzed
	sed -i 's/|| end > len {/|| end > len.wrapping_add(1) {/' "$clone/wire/nd.rs"
	! cmp -s "$project/wire/nd.rs" "$clone/wire/nd.rs" || wrong "nothing was planted" || return
	try "$clone/tools/fuzz" --target=nd --seconds=20 --empty
	status_is 1 && err_has '^fuzz: finding in nd' && err_has 'panicked at .*targets/nd.rs' || return
	[ "$(tail -n 1 <<<"$out")" = "0 passed, 1 failed" ] || wrong "no count of failures" || return

	# What was found is a line for the corpus, which the fuzzer starts with.
	sed -n 's/^fuzz: nd input, .*: \([0-9a-f]*\)$/\1/p' <<<"$err" >"$scratch/line"
	[ -s "$scratch/line" ] || wrong "no input was printed" || return
	cat "$scratch/line" >>"$clone/tools/testing/fuzz/corpus/nd.hex"
	try "$clone/tools/fuzz" --target=nd --seconds=1
	status_is 1 || return
	fuzzed
	try "$clone/tools/fuzz" --target=nd --seconds=1
	status_is 0 && { [ "$(tail -n 1 <<<"$out")" = "1 passed, 0 failed" ] || wrong "not passed"; }
}

test_fuzz_options() {
	local option
	for option in --seconds=0 --seconds=x --seed= --target= --what; do
		try "$tools/fuzz" "$option"
		status_is 2 || return
	done
	try "$tools/fuzz" --target=what
	status_is 2 && err_has 'no target what'
}
