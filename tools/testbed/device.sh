# shellcheck shell=sh disable=SC2154 # options and folders come from devbus-testbed
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The services, one process of the testbed at a time, and all of them together.

start_service() # NAME: returns at once
{
	program=$(find_program "devbus-$1") || return 1
	launch "$1" env DEVBUS_CONFIG_DIR="$dir/etc" DEVBUS_STATE_DIR="$dir/state" "$program"
}

# The watcher says the truth, so it is not online while there is no cloud.
usable_state() # NAME: in a subshell, since it sets $pid
{
	if [ "$1" = bridge ] && { ! is_running cloud-broker || [ "$state" = T ]; }; then
		echo degraded
	else
		echo online
	fi
}

# In short steps, so that the death of the process is seen. The pid tells its status from that of the one before.
await_service() # NAME
{
	deadline=$(($(date +%s) + opt_timeout))
	wanted=$(usable_state "$1")
	while is_running "$1" && [ "$(date +%s)" -le "$deadline" ]; do
		"$devbusctl" --dir "$dir" status --wait --until "$wanted" --pid "$pid" --timeout-s 1 "$1" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

explain_service() # NAME
{
	if is_running "$1"; then
		complain "$1 is not online after $opt_timeout s"
		"$devbusctl" --dir "$dir" status "$1" >&2
	else
		complain "$1 has ended"
	fi
	show_log "$1"
}

do_start() # NAME
{
	if is_running "$1"; then
		[ "$state" != T ] || fail "$1 is frozen; thaw it"
		say "$1 runs already"
		return
	fi
	case $1 in
	*-broker) start_broker "$1" || { complain "$1 does not start" && show_log "$1" && return 1; } ;;
	*)
		start_service "$1" || return 1
		[ -n "$opt_no_wait" ] || await_service "$1" || { explain_service "$1" && return 1; }
		;;
	esac
}

do_stop()
{
	stop_process "$1"
}

do_restart()
{
	stop_process "$1"
	do_start "$1"
}

do_kill()
{
	kill_process "$1"
}

do_freeze()
{
	is_running "$1" || fail "$1 does not run"
	kill -STOP "$pid" && wait_until 5 is_in_state "$1" T
}

do_thaw()
{
	is_running "$1" || fail "$1 does not run"
	kill -CONT "$pid"
}

# What stands for `systemctl reboot`: returns at once, and the reboot service comes back in another boot. Asked for again on the way
# down, it is still one.
do_simulate_reboot()
{
	! is_running rebooter || return 0
	launch rebooter "$here/${0##*/}" finish-reboot --dir "$dir"
}

new_boot_id()
{
	cat /proc/sys/kernel/random/uuid >"$dir/boot_id.new" && mv "$dir/boot_id.new" "$dir/boot_id"
}

# The services that tell one boot from another; the others run on.
do_finish_reboot()
{
	stop_process reboot
	stop_process firmware
	new_boot_id
	SLOTS_DIR=$dir/slots "$file_slots" boot
	do_start firmware
	do_start reboot
}

any_running()
{
	for name in $everything rebooter; do
		! is_running "$name" || return 0
	done
	return 1
}

start_brokers()
{
	for name in cloud-broker local-broker; do
		start_broker "$name" && continue
		complain "$name does not start"
		show_log "$name"
		return 1
	done
}

bring_up_brokers()
{
	for _ in 1 2 3 4 5 6 7 8; do
		pick_ports
		write_cloud_conf
		generate || { complain "the configuration cannot be generated" && show_log provision && return 1; }
		message=$(start_brokers 2>&1) && return
		stop_process local-broker
		stop_process cloud-broker
		case $message in *"Address already in use"*) continue ;; esac
		break
	done
	printf '%s\n' "$message" >&2
	return 1
}

# The sessions that the services have now must be there after a kill of the broker too: commands wait in them.
save_sessions()
{
	is_running local-broker && kill -USR1 "$pid"
}

# One that has ended is the likelier cause than the one that was waited for.
explain_up() # NAME
{
	for name in $services; do
		is_running "$name" || { explain_service "$name" && return; }
	done
	explain_service "$1"
}

bring_up()
{
	bring_up_brokers || return 1
	write_service_settings
	write_env
	for name in $services; do
		start_service "$name" || return 1
	done
	for name in $services; do
		await_service "$name" || { explain_up "$name" && return 1; }
	done
	save_sessions
}

end_rebooter() # and what it waits for
{
	! is_running rebooter || kill -TERM -- "-$pid" 2>/dev/null
	wait_until 5 is_gone rebooter
}

take_down()
{
	end_rebooter
	for name in $services; do
		! is_running "$name" || kill -TERM "$pid" 2>/dev/null # all at once, then one by one
	done
	for name in $services local-broker cloud-broker; do
		stop_process "$name"
	done
	end_rebooter # the reboot service may have begun another one
	rm -f "$dir"/run/*.pid "$dir"/run/*.birth "$dir/testbed.env"
}

check_folder_name()
{
	case $dir in
	*[!A-Za-z0-9._/@%+=:,-]*) usage_error "$dir: give a folder without blanks and signs that a shell would read" ;;
	esac
	[ ${#dir} -le 200 ] || usage_error "$dir: too long"
}

make_folder()
{
	if [ -z "$opt_dir" ]; then
		opt_dir=$(mktemp -d "${TMPDIR:-/tmp}/devbus-testbed.XXXXXX") || exit 1
	fi
	mkdir -p "$opt_dir" && dir=$(cd -P -- "$opt_dir" && pwd) || exit 1
	check_folder_name
	if [ -n "$(ls -A "$dir")" ] && [ ! -d "$dir/run" ]; then
		usage_error "$dir: is not empty and no testbed; give another folder"
	fi
	mkdir -p "$dir/run" "$dir/log" "$dir/cloud" "$dir/slots" || exit 1
}

do_up()
{
	! any_running || fail "the testbed in $dir is up already; devbus-testbed down --dir $dir"
	rm -f "$dir"/log/*.log
	trap 'take_down; exit 1' HUP INT TERM
	if ! bring_up; then
		take_down
		fail "taken down again; logs are in $dir/log"
	fi
	trap - HUP INT TERM
	say "up in $dir"
	echo "  device $opt_device_id  127.0.0.1:$LOCAL_PORT    cloud  127.0.0.1:$CLOUD_PORT    settings for scripts: $dir/testbed.env"
}

do_down()
{
	any_running || [ -f "$dir/testbed.env" ] || say "the testbed in $dir was not up"
	take_down
}

describe_process() # NAME
{
	if ! is_running "$1"; then
		printf '%-13s %-8s %s\n' "$1" stopped "$(ports_of "$1")"
		return 1
	fi
	word=running
	[ "$state" != T ] || word=frozen
	printf '%-13s %-8s %-8s %s\n' "$1" $word "$pid" "$(ports_of "$1")"
	[ $word = running ]
}

do_status()
{
	result=0
	for name in $everything; do
		describe_process "$name" || result=1
	done
	return $result
}
