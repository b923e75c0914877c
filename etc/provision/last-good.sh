# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables; opt_* come out of a table
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# A way back. A set of files is proven by what the program has seen of it: a broker that started with it (--check), or the
# cloud that took the device (--test). When a proven set is replaced it is kept in last-good, unless what is kept there has the
# better proof. What was rolled back is not put in place again by the next boot with the same options.

set_files='mosquitto.conf cloud.pem cloud.conf mosquitto.d/bridge.conf mosquitto.d/presence.conf acl passwd devbus.conf firewall.nft firewall.ufw'

proof_number() # FILE
{
	case $([ ! -f "$1" ] || cat "$1") in
	cloud) echo 2 ;;
	broker) echo 1 ;;
	*) echo 0 ;;
	esac
}

digest_of_set() # FOLDER: of what is generated; sections are not
{
	for file in mosquitto.conf cloud.pem cloud.conf mosquitto.d/bridge.conf mosquitto.d/presence.conf acl devbus.conf; do
		[ ! -f "$1/$file" ] || { echo "$file" && generated_part "$1/$file"; }
	done | sha256sum | sed 's/ .*//'
}

generated_part() # FILE
{
	case $1 in
	*/devbus.conf | */devbus.d/*) sed '/^[[:space:]]*\[/,$d' "$1" ;;
	*) cat "$1" ;;
	esac
}

refuse_rolled_back()
{
	if [ -f "$output/rolled-back" ] && [ "$(digest_of_set "$stage")" = "$(cat "$output/rolled-back")" ]; then
		fail "these files were rolled back; give other options, or remove $output/rolled-back to have them again"
	fi
}

is_changed() # any file of the set
{
	for file in $set_files; do
		cmp -s "$stage/$file" "$output/$file" || { [ ! -e "$stage/$file" ] && [ ! -e "$output/$file" ]; } || return 0
	done
	return 1
}

keep_last_good() # before the set in place is replaced
{
	is_changed || return 0
	proven=$(proof_number "$output/proven")
	if [ "$proven" -gt 0 ] && [ "$proven" -ge "$(proof_number "$output/last-good/proven")" ]; then
		mkdir "$stage/last-good" "$stage/last-good/mosquitto.d"
		for file in $set_files proven; do
			[ ! -f "$output/$file" ] || cp -p "$output/$file" "$stage/last-good/$file"
		done
		cp -Rp "$output/devbus.d" "$output/secrets" "$stage/last-good"
		rm -rf "$output/last-good"
		mv "$stage/last-good" "$output/last-good"
	fi
	rm -f "$output/proven" "$output/rolled-back"
}

mark_proven()
{
	case $proof:$(proof_number "$output/proven") in
	cloud:[01]) ;;
	broker:0) ;;
	*) return 0 ;;
	esac
	echo "$proof" >"$stage/proven"
	chmod 644 "$stage/proven"
	mv -f "$stage/proven" "$output/proven"
}

roll_back() # stages what was kept, with the sections of today
{
	[ -f "$output/last-good/proven" ] ||
		fail "$output/last-good is not there: no set of files that --check or --test had proven was ever replaced"
	services='' users=''
	for path in "$output"/last-good/secrets/*; do
		user=${path##*/}
		users="${users:+$users }$user"
		case $user in cli | monitor) ;; *) services="${services:+$services }$user" ;; esac
	done
	cp -Rp "$output/last-good/." "$stage"
	keep_sections devbus.conf
	for user in $users; do
		keep_sections "devbus.d/$user.conf"
	done
	is_changed || fail "the files in $output/last-good are those in place; nothing to roll back"
	proof=$(cat "$output/last-good/proven")
	digest_of_set "$output" >"$stage/rolled-back"
	rm -f "$output/proven"
}

keep_sections() # FILE
{
	{
		generated_part "$output/last-good/$1"
		sections=$(own_sections "$1")
		[ -z "$sections" ] || printf '%s\n' "$sections"
	} >"$stage/$1"
}

mark_rolled_back()
{
	chmod 644 "$stage/rolled-back"
	mv -f "$stage/rolled-back" "$output/rolled-back"
}
