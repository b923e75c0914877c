# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables; opt_* come out of a table
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# From what was rendered to files in place. A device may lose power at any line of this: each file is replaced by a
# rename, and a second run finds what is missing, empty or does not fit and mends it. Secrets travel in files and pipes
# only, since every user of a machine can read the arguments of a process.

# version|what is wrong with it: github.com/eclipse-mosquitto/mosquitto/issues 2634, 2876
broken_brokers='2.0.15|has no bridge at every second start
2.0.16|sends more than its clients can take, and loses what is sent'

find_broker()
{
	for program in mosquitto mosquitto_passwd; do
		command -v $program >/dev/null || fail "$program is not installed (Debian: apt-get install mosquitto)"
	done
	broker_version=$({ mosquitto -h 2>/dev/null || :; } | sed -n '1s/^mosquitto version \([0-9][0-9.]*\).*/\1/p')
	[ -z "$opt_broker_version" ] || [ -z "$opt_check" ] || [ "$opt_broker_version" = "$broker_version" ] ||
		refuse "--broker-version $opt_broker_version" "a --check needs this version, and here is $broker_version; leave one of the two out"
	broker_version=${opt_broker_version:-$broker_version}
	! find_row "$broken_brokers" "$broker_version" || warn "mosquitto $broker_version $row; take a newer one"
	is_number "${broker_version%%.*}" 2 99 ||
		fail "mosquitto is of version ${broker_version:-unknown}; install 2.0 or newer"
	warn_of_names
}

# Its one thread then waits for the name server, as long as that is silent.
warn_of_names()
{
	! has_tunnel || return 0
	case $cloud_addresses in
	*[!0-9.:"$newline"]*) ;;
	*) return 0 ;;
	esac
	[ -n "$staged" ] || grep -q getaddrinfo_a "$(command -v mosquitto)" ||
		warn "this mosquitto was built without WITH_ADNS: the device stands still while the name of the cloud cannot be looked up; see broker.md"
}

find_plugin() # the one that is given or installed beside this program; from an image's place nobody can tell
{
	plugin=$opt_broker_plugin
	if [ -z "$plugin$staged" ] && folder=$(first_folder "$here/../libexec/devbus" "$here/../lib/devbus") &&
		[ -f "$folder/devbus-admission.so" ]; then
		plugin=$(cd "$folder" && pwd)/devbus-admission.so
	fi
	[ -z "$plugin" ] || return 0
	! is_given monitor-listen || refuse --broker-plugin \
		"is required with --monitor-listen: without devbus-admission.so every user could come in from other machines"
	[ "$opt_profile" = development ] ||
		warn "no devbus-admission.so: whoever has a password can take the client id of a service; see --broker-plugin"
}

find_broker_owner() # root's broker reads its files as another user once it is running
{
	broker_owner=
	broker_user=${opt_user_of_broker:-mosquitto}
	[ "$(id -u)" -eq 0 ] || return 0
	if group=$(id -g "$broker_user" 2>/dev/null); then
		broker_owner=$broker_user:$group
	elif [ -n "$staged" ]; then
		warn "no user $broker_user on this machine: give it acl, passwd and mosquitto.d/bridge.conf on the device"
	else
		refuse --user-of-broker "no user $broker_user on this machine for the broker to run as; create it or name another"
	fi
}

read_cloud_password()
{
	cloud_password=
	[ -n "$opt_cloud_password_file" ] || return 0
	IFS= read -r cloud_password <"$opt_cloud_password_file" || :
	[ -n "$cloud_password" ] || refuse "--cloud-password-file $opt_cloud_password_file" "has no first line"
	check_text --cloud-password-file "$cloud_password"
	[ -z "$(find "$opt_cloud_password_file" -perm -004)" ] ||
		warn "$opt_cloud_password_file can be read by everyone; chmod 600 it"
}

# --- the stage: a folder beside the target, so that a rename can move a file from one to the other ---------------------

open_stage()
{
	make_folders || fail "cannot create the folders of $output; run it as another user or choose others"
	exec 9<"$output"
	if command -v flock >/dev/null && ! flock -n 9; then
		fail "another devbus-provision is at work in $output; wait for it"
	fi
	rm -rf "$output"/.new.*
	stage=$output/.new.$$
	trial_pid=
	trap close_stage EXIT
	trap 'exit 1' HUP INT TERM
	mkdir "$stage" || fail "cannot write into $output"
}

close_stage()
{
	stop_broker
	[ ! -f "$stage/changed" ] || cat "$stage/changed"
	rm -rf "$stage"
}

# Whoever owns a folder can put a link in place of what root is about to write there, or to give away.
refuse_folder_of_others()
{
	[ "$(id -u)" -eq 0 ] || return 0
	set -- "$output" "$output/mosquitto.d" "$output/devbus.d" "$output/secrets" "$output/services.d"
	[ -n "$staged$opt_roll_back" ] || set -- "$@" "${data_dir%/*}"
	for folder in "$@"; do
		[ ! -e "$folder" ] || [ -n "$(find -H "$folder" -prune -user 0)" ] ||
			fail "$folder belongs to another user, who could lead root astray; chown it to root or choose another"
	done
}

make_folders()
{
	refuse_folder_of_others
	(umask 022 && mkdir -p "$output/mosquitto.d" "$output/devbus.d") || return 1
	make_folder "$output/secrets" 711 || return 1
	[ -z "$staged$opt_roll_back" ] || return 0
	(umask 022 && mkdir -p "${state_dir%/*}" "${data_dir%/*}") || return 1
	make_folder "$state_dir" 755 || return 1
	make_folder "$data_dir" 700 || return 1
	[ -z "$broker_owner" ] || chown "$broker_owner" "$data_dir"
}

make_folder() # PATH MODE: one that is there stays as it is
{
	[ -d "$1" ] || mkdir -m "$2" "$1"
}

stage_secret() # USER: the one it has, else a new one
{
	if [ -s "$output/secrets/$1" ]; then
		cat "$output/secrets/$1" >"$stage/secrets/$1"
	else
		new_secret >"$stage/secrets/$1"
	fi
	if [ "$(wc -l <"$stage/secrets/$1")" -ne 1 ] || ! grep -qx '[A-Za-z0-9._~+/=@-]*' "$stage/secrets/$1"; then
		fail "$output/secrets/$1 is not one line of A-Z a-z 0-9 . _ ~ + / = @ -; mend it, or remove it for a new one"
	fi
}

new_secret() # 192 bits
{
	od -An -N24 -tx1 /dev/urandom | tr -d ' \n' && echo
}

choose_tunnel_secret() # the one in place, else a new one
{
	tunnel_secret=
	[ ! -f "$output/cloud.conf" ] || tunnel_secret=$(sed -n 's/^local_password //p' "$output/cloud.conf")
	[ -n "$tunnel_secret" ] || tunnel_secret=$(new_secret)
}

stage_passwd() # a hash has a salt, so the file stays as it is while the digest of users and secrets is the same
{
	for user in $users; do
		printf '%s:' "$user"
		cat "$stage/secrets/$user"
	done >"$stage/hashed"
	digest=$(sha256sum <"$stage/hashed")
	digest="# ${digest%% *}"
	if [ -f "$output/passwd" ] && [ "$(head -n 1 "$output/passwd")" = "$digest" ]; then
		cat "$output/passwd" >"$stage/passwd"
		return
	fi
	mosquitto_passwd -U "$stage/hashed" || fail "mosquitto_passwd cannot hash the passwords; is the disk full?"
	{ echo "$digest" && cat "$stage/hashed"; } >"$stage/passwd"
}

refuse_own_files() # the next run would make them from themselves, and what was in them is lost with this one
{
	real_output=$(readlink -f "$output") || real_output=$output
	for source in "cloud-cafile $opt_cloud_cafile" "cloud-certfile $opt_cloud_certfile" "cloud-keyfile $opt_cloud_keyfile" \
		"cloud-password-file $opt_cloud_password_file"; do
		file=${source#* }
		real_file=$(readlink -f "$file") || real_file=$file
		for own in $set_files; do
			if [ "$real_file" = "$real_output/$own" ] || [ "$file" = "$config_dir/$own" ]; then
				refuse "--$source" "is a file that this program writes; give it another name or folder"
			fi
		done
	done
}

# One file, because two cannot be replaced at once: a key that does not fit its certificate is a device cut off.
stage_certificate()
{
	if [ -z "$opt_cloud_certfile" ] || [ -n "$staged" ]; then
		return
	fi
	if command -v openssl >/dev/null; then
		of_certificate=$(openssl x509 -in "$opt_cloud_certfile" -noout -pubkey 2>/dev/null) ||
			refuse "--cloud-certfile $opt_cloud_certfile" "is no certificate in PEM; give one"
		[ "$of_certificate" = "$(openssl pkey -in "$opt_cloud_keyfile" -pubout -passin pass: 2>/dev/null)" ] ||
			refuse "--cloud-keyfile $opt_cloud_keyfile" "is not the key of this certificate, or has a password; give it without one, in PEM"
	fi
	cat "$opt_cloud_certfile" "$opt_cloud_keyfile" >"$stage/cloud.pem"
}

# --- into place -----------------------------------------------------------------------------------------------------

put_all()
{
	put mosquitto.conf 644
	[ ! -f "$stage/cloud.pem" ] || put cloud.pem 600
	[ ! -f "$stage/firewall.nft" ] || put firewall.nft 644
	[ ! -f "$stage/firewall.ufw" ] || put firewall.ufw 644
	put cloud.conf 600
	put mosquitto.d/bridge.conf 600 "$broker_owner"
	[ ! -f "$stage/mosquitto.d/presence.conf" ] || put mosquitto.d/presence.conf 600 "$broker_owner"
	put acl 600 "$broker_owner"
	for user in $users; do
		put "secrets/$user" 600
		put "devbus.d/$user.conf" 644
	done
	put passwd 600 "$broker_owner"
	put devbus.conf 644
}

put() # FILE MODE [OWNER]: a reader finds the old file or the new one
{
	target=$output/$1
	if ! cmp -s "$stage/$1" "$target"; then
		: >"$stage/new"
		chmod "$2" "$stage/new"
		[ ! -f "$target" ] || cp -p "$target" "$stage/new" # an administrator may have given it a group
		cat "$stage/$1" >"$stage/new"
		guard "$stage/new" "$2" "${3-}"
		mv -f "$stage/new" "$target"
		echo "$1"
	else
		guard "$target" "$2" "${3-}"
	fi
}

guard() # FILE MODE OWNER
{
	if [ -n "$3" ]; then
		chown "$3" "$1"
		chmod "$2" "$1"
	fi
	[ "$2" != 600 ] || chmod o= "$1"
}

drop_strangers() # who is no user any more keeps no secret
{
	for name in cloud.pem mosquitto.d/presence.conf firewall.nft firewall.ufw; do
		[ -f "$stage/$name" ] || [ ! -f "$output/$name" ] || drop "$name"
	done
	for path in "$output"/secrets/* "$output"/devbus.d/*.conf; do
		stranger=${path##*/}
		stranger=${stranger%.conf}
		case " $users " in *" $stranger "*) continue ;; esac
		[ ! -f "$path" ] || drop "${path#"$output/"}" "$stranger"
	done
}

drop() # FILE [USER]
{
	case $1:$(own_sections "$1") in
	cloud.pem:* | mosquitto.d/presence.conf:* | firewall.*:* | secrets/*:* | devbus.d/*:"[${2-}]")
		rm -f "$output/$1"
		echo "$1"
		;;
	*) warn "$output/$1 has settings of no user here; remove it if it is not needed" ;;
	esac
}

# --- what takes effect when -----------------------------------------------------------------------------------------

# changed file|what then has to be done to which unit
unit_effects='acl|try-reload-or-restart devbus-broker
passwd|try-reload-or-restart devbus-broker
mosquitto.conf|try-restart devbus-broker
cloud.pem|try-restart devbus-bridge
cloud.conf|try-restart devbus-bridge
mosquitto.d/bridge.conf|try-restart devbus-broker
mosquitto.d/presence.conf|try-restart devbus-broker
firewall.nft|try-reload-or-restart nftables'

list_effects() # fills $effects with lines of "VERB UNIT"; a broker that is started again reads all its files
{
	effects=$(while read -r file; do
		user=${file##*/}
		user=${user%.conf}
		case $file in
		devbus.conf) [ -z "$services_read_it" ] || echo "$services" | tr ' ' '\n' | sed 's/^/try-restart devbus-/' ;;
		secrets/cli | secrets/monitor | devbus.d/cli.conf | devbus.d/monitor.conf) ;;
		secrets/* | devbus.d/*) echo "try-restart devbus-$user" ;;
		*) ! find_row "$unit_effects" "$file" || echo "$row" ;;
		esac
	done <"$stage/changed" | sort -u)
	case $newline$effects$newline in
	*"${newline}try-restart devbus-broker$newline"*) effects=$(echo "$effects" | sed '/^try-reload.* devbus-broker/d') ;;
	esac
}

units_of() # VERB
{
	echo "$effects" | sed -n "s/^$1 //p" | tr '\n' ' ' | sed 's/ $//; s/ /, /g'
}

compare_settings() # before they are replaced. Keys cloud_... are for tools that act as the cloud; no service reads them
{
	services_read_it=
	settings_read "$stage/devbus.conf" >"$stage/settings"
	settings_read "$output/devbus.conf" | cmp -s - "$stage/settings" || services_read_it=yes
}

settings_read() # FILE
{
	[ ! -f "$1" ] || sed '/^cloud_/d' "$1"
}

take_effect() # or say what would. Nothing runs yet with files that are there for the first time, or are for another place
{
	list_effects
	if [ -z "$effects" ] || [ -n "$staged" ] || [ -z "$was_there" ]; then
		return
	fi
	if [ -z "$opt_apply" ]; then
		reload=$(units_of try-reload-or-restart)
		restart=$(units_of try-restart)
		words=${reload:+a reload of $reload}${reload:+${restart:+, then }}${restart:+a restart of $restart}
		echo "devbus-provision: takes effect with $words" >&2
		return
	fi
	while read -r verb unit; do # not waited for: these units may be ordered after the one that runs this program
		systemctl --no-block "$verb" "$unit.service" || warn "systemctl $verb $unit.service failed; do it by hand"
	done <<-EOF
		$effects
	EOF
}
