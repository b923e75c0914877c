#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# TAP: each fuzzer over its own corpus, a folder of the same name.
set -u

number=0
fuzzers=$(cd "$builddir/tests/fuzz" && ls -d fuzz-* | grep -v '\.')
echo "1..$(echo "$fuzzers" | wc -l)"
for fuzzer in $fuzzers; do
	number=$((number + 1))
	if "$builddir/tests/fuzz/$fuzzer" "$srcdir/tests/fuzz/corpus/${fuzzer#fuzz-}" >"$fuzzer.out" 2>&1; then
		echo "ok $number - corpus of $fuzzer"
	else
		sed 's/^/# /' "$fuzzer.out"
		echo "not ok $number - corpus of $fuzzer"
	fi
	rm -f "$fuzzer.out"
done
