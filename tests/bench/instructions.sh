#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# How many instructions a message costs inside the library, beside what was recorded: time says little on a machine that does other work,
# and instructions say the same each time. With --record the table is printed anew.
set -u
program=$builddir/tests/bench/count-instructions
table=$srcdir/tests/bench/instructions.txt
messages=200
slack=15 # percent: another release of libc or cJSON
growth=10 # percent: many subscriptions beside one

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

command -v valgrind >/dev/null || skip "no valgrind"
case $DEVBUS_CFLAGS in *-fsanitize*) skip "sanitizers" ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/config" "$folder/state"

count() {
	DEVBUS_CONFIG_DIR=$folder/config DEVBUS_STATE_DIR=$folder/state DEVBUS_CLOCK_SYNC=always valgrind --tool=callgrind \
		--callgrind-out-file=/dev/null --toggle-collect=run_case --log-file="$folder/log" "$program" "$1" $messages &&
		sed -n 's/.*Collected : //p' "$folder/log" | awk -v messages=$messages '{ printf "%d\n", $1 / messages }'
}

if [ "${1:-}" = --record ]; then
	for name in event event-many call publish; do
		echo "$OPTIMISATION $name $(count $name)"
	done
	exit
fi

test=0
judge() { # what, count, bound
	test=$((test + 1))
	if [ -n "$2" ] && [ "$2" -gt 0 ] && [ "$2" -le "$3" ]; then
		echo "ok $test - $1: $2 instructions, at most $3"
	else
		echo "not ok $test - $1: ${2:-no} instructions, at most $3 were expected"
	fi
}

recorded() {
	awk -v level="$OPTIMISATION" -v name="$1" '$1 == level && $2 == name { print $3 }' "$table"
}

known=no
case $(uname -m)-$CC in x86_64-*gcc*) [ -n "$(recorded event)" ] && known=yes ;; esac
echo 1..4
one=$(count event)
many=$(count event-many)
judge "an event for one of many subscriptions" "$many" $((one * (100 + growth) / 100))
for name in event call publish; do
	if [ $known = no ]; then
		test=$((test + 1))
		echo "ok $test - $name # SKIP nothing recorded for this machine, compiler and optimisation ($(count $name))"
	else
		judge "$name" "$(count $name)" $(($(recorded $name) * (100 + slack) / 100))
	fi
done
