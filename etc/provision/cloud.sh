# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables; opt_* and kind_* come out of tables
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# What differs from cloud to cloud is data: one small file each, NAME.cloud, read over generic.cloud. Its limits are
# held against the options here, because a broker in a data centre answers most mistakes by closing the connection.

# key|check and bounds: those of the options. bridge, topic and cannot may stand more than once.
kind_keys='title|text
protocol|word mqttv31 mqttv311 mqttv50
port|number 1 65535
ports|text
alpn|text
tls|word optional required
ca_hint|text
certificate|word optional required
password|word optional refused
user|word optional required
user_name|text
user_form|text
user_help|text
client_id|text
test_as|word device test
client_id_bytes|number 1 65535
refused_characters|text
keepalive_min_s|number 1 65535
keepalive_max_s|number 1 65535
payload_bytes|number 1024 268434431
topic_levels|number 1 65535
topic_bytes|number 1 65535
inflight_messages|number 1 65535
confirm|word echo ack time
adapter|text
presence|word optional refused
bridge|text
topic|text
cannot|text'

# option of a bridge|first Mosquitto that knows it. An older one does not start with it; 2.0.11 knows all others.
newer_bridge_options='bridge_ciphers|2.1.0
bridge_max_topic_alias|2.1.0
bridge_receive_maximum|2.1.0
bridge_reload_type|2.1.0
bridge_session_expiry_interval|2.1.0
bridge_tcp_keepalive|2.1.0
bridge_tcp_user_timeout|2.1.0
bridge_tls_use_os_certs|2.1.0'

# --- reading --------------------------------------------------------------------------------------------------------

check_kind() # the name of a file of ours, or the path of another
{
	clouds=$(first_folder "$here/clouds" "$here/../share/devbus/clouds") ||
		fail "its folder share/devbus/clouds is missing beside $here; install devbus again"
	case $2 in
	*/*) kind_file=$2 ;;
	*) kind_file=$clouds/$2.cloud ;;
	esac
	if [ ! -f "$kind_file" ] || [ ! -r "$kind_file" ]; then
		refuse "$1 $2" "is not known; give one of: $(kind_names), or the path of a file"
	fi
	while IFS='|' read -r key _; do
		eval "kind_$key="
	done <<-EOT
		$kind_keys
	EOT
	read_kind "$clouds/generic.cloud"
	[ "$2" = generic ] || read_kind "$kind_file"
}

kind_names()
{
	for path in "$here"/clouds/*.cloud "$here"/../share/devbus/clouds/*.cloud; do
		path=${path##*/}
		[ "$path" = '*.cloud' ] || printf '%s ' "${path%.cloud}"
	done | sed 's/ $//'
}

read_kind() # FILE
{
	number=0 had_topic=
	while read -r key value || [ -n "$key" ]; do
		number=$((number + 1))
		case $key in '' | '#'*) continue ;; esac
		read_kind_line "$1:$number: $key" "$key" "$value"
	done <"$1"
}

read_kind_line() # PLACE KEY VALUE
{
	find_row "$kind_keys" "$2" || refuse "$1" "is no key of a cloud; see doc/broker.md"
	[ -n "$3" ] || refuse "$1" "has no value; give one or remove the line"
	eval "check_${row%% *} \"\$1\" \"\$3\" ${row#"${row%% *}"}"
	case $2 in
	bridge) read_bridge_option "$1" "${3%% *}" "${3#* }" ;;
	topic)
		kind_topic=${had_topic:+$kind_topic$newline}$3
		had_topic=yes
		;;
	cannot) kind_cannot=${kind_cannot:+$kind_cannot$newline}$3 ;;
	*) eval "kind_$2=\$3" ;;
	esac
}

read_bridge_option() # PLACE OPTION VALUE: of the same option the last one holds
{
	case $2 in
	*[!a-z_]* | "$3") refuse "$1 $2" "is no option with a value; see mosquitto.conf(5)" ;;
	esac
	kind_bridge=$(printf '%s\n' "$kind_bridge" | sed "/^$2 /d; /^\$/d" && printf '%s %s\n' "$2" "$3")
}

# --- what stands in for % -------------------------------------------------------------------------------------------

expand_names() # TEXT
{
	printf '%s\n' "$1" | sed "s|%d|$opt_device_id|g; s|%h|${cloud_addresses%%:*}|g"
}

expand_topics() # TEXT
{
	expand_names "$1" | sed "s|%p|${prefix:-cloud}|g; s|%e|$echo_topic|g"
}

derive_cloud()
{
	cloud_addresses=$(echo "$opt_cloud" | sed "/:/!s/\$/:$kind_port/")
	prefix=$(expand_names "$opt_cloud_prefix")
	echo_topic=${prefix:+$prefix/echo}
	echo_topic=${echo_topic:-devbus-echo/$opt_device_id}
	cloud_client_id=$(expand_names "$kind_client_id")
	presence_id=$cloud_client_id-presence
	presence_topic=${prefix:+$prefix/presence}
	presence_topic=${presence_topic:-devbus-presence/$opt_device_id}
	cloud_user=$(expand_names "${opt_cloud_user:-$kind_user_name}")
	cloud_alpn=$opt_cloud_alpn alpn_port=
	if [ -z "$cloud_alpn" ] && [ -n "$kind_alpn" ] && uses_port "${kind_alpn%% *}"; then
		alpn_port=${kind_alpn%% *} cloud_alpn=${kind_alpn#* }
	fi
	cloud_confirm=
	case "$newline$opt_set" in
	*"${newline}confirm="*) ;;
	*) cloud_confirm=$kind_confirm ;;
	esac
}

uses_port() # PORT: any address
{
	case $cloud_addresses in
	*":$1" | *":$1$newline"*) ;;
	*) return 1 ;;
	esac
}

# --- limits ---------------------------------------------------------------------------------------------------------

check_cloud()
{
	check_cloud_addresses
	check_cloud_names
	check_cloud_proofs
	check_cloud_topics
	check_cloud_bounds
	[ -z "$opt_presence" ] || check_cloud_presence
}

check_cloud_addresses()
{
	while IFS= read -r address; do
		case " ${kind_ports:-"${address##*:}"} " in
		*" ${address##*:} "*) ;;
		*) is_loopback "$address" || refuse "--cloud $address" \
			"$kind_title takes MQTT on port $(echo "$kind_ports" | sed 's/ / or /g') only; give that" ;;
		esac
		[ "${address##*:}" = "${alpn_port:-"${address##*:}"}" ] ||
			refuse "--cloud $address" "one ALPN holds for all addresses; give port $alpn_port for each of them"
	done <<-EOT
		$cloud_addresses
	EOT
}

check_cloud_names()
{
	[ -z "$kind_client_id_bytes" ] || [ ${#cloud_client_id} -le "$kind_client_id_bytes" ] ||
		refuse "--device-id $opt_device_id" "$kind_title takes client ids of $kind_client_id_bytes bytes; give a shorter one"
	if [ -n "$kind_refused_characters" ]; then
		case $cloud_client_id/$prefix in
		*[$kind_refused_characters]*) refuse "--device-id $opt_device_id${prefix:+, --cloud-prefix $opt_cloud_prefix}" \
			"$kind_title does not keep these characters in a topic: $kind_refused_characters; use others" ;;
		esac
	fi
	[ "$kind_user" != required ] || [ -n "$cloud_user" ] ||
		refuse --cloud-user "is missing; $kind_title wants a user name${kind_user_help:+: $kind_user_help}"
	[ -n "$kind_user_form" ] || return 0
	# shellcheck disable=SC2254 # it is a pattern
	case $cloud_user in
	$kind_user_form) ;;
	*) refuse "--cloud-user $opt_cloud_user" "is not of the form that $kind_title wants; give $kind_user_help" ;;
	esac
}

check_cloud_proofs()
{
	[ "$kind_tls" != required ] || is_given cloud-cafile ||
		refuse --cloud-cafile "is missing; $kind_title speaks TLS only. Give the file of its authority${kind_ca_hint:+: $kind_ca_hint}"
	[ "$kind_certificate" != required ] || is_given cloud-certfile ||
		refuse --cloud-certfile "is missing; $kind_title knows a device by its certificate. Give it and --cloud-keyfile"
	[ "$kind_password" != refused ] || ! is_given cloud-password-file ||
		refuse --cloud-password-file "$kind_title is used with certificates only; leave it out"
	[ -z "$cloud_alpn" ] || is_given cloud-cafile || refuse --cloud-alpn "is a part of TLS and needs --cloud-cafile"
}

check_cloud_topics()
{
	case $kind_topic in
	*%p*) ;;
	*)
		[ -z "$prefix" ] || refuse "--cloud-prefix $opt_cloud_prefix" "$kind_title has topics of its own; leave it out"
		return
		;;
	esac
	longest=${prefix:-cloud}/command/service/item
	slashes=$(printf %s "$longest" | tr -cd /)
	[ $((${#slashes} + 1)) -le "${kind_topic_levels:-65535}" ] ||
		refuse "--cloud-prefix $opt_cloud_prefix" \
			"topics at $kind_title have at most $kind_topic_levels levels, and three follow the prefix; give a shorter one"
	bytes=$((${#longest} - 11 + 2 * 64)) # "service" and "item" have up to 64 each
	[ $bytes -le "${kind_topic_bytes:-65535}" ] ||
		refuse "--cloud-prefix $opt_cloud_prefix" \
			"topics at $kind_title have at most $kind_topic_bytes bytes, and up to 138 follow the prefix; give a shorter one"
}

check_cloud_presence()
{
	[ "$kind_presence" != refused ] || refuse --presence "$kind_title does not take it; leave it out"
	[ -z "$kind_client_id_bytes" ] || [ ${#presence_id} -le "$kind_client_id_bytes" ] ||
		refuse --presence "its client id $presence_id is longer than the $kind_client_id_bytes bytes that $kind_title takes; give a shorter --device-id"
}

check_cloud_bounds()
{
	is_number "$opt_keepalive" "${kind_keepalive_min_s:-5}" "${kind_keepalive_max_s:-65535}" ||
		refuse "--keepalive $opt_keepalive" "$kind_title takes ${kind_keepalive_min_s:-5} to ${kind_keepalive_max_s:-65535} seconds"
	case "$newline$opt_set$newline" in
	*"${newline}confirm=$kind_confirm$newline"* | *"${newline}confirm=ack$newline"*) ;;
	*"${newline}confirm="*)
		[ -z "$kind_confirm" ] || refuse "--set confirm" "$kind_title can do $kind_confirm or ack only; see devbus.conf(5)" ;;
	esac
}

cap_payload()
{
	kind_payload_bytes=${kind_payload_bytes:-$payload_bytes_max}
	[ "$opt_payload_limit" -gt "$kind_payload_bytes" ] || return 0
	warn "--payload-limit $opt_payload_limit: $kind_title takes $kind_payload_bytes bytes; that is the limit now"
	opt_payload_limit=$kind_payload_bytes
}

say_what_it_cannot() # once, when the bridge changes
{
	if [ -z "$kind_cannot" ] || ! grep -qx mosquitto.d/bridge.conf "$stage/changed"; then
		return
	fi
	printf '%s\n' "$kind_cannot" | sed "s/^/devbus-provision: $kind_title: /" >&2
}

# --- bridge ---------------------------------------------------------------------------------------------------------

version_number() # VERSION: as one number that grows
{
	echo "$1" | { IFS=. read -r major minor patch && echo $(((major * 1000 + ${minor:-0}) * 1000 + ${patch:-0})); }
}

broker_knows() # OPTION OF A BRIDGE
{
	! find_row "$newer_bridge_options" "$1" ||
		[ "$(version_number "$broker_version")" -ge "$(version_number "$row")" ]
}

render_kind_bridge()
{
	echo "bridge_protocol_version $kind_protocol"
	while read -r option value; do
		! broker_knows "$option" || printf '%s %s\n' "$option" "$value"
	done <<-EOT
		$kind_bridge
	EOT
}

render_kind_topics()
{
	expand_topics "$kind_topic" | sed 's/^/topic /'
}
