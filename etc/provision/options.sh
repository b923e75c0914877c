# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables; opt_* come out of a table
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The options of devbus-provision: one table, out of which come parsing, defaults, checks and the help. Everything that
# will stand in a generated file is checked here against the narrowest grammar that serves, because a line break in a
# device id would be a line of the broker's configuration.

payload_bytes_max=268434431 # MQTT 5.0 1.5.5, less what stands beside the payload
header_bytes=1024 # topic, properties and fixed header that stand beside the payload in one MQTT packet

# option|check and bounds|default|argument|help; "list", "addresses": may be repeated, and the first replaces the default
options='output|path||DIR|folder to write into (required)
profile|profile|development|NAME|development (adds the read-only user monitor) or production
device-id|id|device|ID|name of this device at the cloud; required in production
services-dir|list||DIR|folder with NAME.acl or NAME/NAME.acl, one per service, in place of those of devbus; may be repeated. OUTPUT/services.d is read too
port|number 1 65535|1883|N|loopback port of the services: client id = user name
caller-port|number 1 65535|1885|N|loopback port of callers and monitors: any client id
monitor-listen|listen||ADDRESS:PORT|where the user monitor may come in from other machines, in clear; development only
broker-plugin|file||FILE|devbus-admission.so, which keeps client ids apart [the one that is installed beside this program]
tunnel-port|number 1 65535|1886|N|loopback port of the service bridge, for a cloud with TLS
cloud-kind|kind|generic|NAME|what the cloud broker is, see below; or the path of a file that says so
cloud|addresses|127.0.0.1:1884|HOST[:PORT]|the cloud broker; may be repeated: the others are for when it fails
cloud-prefix|prefix||PREFIX|topics at the cloud begin with PREFIX; %d in it is the device id
cloud-user|text||USER|user name at the cloud broker; %d in it is the device id, %h the host
cloud-password-file|file||FILE|its first line is the password at the cloud broker
cloud-cafile|file||FILE|certificate authorities of the cloud broker; turns TLS on
cloud-certfile|file||FILE|certificate of this device
cloud-keyfile|file||FILE|its private key
cloud-alpn|alpn||NAME|protocol that TLS asks for (ALPN)
restart-timeout|waits 1 3600|5 60|"N N"|seconds before the bridge tries again: first and longest
keepalive|number 5 65535|30|N|keep-alive of the bridge in seconds
payload-limit|number 1024 16777216|130048|BYTES|largest payload
broker-version|version||N.N.N|version of the Mosquitto to write for, if not that of this machine
user-of-broker|user||USER|user the broker runs as when root starts it [mosquitto]
data-dir|path||DIR|where the broker keeps sessions and queues [as before; at first OUTPUT/data]
state-dir|path||DIR|where the services keep theirs [as before; at first OUTPUT/state]
config-dir|path||DIR|where the folder of --output will be on the device, if elsewhere [OUTPUT]
options|list||FILE|file with further options, one per line: NAME VALUE
set|list||KEY=VALUE|a further setting of libdevbus for devbus.conf; may be repeated'

# flag|help
flags='check|let a broker read the new files before they are put in place
test|connect to the cloud with the new files before they are put in place
sessions|let the broker keep commands for services that have never run
apply|let systemd reload or restart what has to be, and nothing else
presence|let the cloud know, by a will, whether the device is there
roll-back|put back the files that were in place before the last change'

# Those of libdevbus that do not follow from an option: devbus.conf(5). No service starts with one that is out of its bounds.
# setting|check and bounds
settings='clock_sync|word auto always never
keepalive_s|number 5 1200
reconnect_min_ms|number 10 3600000
reconnect_max_ms|number 10 3600000
connect_timeout_s|number 1 300
stop_timeout_ms|number 0 60000
queue_limit_bytes|number 1024 999999999
pending_calls_max|number 1 65536
journal_max|number 1 65536
journal_days|number 1 3650
outbox_limit_bytes|number 65536 999999999
outbox_hours|number 1 87600
confirm|word echo ack time
confirm_after_s|number 1 86400'

usage()
{
	echo "usage: devbus-provision --output DIR [options]"
	echo "Writes the configuration of a device's broker, of its bridge to the cloud and of its services."
	echo
	while IFS='|' read -r name _ default argument help; do
		printf '  %-28s %s%s\n' "--$name $argument" "$help" "${default:+ [$default]}"
	done <<-EOF
		$options
	EOF
	while IFS='|' read -r flag help; do
		printf '  %-28s %s\n' "--$flag" "$help"
	done <<-EOF
		$flags
	EOF
	printf '  %-28s %s\n' --help "this text" --version "the version"
	echo
	echo "Kinds of clouds: $(kind_names)."
	echo "Prints the names of the files that changed."
	echo "Exit status: 0 done, 1 failed, 2 an option or a manifest is wrong and nothing was written."
}

variable_of() # OPTION: $variable, without a program, since it is needed a hundred times
{
	variable=opt_$1
	until [ "$variable" = "${variable%%-*}" ]; do
		variable=${variable%%-*}_${variable#*-}
	done
}

set_defaults()
{
	while IFS='|' read -r name _ default _; do
		variable_of "$name"
		eval "$variable=\$default"
	done <<-EOF
		$options
	EOF
	while IFS='|' read -r flag _; do
		variable_of "$flag"
		eval "$variable="
	done <<-EOF
		$flags
	EOF
	given=' '
}

find_row() # TABLE KEY: $row is the rest of its line
{
	row=$newline$1
	case $row in
	*"$newline$2|"*) row=${row#*"$newline$2|"} ;;
	*) return 1 ;;
	esac
	row=${row%%"$newline"*}
}

store() # OPTION VALUE
{
	if [ "$1" = options ]; then
		read_options "$2"
		return
	fi
	find_row "$options" "$1" || refuse "--$1" "unknown option; see --help"
	if [ -z "$2" ] && [ "$1" != cloud-prefix ]; then
		refuse "--$1" "is empty; leave it out to have the default"
	fi
	variable_of "$1"
	before=
	case $row in
	"list|"* | "addresses|"*) ! is_given "$1" || eval "before=\$$variable\$newline" ;;
	esac
	eval "$variable=\$before\$2"
	given="$given$1 "
}

store_flag() # FLAG
{
	variable_of "$1"
	eval "$variable=yes"
}

read_options() # FILE
{
	if [ ! -f "$1" ] || [ ! -r "$1" ]; then
		refuse "--options $1" "cannot be read; give a file that exists"
	fi
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'' | '#'*) ;;
		check | test | sessions | apply | presence) store_flag "$line" ;;
		options*) refuse "--options $1" "names a further file; give each file as an option of its own" ;;
		[a-z]*' '*) store "${line%% *}" "${line#* }" ;;
		*) refuse "--options $1: $line" "is no line NAME VALUE, such as device-id x7" ;;
		esac
	done <"$1"
}

parse() # ARGUMENTS
{
	while [ $# -gt 0 ]; do
		case $1 in
		--help) usage && exit 0 ;;
		--version) echo "devbus-provision $version" && exit 0 ;;
		--*=*)
			argument=${1#--}
			store "${argument%%=*}" "${argument#*=}"
			;;
		--check | --test | --sessions | --apply | --presence | --roll-back) store_flag "${1#--}" ;;
		--?*)
			find_row "$options" "${1#--}" || refuse "$1" "unknown option; see --help"
			[ $# -ge 2 ] || refuse "$1" "needs a value"
			store "${1#--}" "$2"
			shift
			;;
		*) refuse "$1" "is no option; see --help" ;;
		esac
		shift
	done
}

is_given() # OPTION
{
	case $given in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

# --- grammars -------------------------------------------------------------------------------------------------------

is_number() # VALUE MIN MAX
{
	case $1 in
	'' | *[!0-9]* | 0?* | ??????????*) return 1 ;;
	esac
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

is_level() # VALUE: one level of a cloud topic; stricter than MQTT, so that every cloud takes it
{
	case $1 in
	'' | *[!A-Za-z0-9._:-]*) return 1 ;;
	esac
	[ ${#1} -le 64 ]
}

is_prefix() # VALUE
{
	[ ${#1} -le 200 ] || return 1
	levels=$(printf '%s\n' "$1" | sed 's/%d/d/g')/
	while [ -n "$levels" ]; do
		is_level "${levels%%/*}" || return 1
		levels=${levels#*/}
	done
}

is_address() # VALUE
{
	host=${1%:*}
	case $host in
	"$1" | '' | *[!A-Za-z0-9.-]* | [.-]* | *..*) return 1 ;;
	esac
	[ ${#host} -le 253 ] && is_number "${1##*:}" 1 65535
}

is_loopback() # ADDRESS
{
	case $1 in
	127.*[!0-9.:]*) return 1 ;; # a name
	127.* | localhost:*) ;;
	*) return 1 ;;
	esac
}

is_text() # VALUE: what a line of a configuration file can hold
{
	case $1 in
	'' | *[[:cntrl:]]* | ' '* | *' ') return 1 ;;
	esac
	[ ${#1} -le 1023 ] # services/reach/bridge-conf.h
}

# --- checks: check_KIND OPTION VALUE [BOUNDS] -----------------------------------------------------------------------

check_number()
{
	is_number "$2" "$3" "$4" || refuse "$1 $2" "give a whole number from $3 to $4"
}

check_waits()
{
	if is_number "${2%% *}" "$3" "$4" && is_number "${2#* }" "${2%% *}" "$4"; then
		case $2 in *' '*) return ;; esac # one number alone is ignored by Mosquitto 2.0.11
	fi
	refuse "$1 $2" "give the first and the longest wait in seconds, $3 to $4, such as \"5 60\""
}

check_profile()
{
	case $2 in
	development | production) ;;
	*) refuse "$1 $2" "give development or production" ;;
	esac
}

check_id()
{
	is_level "$2" || refuse "$1 $2" "give 1 to 64 of A-Z a-z 0-9 . _ : -"
}

check_prefix()
{
	is_prefix "$2" || refuse "$1 $2" \
		"give levels of 1 to 64 of A-Z a-z 0-9 . _ : - or %d, with one / between them, such as devices/%d"
}

check_word() # PLACE VALUE WORD...
{
	place=$1 word=$2
	shift 2
	case $word in
	*' '*) ;;
	*) case " $* " in *" $word "*) return ;; esac ;;
	esac
	refuse "$place $word" "give one of: $*"
}

check_addresses() # one a line; without a port it is that of the kind
{
	[ "$(printf '%s\n' "$2" | wc -l)" -le 8 ] || refuse "$1" "is given more than 8 times; leave some out" # services/reach/bridge-conf.h
	while IFS= read -r address; do
		case $address in
		*:*) whole=$address ;;
		*) whole=$address:$kind_port ;;
		esac
		is_address "$whole" || refuse "$1 $address" \
			"give HOST:PORT, a name or an IPv4 address and a port, such as cloud.example.com:8883"
	done <<-EOT
		$2
	EOT
}

check_alpn()
{
	case $2 in
	*[!A-Za-z0-9._/-]*) refuse "$1 $2" "give the name of a protocol, such as x-amzn-mqtt-ca" ;;
	esac
}

check_version()
{
	case $2. in
	[!0-9]* | *[!0-9.]* | *..* | *.*.*.*.*) refuse "$1 $2" "give a version of Mosquitto, such as 2.0.11" ;;
	esac
}

check_listen()
{
	case ${2%:*} in
	*[!0-9.]*) ;;
	*) ! is_address "$2" || return 0 ;;
	esac
	refuse "$1 $2" "give an IPv4 address of this machine and a port, such as 192.168.7.2:1886"
}

check_text()
{
	is_text "$2" || refuse "$1" "has a control character, a blank at its begin or end, or more than 1023 bytes; give another"
}

check_path() # and makes it absolute
{
	check_text "$1" "$2"
	case $2 in
	/*) path=$2 ;;
	*) path=$PWD/$2 ;;
	esac
	[ "$path" = / ] || path=${path%/}
	variable_of "${1#--}"
	eval "$variable=\$path"
}

check_file()
{
	check_path "$1" "$2"
	if [ -n "$staged" ] && [ "$1" != --cloud-password-file ]; then
		return # it is a path of the device
	fi
	if [ ! -f "$2" ] || [ ! -r "$2" ]; then
		refuse "$1 $2" "cannot be read; give a file that exists"
	fi
}

check_user()
{
	case $2 in
	-* | *[!A-Za-z0-9_.-]*) refuse "$1 $2" "is no user name; give one of this machine" ;;
	esac
}

check_list()
{
	: # its items are checked where they are used
}

check_setting() # KEY=VALUE
{
	case ${1%%=*} in
	broker | user | password_file | device_id | state_dir | payload_limit_bytes | cloud_*)
		refuse "--set $1" "this key follows from another option; see --help" ;;
	"$1" | '' | *[!a-z0-9_]*) refuse "--set $1" "give KEY=VALUE, such as keepalive_s=5" ;;
	esac
	find_row "$settings" "${1%%=*}" ||
		refuse "--set $1" "${1%%=*} is not a setting of the library; see devbus.conf(5)"
	eval "check_${row%% *} \"--set \${1%%=*}\" \"\${1#*=}\" ${row#* }"
}

take_settings() # of the same key the last one holds, as with options
{
	taken=
	while IFS= read -r setting; do
		[ -n "$setting" ] || continue
		check_setting "$setting"
		taken=$(printf '%s\n' "$taken" | sed "/^${setting%%=*}=/d; /^\$/d" && printf '%s\n' "$setting")
	done <<-EOF
		$opt_set
	EOF
	opt_set=$taken
	first=$(setting_of reconnect_min_ms 100) longest=$(setting_of reconnect_max_ms 2000)
	[ "$first" -le "$longest" ] || refuse "--set reconnect_min_ms=$first" "is above reconnect_max_ms=$longest; lower it or raise that"
}

setting_of() # KEY DEFAULT
{
	found=$(printf '%s\n' "$opt_set" | sed -n "s/^$1=//p")
	echo "${found:-$2}"
}

check_options()
{
	is_given output || refuse --output "is missing; give the folder to write into"
	staged=
	! is_given config-dir || staged=yes
	while IFS='|' read -r name check _; do
		variable_of "$name"
		eval "value=\$$variable"
		[ -z "$value" ] || eval "check_${check%% *} \"--\$name\" \"\$value\" ${check#"${check%% *}"}"
	done <<-EOF
		$options
	EOF
	take_settings
	check_relations
}

check_relations()
{
	if [ -n "$staged" ] && [ -n "$opt_test$opt_apply$opt_roll_back" ]; then
		refuse --config-dir "is for an image; --test, --apply and --roll-back are for the device"
	fi
	require_other cloud-certfile cloud-keyfile
	require_other cloud-keyfile cloud-certfile
	require_other cloud-certfile cloud-cafile
	require_other cloud-password-file cloud-user
	[ "$opt_port" != "$opt_caller_port" ] ||
		refuse "--caller-port $opt_caller_port" "is the port of the services; give another"
	case $opt_tunnel_port in
	"$opt_port" | "$opt_caller_port")
		refuse "--tunnel-port $opt_tunnel_port" "is a port of the broker; give another" ;;
	esac
	while IFS= read -r address; do
		case ${address##*:} in
		"$opt_port" | "$opt_caller_port")
			! is_loopback "$address" || refuse "--cloud $address" "is this device's own broker; give another port" ;;
		esac
	done <<-EOT
		$opt_cloud
	EOT
	case ${opt_monitor_listen##*:} in
	"$opt_port" | "$opt_caller_port")
		refuse "--monitor-listen $opt_monitor_listen" "is the port of services or callers; give another" ;;
	esac
	[ "$opt_profile" = development ] || check_production
}

require_other() # OPTION OTHER
{
	! is_given "$1" || is_given "$2" || refuse "--$1" "needs --$2"
}

check_production()
{
	! is_given monitor-listen ||
		refuse "--monitor-listen $opt_monitor_listen" "is for development; in production nothing listens but on loopback"
	is_given device-id ||
		refuse --device-id "is required in production: two devices of one name throw each other off the cloud"
	is_given cloud-cafile || while IFS= read -r address; do
		is_loopback "$address" ||
			refuse --cloud-cafile "is required in production unless the cloud broker is on loopback: nothing leaves in clear"
	done <<-EOT
		$opt_cloud
	EOT
}
