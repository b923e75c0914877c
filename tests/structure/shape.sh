#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# How files look: a licence in each, none too long to read in one go, laid out by .clang-format where that is installed.
set -u
cd "$srcdir" || exit 1

sources=$(ls libdevbus/*.[ch] include/devbus/*.h services/*/*.[ch] tools/*/*.[ch] etc/*/*.[ch] tests/*/*.[ch] doc/examples/*.c)

report() {
	if [ -z "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "$3" | sed 's/^/# /'
		echo "not ok $1 - $2"
	fi
}

without_licence() {
	for file in $sources; do
		head -n 1 "$file" | grep -q 'SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause' || echo "$file"
	done
}

# Tests may be longer: most of theirs are tables of cases.
too_long() {
	for file in $sources; do
		case $file in
		tests/*) limit=650 ;;
		*) limit=400 ;;
		esac
		lines=$(wc -l <"$file")
		[ "$lines" -le $limit ] || echo "$file has $lines lines, more than $limit"
	done
}

other_layout() {
	for file in $sources; do
		clang-format "$file" | cmp -s - "$file" || echo "$file"
	done
}

echo 1..3
report 1 "every source file names its licence first" "$(without_licence)"
report 2 "no source file is too long to read in one go" "$(too_long)"
case $(clang-format --version 2>/dev/null) in
*"version 14."*) report 3 "the layout is that of .clang-format" "$(other_layout)" ;;
*) echo "ok 3 - the layout is that of .clang-format # SKIP no clang-format 14" ;;
esac
