# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # variables of tools/run-tests
#
# The sections of the tests: how each is run and counted, and the summary.
# Each leaves its output in $logs/<section>.log.

sections=(build check check-plants host tooling vm-stock vm-ours vm-no-ipv6 vm-switchdev differential wire-differential conformance demo)

# What a section prints last, "N passed, N failed", is its count.
run_build() { "$tools_dir/build" --kernel="$release" && echo "1 passed, 0 failed"; }
run_check() { "$tools_dir/in-root" tools/check --kdir="/kernels/$release/build"; }
run_check-plants() { "$tools_dir/in-root" tools/testing/check/run; }
run_host() { "$tools_dir/in-root" tools/testing/host/run; }
run_tooling() { tools/testing/tooling/run; }
run_vm-stock() { run_selftests stock; }
run_vm-ours() { run_selftests ours; }
run_differential() { "$tools_dir/differential" --kernel="$release" --seed=fixed --messages=2400 --out="$logs/differential"; }
run_wire-differential() { "$tools_dir/wire-differential" --kernel="$release" --seed=fixed --packets=2400 --out="$logs/wire-differential"; }
# The quick ones; "make conformance" runs all of them.
run_conformance() { tools/conformance --kernel="$release" fdb_changelink fdb_notify rtnetlink_encap nolocalbypass tc_tunnel_key; }
run_demo() { "$tools_dir/demo" --kernel="$release" && echo "1 passed, 0 failed"; }

# Without IPv6, and with switchdev, which Debian's cloud kernels lack: on both drivers.
run_vm-no-ipv6() {
	run_both "$release" --append=ipv6.disable=1 -- tools/testing/selftests/test_no_ipv6.py
}

run_vm-switchdev() {
	local other
	other=$("$tools_dir/setup" --kernel="${release%%-*}-amd64")
	run_both "$other" -- tools/testing/selftests/test_{switchdev,exports}.py
}

run_selftests() { run_pytest "$logs/vm-$1" "$1" "$release" -- tools/testing/selftests; }

# run_both RELEASE [OPTION-OF-VM...] -- ARGUMENT-OF-PYTEST...
run_both() {
	local driver rc=0 sum=()
	for driver in stock ours; do
		run_pytest "$logs/$section-$driver" "$driver" "$@" || rc=$?
		sum+=("$logs/$section-$driver/junit.xml")
	done
	count_junit "${sum[@]}"
	return "$rc"
}

# run_pytest OUT-DIRECTORY DRIVER RELEASE [OPTION-OF-VM...] -- ARGUMENT-OF-PYTEST...
run_pytest() {
	local out=$1 driver=$2 kernel=$3 options=() rc=0 probe
	shift 3
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	rm -rf "$out"
	probe=$("$tools_dir/testing/module/build" --kernel="$kernel")
	"$tools_dir/vm" --driver="$driver" --kernel="$kernel" --timeout=3000 --out="$out" \
		--file="$probe" "${options[@]}" -- \
		python3 -m pytest -q -p no:cacheprovider --junitxml=/out/junit.xml \
		--driver="$driver" --probe "$@" || rc=$?
	count_junit "$out/junit.xml"
	return "$rc"
}

# pytest counts setup errors apart from failures; here both are failures.
count_junit() {
	[ -f "$1" ] || return 0
	cat -- "$@" | tr '>' '\n' | awk '
		function get(name) { return match($0, " " name "=\"[0-9]+\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) + 0 : 0 }
		/<testsuite / { t += get("tests"); f += get("failures") + get("errors"); s += get("skipped") }
		END { printf "%d passed, %d failed, %d skipped\n", t - f - s, f, s }'
}

run_section() {
	local section=$1 log=$logs/$1.log rc=0 start=$SECONDS passed=0 failed=0 skipped=0 line
	say "$section ..."
	# In the background, for "||" would disable set -e within.
	(cd "$project_dir" && set -e && "run_$section") >"$log" 2>&1 </dev/null &
	wait $! || rc=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1 || true)
	if [ -n "$line" ]; then
		read -r passed failed skipped < <(awk '{ print $1, $3, $5 + 0 }' <<<"$line")
	fi
	# Failing without naming a test, and counting nothing, are failures too.
	if [ "$failed" -eq 0 ] && { [ "$rc" -ne 0 ] || [ "$passed" -eq 0 ]; }; then
		failed=1
	fi
	if [ "$failed" -gt 0 ]; then
		tail -n 40 "$log" | sed 's/^/    /' >&2
		# What follows a test run, like a kernel log, may hide which failed.
		grep -E '^(FAIL|FAILED|ERROR) ' "$log" | head -n 40 | sed 's/^/    /' >&2 || true
	fi
	say "$section: $passed passed, $failed failed, $skipped skipped ($((SECONDS - start)) s; $log)"
	names+=("$section") times+=("$((SECONDS - start))")
	all_passed+=("$passed") all_failed+=("$failed") all_skipped+=("$skipped")
}

names=() times=() all_passed=() all_failed=() all_skipped=()

print_summary() {
	local i p=0 f=0 s=0
	printf '\nkernel %s, %d s, logs in build/logs\n' "$release" $((SECONDS - started))
	printf '%-14s %8s %8s %8s %8s\n' section passed failed skipped seconds
	for i in "${!names[@]}"; do
		printf '%-14s %8d %8d %8d %8d\n' "${names[i]}" "${all_passed[i]}" "${all_failed[i]}" \
			"${all_skipped[i]}" "${times[i]}"
		p=$((p + all_passed[i])) f=$((f + all_failed[i])) s=$((s + all_skipped[i]))
	done
	if [ $s -gt 0 ]; then
		printf '%d passed, %d failed, %d skipped\n' $p $f $s
	else
		printf '%d passed, %d failed\n' $p $f
	fi
	[ $f -eq 0 ]
}
