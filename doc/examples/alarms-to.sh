#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# Hands each alarm that arrives at the cloud to a program: its text on standard input. See doc/sensors.md. Needs devbusctl and jq.
#
#	alarms-to.sh --cloud broker:1883 'devices/+/event/sensor/alarm' -- mail -s Alarm operators@example.com
#	alarms-to.sh --cloud broker:1883 'devices/+/event/sensor/alarm' -- curl -fsS --data-binary @- https://chat.example.com/hook
#
# What stands before -- goes to devbusctl watch: where the cloud's broker is, and the topic of the alarms there. An alarm is a durable event and may come twice, with the same stream and seq: it is handed over
# once. Alarms of the time in which this does not run are not seen; the table of readings-to-sqlite.py has them.
set -euf

options=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	# A word with blanks would be torn apart; no option of a broker has one.
	options="$options $1"
	shift
done
if [ $# -lt 2 ] || [ -z "$options" ]; then
	echo "usage: ${0##*/} [OPTION OF devbusctl watch...] TOPIC -- PROGRAM [ARGUMENT...]" >&2
	exit 2
fi
shift

# shellcheck disable=SC2016 # these are variables of jq
text='"\(.time) \($topic) \(.sensor): \(.alarm) \(.state)"
	+ (if .value == null then "" else ", \(.value) \(.unit)" end) + (if .limit == null then "" else " (limit \(.limit))" end)'
last=
# shellcheck disable=SC2086
devbusctl watch --at-cloud --no-retained $options | while IFS= read -r line; do
	alarm="{${line#*\{}"
	topic=$(echo "${line%%\{*}" | tr -s " " | cut -d " " -f 2)
	if ! mark=$(printf '%s\n' "$alarm" | jq -er '"\(.stream) \(.seq)"' 2>/dev/null); then
		echo "no alarm: $line" >&2
		continue
	fi
	case $last in
	*"<$mark>"*) continue ;;
	esac
	last="$(printf %s "$last" | tail -c 2000)<$mark>"
	printf '%s\n' "$alarm" | jq -r --arg topic "$topic" "$text" | "$@" || echo "$1 failed: $alarm" >&2
done
