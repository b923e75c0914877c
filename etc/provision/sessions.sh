# shellcheck shell=sh disable=SC2034,SC2086,SC2154 # the parts share their variables; opt_* come out of a table
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# A broker keeps commands only for a client that it remembers, and the cloud may send the first ones before a service has
# ever run, or the power may go before the broker has saved that it did (protocol 4.6). So each service is introduced here by
# its own name: to the broker that is running, or else to one that has the device's memory for as long as that takes.
#
# Never a service that the broker remembers: whoever connects by its name is given its commands. The broker's file is asked for
# that, and a running one for a status; the file is replaced by a rename, like all others.

memory=mosquitto.db

make_sessions()
{
	printables "$data_dir/$memory" >"$stage/remembered"
	strangers=$(forgotten_services)
	[ -n "$strangers" ] || return 0
	for program in mosquitto_sub mosquitto_pub; do
		command -v $program >/dev/null || fail "$program is not installed, and --sessions needs it (Debian: apt-get install mosquitto-clients)"
	done
	if is_open "$opt_port"; then
		drop_known
		introduce_all "$opt_port" "$opt_caller_port"
	elif is_active; then
		strangers=
		warn "the broker runs and cannot be reached from here: it keeps commands for new services when these have run once"
	else
		start_with_memory
		introduce_all "$trial_port" $((trial_port + 1))
		stop_broker
		put_memory
	fi
	[ -z "$strangers" ] || echo "devbus-provision: from now on the broker keeps commands for" $strangers >&2
}

is_open() # PORT: somebody is there, whatever he says
{
	[ "$(as_client cli "$1" mosquitto_sub -t service/cli/status -E -W 5 2>&1)" != "Error: Connection refused" ]
}

is_active() # where this program has no network
{
	[ -n "$opt_apply" ] && systemctl -q is-active devbus-broker.service
}

drop_known() # from $strangers: whoever has a status has been there, though the broker has not saved it yet
{
	as_client cli "$opt_caller_port" mosquitto_sub -t service/+/status -v -W 3 >"$stage/known" 2>"$stage/said" || :
	[ "$(cat "$stage/said")" = "Timed out" ] ||
		fail "the broker on port $opt_caller_port does not say who is there: $(cat "$stage/said")"
	known=$strangers
	strangers=
	for service in $known; do
		grep -q "^service/$service/status " "$stage/known" || strangers="$strangers $service"
	done
}

introduce_all() # PORT CALLER_PORT
{
	for service in $strangers; do
		introduce "$service" "$1" "$2" || fail "the broker does not take $service; if it is running, reload it and run this again"
	done
}

printables() # FILE: what can be read of it, a run per line
{
	[ ! -f "$1" ] || tr -c ' -~' '\n' <"$1"
}

# A subscription stands there as the client id, followed by the filter.
forgotten_services()
{
	for service in $services; do
		grep -qxF "${service}cloud/command/$service/+" "$stage/remembered" || echo "$service"
	done
}

start_with_memory()
{
	rm -rf "$stage/trial"
	mkdir "$stage/trial" "$stage/trial/data"
	[ ! -f "$data_dir/$memory" ] || cp "$data_dir/$memory" "$stage/trial/data"
	cp "$stage/trial/data/$memory" "$stage/before" 2>/dev/null || : >"$stage/before"
	start_trial || start_without_memory
}

start_without_memory() # if that is what it fails of
{
	cat "$stage/trial/log" >&2
	rm -rf "$stage/trial/mosquitto.d" "$stage/trial/data/$memory"
	start_trial || { cat "$stage/trial/log" >&2 && fail "mosquitto $broker_version does not start, whatever is in $data_dir"; }
	warn "mosquitto does not start with $data_dir/$memory; it is $memory.damaged now, and what was kept in it for services is lost"
	cp "$data_dir/$memory" "$data_dir/$memory.damaged"
	guard "$data_dir/$memory.damaged" 600 "$broker_owner"
}

# The options of a client come from a file: everyone on a machine can read arguments.
as_client() # USER PORT PROGRAM OPTION...
{
	mkdir -p "$stage/client"
	{
		printf '%s\n' '-h 127.0.0.1' "-p $2" '-V 5' '-q 1' "-u $1"
		printf '%s %s\n' -P "$(cat "$output/secrets/$1")"
	} >"$stage/client/$3"
	shift 2
	XDG_CONFIG_HOME=$stage/client "$@" </dev/null
}

# The same filter and QoS as that of libdevbus, which replaces the subscription when the service is there. A status says that the
# service exists: without one its commands would be answered by the watcher. Through the other door, where no session is touched.
introduce() # SERVICE PORT CALLER_PORT
{
	as_client "$1" "$2" mosquitto_sub -c -i "$1" -t "cloud/command/$1/+" -E -W 10 || return 1
	grep -qF "service/$1/status{" "$stage/remembered" ||
		as_client "$1" "$3" mosquitto_pub -r -t "service/$1/status" -m "$(first_status)"
}

first_status()
{
	printf '{"state":"offline","reason":"it has never been started","time":"%s","clock":"unsynced","incarnation":0}' \
		"$(date -u +%Y-%m-%dT%H:%M:%S.000Z)"
}

put_memory() # unless a broker has written it meanwhile, whose memory is newer
{
	cmp -s "$data_dir/$memory" "$stage/before" || [ ! -e "$data_dir/$memory" ] ||
		fail "a broker is running in $data_dir; stop it, so that it can be given what it is to remember"
	# By way of the folder above, which is root's: a rename does not lead from one mount to another, and the unit has one for each of its folders.
	beside=${data_dir%/*}/.new.$memory
	cp "$stage/trial/data/$memory" "$beside"
	guard "$beside" 600 "$broker_owner"
	sync # Mosquitto does not start with a file that is cut short
	mv -f "$beside" "$data_dir/$memory"
}
