#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# What may include what (doc/architecture.md). The lists are in libdevbus/local.mk; a file that is not in one of
# them fails as well.
set -u
cd "$srcdir" || exit 1

number=0
# Prints the result of a test that found the lines in $2 wrong.
result() {
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "$2" | sed 's/^/# /'
		echo "not ok $number - $1"
	fi
}

# Files outside of $2... that match the pattern $1.
elsewhere() {
	pattern=$1
	shift
	files=$(grep -lE "$pattern" libdevbus/*.[ch] include/devbus/*.h services/*/*.[ch] tools/*/*.[ch] 2>/dev/null)
	for file in $files; do
		case " $* " in
		*" $file "*) ;;
		*) echo "$file" ;;
		esac
	done
}

files_of_floor() {
	sed -n "/^libdevbus_floor$1 = /,/[^\\\\]\$/p" libdevbus/local.mk | grep -oE '[a-z0-9-]+\.[ch]'
}

# Headers in quotes that a floor's files include and that belong to none of the floors up to theirs.
above_floor() {
	allowed=
	for floor in $(seq 0 "$1"); do
		allowed="$allowed $(files_of_floor "$floor" | tr '\n' ' ')"
	done
	for file in $(files_of_floor "$1"); do
		for header in $(sed -n 's/^#include "\(.*\)"$/\1/p' "libdevbus/$file"); do
			case " $allowed " in
			*" $header "*) ;;
			*) echo "libdevbus/$file includes $header" ;;
			esac
		done
	done
}

outside_own_folder() {
	for file in services/*/*.[ch]; do
		folder=$(dirname "$file")
		grep -HnE '#include <(devbus/(error|field|json)\.h|MQTT|cJSON)' "$file"
		for header in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$file"); do
			[ -f "$folder/$header" ] || echo "$file includes $header"
		done
	done
}

unlisted() {
	listed=" $(for floor in 0 1 2 3; do files_of_floor $floor; done | tr '\n' ' ') "
	for file in libdevbus/*.[ch]; do
		case $listed in
		*" $(basename "$file") "*) ;;
		*) echo "$file is in no floor of libdevbus/local.mk" ;;
		esac
	done
}

echo 1..10
result "Paho's headers are included by one file" "$(elsewhere '#include <MQTT' libdevbus/paho.c)"
result "cJSON.h is included by the JSON floor alone" "$(elsewhere '#include .*cJSON\.h' $(ls libdevbus/json*.c libdevbus/json*.h))"
result "sqlite3.h is included by the store alone" "$(elsewhere '#include <sqlite3\.h' $(ls libdevbus/store*))"
result "threads are made, and locks taken, in one module" \
	"$(elsewhere 'pthread_(create|mutex|cond|rwlock|spin)|mtx_|thrd_' libdevbus/handoff.c libdevbus/handoff.h)"
result "every file of libdevbus is in a floor" "$(unlisted)"
for floor in 0 1 2 3; do
	result "floor $floor includes nothing from above" "$(above_floor $floor)"
done
result "services include <devbus/devbus.h> and their own files" "$(outside_own_folder)"
