# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# tools/conformance: its options, and what it takes for a pass.

test_conformance_judges_by_what_was_checked() {
	try "$tools/in-root" python3 -B -m pytest -q -p no:cacheprovider /src/tools/testing/conformance
	status_is 0
}

test_conformance_options() {
	try "$tools/conformance" --list
	status_is 0 && { grep -qx fdb_flush <<<"$out" || wrong "no fdb_flush in the list"; } || return
	try "$tools/conformance" no_such_test
	status_is 2 && err_has 'no test no_such_test \(there are: .*fdb_flush' || return
	try "$tools/conformance" --driver=theirs
	status_is 2 && err_has 'driver is both, stock or ours, not "theirs"' || return
	try "$tools/conformance" --logs="$scratch/logs" fdb_flush
	status_is 2 && err_has 'logs is a directory of the project, not ".*/logs"' || return
	[ ! -e "$scratch/logs" ] || wrong "the directory was made" || return
	try "$tools/conformance" --logs="$project" fdb_flush
	status_is 2 && err_has 'logs is a directory of the project' || return
	try "$tools/conformance" --module=/nowhere.ko fdb_flush
	status_is 2 && err_has 'there is no module /nowhere.ko'
}
