#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# pre-install handler of RAUC: stands still while the file `hold` is there, so that a test can act in mid-installation.
cd "$(dirname "$0")" || exit 1
while [ -e hold ]; do
	touch held
	sleep 0.05
done
