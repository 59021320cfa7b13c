# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What tools/bench promises: counts that are right, and a report that shows what is slower.

in_root() { "$tools/in-root" "$@"; }

test_bench_bad_options() {
	try "$tools/bench" --driver=theirs
	status_is 2 && err_has 'driver is both, ours or stock, not "theirs"' || return
	try "$tools/bench" --only=transmit,nothing
	status_is 2 && err_has 'no group or row "nothing" \(groups: transmit receive' || return
	try "$tools/bench" --profile=transmit
	status_is 2 && err_has 'takes one row, and transmit is several' || return
	try "$tools/bench" --profile=tx-v4-60 --least=few
	status_is 2 && err_has 'least needs a number, not "few"' || return
	try "$tools/bench" --function=vxlan_xmit
	status_is 2 && err_has '--function goes with --profile=ROW' || return
	try "$tools/bench" --last --least=5
	status_is 2 && err_has '--least goes with --profile=ROW' || return
	try "$tools/bench" --profile=
	status_is 2 && err_has '--profile needs a value' || return
	try "$tools/bench" --document --only=transmit
	status_is 2 && err_has 'document is for all rows' || return
	try "$tools/bench" --document --last
	status_is 2 && err_has 'document is for all rows' || return
	try "$tools/vm" --icount --cpus=2 --driver=none -- true
	status_is 2 && err_has 'icount has one CPU, not 2' || return
	try "$tools/vm" --plugin=/nowhere.so --driver=none -- true
	status_is 2 && err_has 'there is no plugin /nowhere.so'
}

test_bench_lists_rows() {
	try "$tools/bench" --list
	status_is 0 && { grep -q '^transmit  *tx-v4-60  *transmit, IPv4, 60 octets, for each packet$' <<<"$out" || wrong "no such row"; }
}

# A boot as tools/bench makes it, of known work in place of a driver's.
test_bench_counts() {
	in_root gcc-14 -O2 -shared -fPIC -o "$scratch/count.so" tools/testing/bench/count.c || return
	try "$tools/vm" --icount --plugin="$scratch/count.so" --driver=none --out="$scratch/counted" -- \
		tools/testing/bench/selftest.py guest
	status_is 0 || return
	try in_root tools/testing/bench/selftest.py judge "$scratch/counted"
	status_is 0
}

# pretend DRIVER FUNCTION: a boot of it, whose log is standard input; the function is the driver's own.
pretend() {
	local dir=$scratch/pretended/counted-$1
	mkdir -p "$dir"
	printf '%s\n' 'ffffffff81000000 T kernel_work' "ffffffffc0000000 t $2 [vxlan]" >"$dir/symbols"
	cat >"$dir/plugin.log"
	echo '{"kernel": "7.3.0-test", "driver": "'"$1"'", "figures": {"tx-v4-60": {"terms": [[0.01, [0, 1]]]}}}' \
		>"$dir/runs.json"
}

# Two drivers, of which ours takes a hundred instructions more in a function of its own.
pretend_results() {
	pretend stock vxlan_work <<-'END'
		run 0 kernel 30000 user 5 blocks 2
		ffffffff81000000 20000
		ffffffffc0000010 10000
		run 1 kernel 31000 user 5 blocks 2
		ffffffff81000000 21000
		ffffffffc0000010 10000
	END
	pretend ours our_work <<-'END'
		run 0 kernel 41000 user 5 blocks 2
		ffffffff81000000 21000
		ffffffffc0000010 20000
		run 1 kernel 40000 user 5 blocks 3
		ffffffff81000000 20000
		ffffffffc0000000 10000
		ffffffffc0000020 10000
	END
}

test_bench_reports_what_is_slower() {
	pretend_results
	printf '%s\n' 'text before' '<!-- figures: from here on written by tools/bench -->' 'old figures' \
		'<!-- figures: end -->' 'text after' >"$scratch/document.md"
	try in_root tools/testing/bench/report.py "$scratch/pretended" --document="$scratch/document.md" --commit=abc
	status_is 0 || return
	grep -qE '^transmit, IPv4, 60 octets +packet +300 +400 +1\.333 +100 +200 +2\.000$' <<<"$out" ||
		wrong "not the figures" || return
	out=$(cat "$scratch/document.md")
	grep -q '^text before$' <<<"$out" && grep -q '^text after$' <<<"$out" && ! grep -q 'old figures' <<<"$out" ||
		wrong "the text around is not as it was" || return
	grep -qF 'Commit abc, kernel 7.3.0-test.' <<<"$out" &&
		grep -qF '| transmit, IPv4, 60 octets | packet | 300 | 400 | 1.333 | 100 | 200 | 2.000 |' <<<"$out" &&
		grep -qF '**transmit, IPv4, 60 octets**, 1.333: +100 for each packet' <<<"$out" &&
		grep -qF 'By module: vxlan +100.' <<<"$out" && grep -qF 'Ours: `our_work` 200.' <<<"$out" ||
		wrong "not the document" || return
	try in_root tools/testing/bench/report.py "$scratch/pretended" --profile=tx-v4-60
	status_is 0 && { grep -qE '^vxlan +our_work +0\.0 +200\.0$' <<<"$out" || wrong "not the profile"; } || return
	try in_root tools/testing/bench/report.py "$scratch/pretended" --profile=rx-v4
	status_is 2 && err_has 'there is no profile of rx-v4 \(measured: tx-v4-60\)'
}

test_bench_refuses_what_is_cut_off() {
	pretend_results
	sed -i '/^run 1/d' "$scratch/pretended/counted-ours/plugin.log"
	try in_root tools/testing/bench/report.py "$scratch/pretended"
	{ [ "$rc" -ne 0 ] || wrong "it made figures of it"; } && err_has 'plugin.log is damaged'
}
