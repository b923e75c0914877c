#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# The headers, the map and the library must name the same functions.
set -u

declared=$(cat "$srcdir"/include/devbus/*.h | tr '\n' ' ' | sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/,,g' |
	grep -oE '\bdevbus_[a-z0-9_]+\(' | tr -d '(' | grep -vE '_handler$' | sort -u)
mapped=$(grep -oE '\bdevbus_[a-z0-9_]+;' "$srcdir/libdevbus/devbus.map" | tr -d ';' | sort -u)
library=$(ls "$builddir"/libdevbus/.libs/libdevbus.so 2>/dev/null)

compare() {
	if [ "$2" = "$3" ]; then
		echo "ok $1 - $4"
	else
		printf '# first:  %s\n# second: %s\n' "$(echo $2)" "$(echo $3)"
		echo "not ok $1 - $4"
	fi
}

echo 1..2
compare 1 "$declared" "$mapped" "the map lets out what the headers declare"
if [ -n "$library" ] && command -v nm >/dev/null; then
	exported=$(nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' | sed 's/@.*//' | sort -u)
	compare 2 "$exported" "$mapped" "the library has what the map lets out"
else
	echo "ok 2 - the library has what the map lets out # SKIP no shared library, or no nm"
fi
