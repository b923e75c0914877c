# shellcheck shell=sh disable=SC2154 # options and folders come from devbus-testbed
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The two Mosquittos and their ports. No port is fixed, since several testbeds run side by side.

# Whether that very process listens there: somebody else may have been faster.
listens() # PID PORT
{
	inode=$(awk -v port="$(printf ':%04X' "$2")" \
		'$4 == "0A" && $2 ~ /^(0100007F|7F000001):/ && substr($2, 9) == port { print $10 }' /proc/net/tcp)
	[ -n "$inode" ] && readlink "/proc/$1/fd"/* 2>/dev/null | grep -qxF "socket:[$inode]"
}

ports_of() # NAME
{
	case $1 in
	cloud-broker) echo "$CLOUD_PORT" ;;
	local-broker) echo "$SERVICE_PORT $LOCAL_PORT" ;;
	esac
}

accepts_or_gone() # NAME
{
	is_running "$1" || return 0
	for port in $(ports_of "$1"); do
		listens "$pid" "$port" || return 1
	done
}

config_of() # NAME
{
	case $1 in
	cloud-broker) echo "$dir/cloud/mosquitto.conf" ;;
	local-broker) echo "$dir/etc/mosquitto.conf" ;;
	esac
}

start_broker() # NAME
{
	launch "$1" mosquitto -c "$(config_of "$1")"
	[ -n "$opt_no_wait" ] && return
	wait_until "$opt_timeout" accepts_or_gone "$1" && is_running "$1"
}

in_use()
{
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '{ print $2 }' | grep -q "$(printf ':%04X$' "$1")"
}

# Below the range that the kernel gives to clients, so that no connection sits on a port while its broker is down.
free_port() # NOT...
{
	while :; do
		port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
		case " $* " in *" $port "*) continue ;; esac
		in_use $port || break
	done
	echo "$port"
}

pick_ports()
{
	CLOUD_PORT=$(free_port)
	SERVICE_PORT=$(free_port "$CLOUD_PORT")
	LOCAL_PORT=$(free_port "$CLOUD_PORT" "$SERVICE_PORT")
}

write_cloud_conf()
{
	cat >"$dir/cloud/mosquitto.conf" <<-EOF
		# The stand-in cloud: it takes everybody, so it is on loopback only.
		listener $CLOUD_PORT 127.0.0.1
		allow_anonymous true
		set_tcp_nodelay true
		persistence true
		persistence_location $dir/cloud/
		autosave_interval 1
		max_queued_messages 100000
		log_dest stderr
		user $(id -un)
	EOF
}
