#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# What the documents say of the examples: README shows the first one whole, and a section of the configuration costs ten lines.
set -u
cd "$srcdir" || exit 1

plain=doc/examples/fand.c
configured=doc/examples/fand-config.c
more=$(($(wc -l <$configured) - $(wc -l <$plain)))
changed=$(diff $plain $configured | grep -c '^<')

shown() {
	sed -n '/^```c$/,/^```$/p' README.md | grep -v '^```' | cmp -s - $plain
}

echo 1..3
if shown; then
	echo "ok 1 - README shows $plain as it is"
else
	echo "not ok 1 - README shows $plain as it is"
fi
if [ $more -le 10 ] && [ "$changed" -le 3 ] && grep -q 'devbus_config(' $configured; then
	echo "ok 2 - a section of the configuration costs ten lines"
else
	echo "# $more lines more, $changed lines changed"
	echo "not ok 2 - a section of the configuration costs ten lines"
fi
if flags=$(PKG_CONFIG_LIBDIR=$builddir/libdevbus pkg-config --cflags --libs devbus 2>&1); then
	echo "ok 3 - a service is built without the packages of the libraries behind devbus"
else
	echo "$flags" | sed 's/^/# /'
	echo "not ok 3 - a service is built without the packages of the libraries behind devbus"
fi
