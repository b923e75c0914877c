# shellcheck shell=sh disable=SC2154 # options and folders come from devbus-testbed
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# What is written before anything starts: the generator's files, the services' own settings, and testbed.env.

# Sections of devbus.d/NAME.conf are ours; the generator keeps them.
set_in_section() # SERVICE KEY VALUE
{
	file=$dir/etc/devbus.d/$1.conf
	grep -v "^$2 = " "$file" >"$file.new"
	echo "$2 = $3" >>"$file.new"
	mv "$file.new" "$file"
}

# A device that trusts one key, whose private half is beside it for those who sign images for it.
write_firmware_parts()
{
	parts_of_firmware=$dir/firmware
	mkdir -p "$parts_of_firmware/hooks" "$parts_of_firmware/keys" "$parts_of_firmware/health.d"
	if [ ! -s "$parts_of_firmware/signing.pem" ]; then
		openssl genpkey -algorithm ed25519 -out "$parts_of_firmware/signing.pem"
		openssl pkey -in "$parts_of_firmware/signing.pem" -pubout -out "$parts_of_firmware/keys/testbed.pem"
	fi
	for hook in booted-slot install activate mark-good mark-bad; do
		cat >"$parts_of_firmware/hooks/$hook" <<-EOF
			#!/bin/sh
			SLOTS_DIR=$dir/slots exec $file_slots $hook "\$@"
		EOF
		chmod 700 "$parts_of_firmware/hooks/$hook"
	done
}

write_firmware_settings()
{
	set_in_section firmware hooks_dir "$dir/firmware/hooks"
	set_in_section firmware keys_dir "$dir/firmware/keys"
	set_in_section firmware health_dir "$dir/firmware/health.d"
	set_in_section firmware protocols https,http,file
	set_in_section firmware compatible devbus-testbed
	set_in_section firmware boot_id_file "$dir/boot_id"
	set_in_section firmware health_retry_s 1
	set_in_section firmware health_timeout_s 60
	set_in_section firmware retry_ms 100
}

write_service_settings()
{
	set_in_section sensor root "$opt_sensor_root"
	set_in_section sensor exec_dir "$dir/sensors.d"
	mkdir -p "$dir/sensors.d"
	write_firmware_parts
	write_firmware_settings
	set_in_section reboot backend command # never this machine
	set_in_section reboot command "$dir/reboot"
	set_in_section reboot min_uptime_s 0
	set_in_section reboot reboots_per_hour 0
	set_in_section reboot short_boots_max 0
	set_in_section reboot boot_id_file "$dir/boot_id"
	set_in_section bridge heartbeat_s "$opt_keepalive"
	set_in_section bridge echo_timeout_s "$opt_keepalive"
	set_in_section bridge lost_after_s "$((2 * opt_keepalive))"
	[ -s "$dir/boot_id" ] || new_boot_id
	cat >"$dir/reboot" <<-EOF
		#!/bin/sh
		# Stands for "systemctl reboot" in this testbed.
		exec $here/${0##*/} simulate-reboot --dir $dir
	EOF
	chmod 700 "$dir/reboot"
}

manifest_folders()
{
	provision_folder=${provision%/*}
	for folder in "$provision_folder/../services" "$provision_folder/../share/devbus/services.d"; do
		if [ -d "$folder" ]; then
			echo "$folder"
			break
		fi
	done
	printf '%s' "$opt_services_dir"
}

generate()
{
	set -- --output "$dir/etc" --profile "$opt_profile" --device-id "$opt_device_id" \
		--cloud "127.0.0.1:$CLOUD_PORT" --cloud-prefix "$opt_cloud_prefix" \
		--port "$SERVICE_PORT" --caller-port "$LOCAL_PORT" --restart-timeout "1 2" \
		--keepalive "$((opt_keepalive < 5 ? 5 : opt_keepalive))" --user-of-broker "$(id -un)" \
		--data-dir "$dir/broker" --state-dir "$dir/state" \
		--set "keepalive_s=$opt_keepalive" --set reconnect_max_ms=2000 --set clock_sync=always
	while IFS= read -r folder; do
		[ -z "$folder" ] || set -- "$@" --services-dir "$folder"
	done <<-EOF
		$(manifest_folders)
	EOF
	while IFS= read -r setting; do
		[ -z "$setting" ] || set -- "$@" --set "$setting"
	done <<-EOF
		$opt_set
	EOF
	"$provision" "$@" >>"$dir/log/provision.log" 2>&1
}

secret_of() # USER
{
	cat "$dir/etc/secrets/$1" 2>/dev/null
}

write_env()
{
	monitor=monitor
	[ "$opt_profile" = development ] || monitor=''
	prefix=$(sed -n 's/^cloud_prefix = //p' "$dir/etc/devbus.conf")
	cat >"$dir/testbed.env.new" <<-EOF
		LOCAL_HOST=127.0.0.1
		LOCAL_PORT=$LOCAL_PORT
		SERVICE_PORT=$SERVICE_PORT
		CLOUD_HOST=127.0.0.1
		CLOUD_PORT=$CLOUD_PORT
		CLOUD_PREFIX=$prefix
		MONITOR_USER=$monitor
		MONITOR_PASSWORD=$(secret_of "${monitor:-none}")
		CALLER_USER=cli
		CALLER_PASSWORD=$(secret_of cli)
		DEVICE_ID=$opt_device_id
		SIGNING_KEY=$dir/firmware/signing.pem
		COMPATIBLE=devbus-testbed
		DEVBUS_CONFIG_DIR=$dir/etc
		DEVBUS_STATE_DIR=$dir/state
	EOF
	mv "$dir/testbed.env.new" "$dir/testbed.env"
}
