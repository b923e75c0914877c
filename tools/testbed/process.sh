# shellcheck shell=sh disable=SC2154 # options and folders come from devbus-testbed
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# Processes that outlive the shell that started them. One is known by its pid and its start time, so that a pid that the
# kernel has given to somebody else is never signalled.

# Sets $state and $birth of a process. What comes after the name, which may hold blanks and parentheses: proc(5), stat.
look_at() # PID
{
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# shellcheck disable=SC2086 # words are wanted
	set -- ${stat##*) }
	state=$1 birth=${20}
}

# Sets $pid and $state. A zombie is gone: whoever should reap it may be no one in a container.
is_running() # NAME
{
	pid='' state='' known=''
	{ read -r pid <"$dir/run/$1.pid" && read -r known <"$dir/run/$1.birth"; } 2>/dev/null || return 1
	look_at "$pid" && [ "$birth" = "$known" ] && [ "$state" != Z ] && [ "$state" != X ]
}

# Polls, since none of these is a child of this shell. 20 ms is short beside what is waited for.
wait_until() # SECONDS COMMAND...
{
	deadline=$(($(date +%s) + $1 + 1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

is_gone() # NAME
{
	! is_running "$1"
}

is_in_state() # NAME STATE
{
	! is_running "$1" || [ "$state" = "$2" ]
}

# In a session of its own: Ctrl-C in the caller's terminal is not for it. fd 9 is the lock.
launch() # NAME COMMAND...
{
	name=$1
	shift
	log_start=$(wc -l 2>/dev/null <"$dir/log/$name.log" || echo 0)
	setsid "$@" </dev/null >>"$dir/log/$name.log" 2>&1 9>&- &
	pid=$!
	look_at "$pid" || birth=gone
	echo "$birth" >"$dir/run/$name.birth"
	echo "$pid" >"$dir/run/$name.new" && mv "$dir/run/$name.new" "$dir/run/$name.pid"
}

new_log() # NAME: what it said since its launch
{
	tail -n "+$((log_start + 1))" "$dir/log/$1.log"
}

show_log() # NAME: its end, for the one who must find out why
{
	complain "the end of $dir/log/$1.log:"
	tail -n 15 "$dir/log/$1.log" | sed 's/^/  | /' >&2
}

# A frozen process takes a SIGTERM only when it is thawed.
stop_process() # NAME
{
	is_running "$1" || return 0
	kill -TERM "$pid" 2>/dev/null
	kill -CONT "$pid" 2>/dev/null
	wait_until 10 is_gone "$1" && return
	complain "$1 did not end within 10 s of SIGTERM; it is killed"
	kill_process "$1"
	return 1
}

kill_process() # NAME
{
	is_running "$1" || return 0
	kill -KILL "$pid" 2>/dev/null
	wait_until 10 is_gone "$1"
}
