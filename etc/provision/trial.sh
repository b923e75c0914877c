# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables; opt_* come out of a table
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# Proofs, before anything is replaced: does a broker start with the new files, does the cloud take this device with them?
# A device that has put a wrong certificate in place can often not be reached any more to be given the right one.

try_broker() # a broker reads what has been staged, on other ports and with a bridge that reaches nobody
{
	if ! is_changed && [ "$(proof_number "$output/proven")" -gt 0 ]; then # each boot would pay for it
		echo "devbus-provision: a broker started with these files before" >&2
		return
	fi
	mkdir "$stage/trial" "$stage/trial/data"
	if start_trial; then
		stop_broker
		warn_of_log
		proof=broker
		return
	fi
	cat "$stage/trial/log" >&2
	fail "mosquitto $broker_version does not start with these files; those in place stay as they are"
}

start_trial() # with $stage/trial/data for a memory; sets $trial_port
{
	mkdir "$stage/trial/mosquitto.d"
	cp "$stage/acl" "$stage/passwd" "$stage/trial"
	for _ in 1 2 3 4 5 6 7 8; do
		trial_port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) / 2))
		render_trial "$trial_port"
		: >"$stage/trial/log" # which is looked into before the broker has opened it
		run_broker >"$stage/trial/log" 2>&1 &
		trial_pid=$!
		! wait_for_broker || return 0
		stop_broker
		grep -q "Address already in use" "$stage/trial/log" || return 1
	done
	return 1
}

# Ended with this program if that is killed, where setpriv can say so (not in BusyBox); where it outlives it, not with the lock.
run_broker()
{
	exec 9<&-
	setpriv --pdeathsig KILL true 2>/dev/null || exec mosquitto -c "$stage/trial/mosquitto.conf"
	exec setpriv --pdeathsig KILL mosquitto -c "$stage/trial/mosquitto.conf"
}

render_trial() # PORT
{
	(
		config_dir=$stage/trial data_dir=$stage/trial/data opt_user_of_broker=$(id -un)
		opt_port=$1 opt_caller_port=$(($1 + 1)) cloud_addresses=127.0.0.1:9 opt_tunnel_port=9 opt_monitor_listen=
		[ -z "$staged" ] || plugin= # it is a path of the device
		render_mosquitto_conf >"$stage/trial/mosquitto.conf"
		render_bridge_conf >"$stage/trial/mosquitto.d/bridge.conf"
		[ -z "$opt_presence" ] || render_presence_conf >"$stage/trial/mosquitto.d/presence.conf"
	)
}

wait_for_broker()
{
	tenths=0
	while kill -0 "$trial_pid" 2>/dev/null && [ $tenths -lt 100 ]; do
		! grep -q 'version .* running$' "$stage/trial/log" || return 0
		tenths=$((tenths + 1))
		sleep 0.1
	done
	return 1
}

warn_of_log()
{
	sed -n '/run as root/d; s/^[0-9]*: \(Warning.*\)/devbus-provision: mosquitto: \1/p' "$stage/trial/log" >&2
	echo "devbus-provision: mosquitto $broker_version starts with these files" >&2
}

stop_broker() # told again until it has heard: Mosquitto forgets a signal that comes before its main loop
{
	[ -n "$trial_pid" ] || return 0
	while kill "$trial_pid" 2>/dev/null; do
		sleep 0.1
	done
	wait "$trial_pid" 2>/dev/null || :
	trial_pid=
}

# --- the cloud ------------------------------------------------------------------------------------------------------

# The test is root's, and the tunnel is not: what only root can read would be found good here and not found there.
warn_of_cafile()
{
	[ "$(id -u)" -ne 0 ] || [ -n "$staged" ] || [ -z "$opt_cloud_cafile" ] || is_for_all "$opt_cloud_cafile" ||
		warn "$opt_cloud_cafile cannot be read by the service bridge, which is not root and sees no home folder; put it where all may read it, such as /etc/ssl/certs"
}

is_for_all() # FILE
{
	case $1 in /home/* | /root/* | /run/user/*) return 1 ;; esac # ProtectHome= of the unit
	[ -n "$(find -L "$1" -prune -perm -004)" ] || return 1
	folder=${1%/*}
	while [ -n "$folder" ]; do
		[ -n "$(find -L "$folder" -prune -perm -001)" ] || return 1
		folder=${folder%/*}
	done
}

find_cloud_test()
{
	cloud_test=$(command -v devbus-cloud-test) || cloud_test=$here/devbus-cloud-test
	[ -x "$cloud_test" ] || fail "devbus-cloud-test is not installed, and --test needs it"
}

try_cloud() # with the bridge's own file, so that what is tried is what will be used
{
	as_device=
	[ "$kind_test_as" = test ] || as_device=--as-device
	"$cloud_test" $as_device "$stage/cloud.conf" >&2 || fail "the cloud does not take this; all files stay as they are"
	proof=cloud
}
