# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # variables of common.sh
#
# The project's files as git sees them: tracked and new ones, nothing ignored.

list_project_files() {
	if git -c safe.directory='*' -C "$project_dir" rev-parse --git-dir >/dev/null 2>&1; then
		git -c safe.directory='*' -C "$project_dir" ls-files -z --cached --others \
			--exclude-standard --deduplicate
	else
		(cd "$project_dir" && find . -path ./build -prune -o -type f -printf '%P\0')
	fi
}

# copy_project_files DIRECTORY: reads the list from standard input. Files come
# and go while others edit: those deleted since they were listed are no loss.
copy_project_files() {
	tar -C "$project_dir" --null --no-recursion --ignore-failed-read --warning=no-failed-read \
		-cf - -T - 2>/dev/null | tar -C "$1" -xf -
}

# copy_sources DIRECTORY: what Kbuild needs. Keeps times, so that only what
# changed is built again, and removes what is gone, as a stale fdb.rs beside a
# new fdb/mod.rs is an error.
copy_sources() {
	local dir=$1 list=$1/.sources
	list_project_files |
		{ grep -zvE '^(tools|Documentation|build|\.ci)/|^\.git|^Makefile$|\.md$' || true; } >"$list.new"
	if [ -f "$list" ]; then
		comm -z -23 <(sort -z "$list") <(sort -z "$list.new") |
			(cd "$dir" && xargs -0 -r rm -f --)
	fi
	# A file deleted from the work tree is still listed by git.
	(cd "$project_dir" && while IFS= read -r -d '' f; do
		if [ -e "$f" ]; then printf '%s\0' "$f"; else rm -f -- "$dir/$f"; fi
	done <"$list.new") | copy_project_files "$dir"
	mv "$list.new" "$list"
}
