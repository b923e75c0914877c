#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# A boot loader for RAUC that is a folder of files: bootloader=custom of system.conf. RAUC sets a slot that it writes bad
# before and only makes it the primary one after, so that has to make it good.
set -eu
cd "$(dirname "$0")/boot"

write() # FILE WORD: whole or not at all
{
	echo "$2" >"$1.new"
	mv "$1.new" "$1"
}

case $1 in
get-primary) cat primary ;;
set-primary)
	write "state.$2" good
	write primary "$2"
	;;
get-state) cat "state.$2" ;;
set-state) write "state.$2" "$3" ;;
get-current) cat current ;;
*) exit 1 ;;
esac
