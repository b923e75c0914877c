# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# What systemd, D-Bus and polkit must know of the services. Installed always: where these are
# missing, nobody reads it. Other places: make install systemdunitdir=... and so on.

systemdunitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
dbuspolicydir = $(sysconfdir)/dbus-1/system.d
polkitrulesdir = $(datadir)/polkit-1/rules.d

%C%_units = \
	%D%/devbus.target \
	%D%/devbus-azure.service \
	%D%/devbus-bridge.service \
	%D%/devbus-broker.service \
	%D%/devbus-config.service \
	%D%/devbus-firmware.service \
	%D%/devbus-provision.service \
	%D%/devbus-reboot.service \
	%D%/devbus-sensor.service
%C%_parts = %D%/service.conf %D%/sandbox.conf
nodist_systemdunit_DATA = $(%C%_units)
dist_pkglibexec_SCRIPTS = %D%/recover-broker
nodist_sysusers_DATA = %D%/devbus.conf
dist_dbuspolicy_DATA = %D%/devbus-rauc.conf
dist_polkitrules_DATA = %D%/50-devbus.rules

EXTRA_DIST += $(%C%_units:=.in) $(%C%_parts) %D%/devbus.sysusers
CLEANFILES += $(%C%_units) %D%/devbus.conf

# A unit is installed as one file that can be read from top to bottom: a line @service@ or @sandbox@ is replaced by the part
# of that name. (A drop-in devbus-.service.d would win over the unit's own lines, and hit every other unit of such a name.)
$(%C%_units): %: %.in $(%C%_parts) $(top_builddir)/config.status
	$(AM_V_GEN)$(MKDIR_P) %D% && name=$(@F) && name=$${name#devbus-} && \
		sed -e '/^@service@$$/{r $(srcdir)/%D%/service.conf' -e 'd;}' $(srcdir)/$@.in | \
		sed -e '/^@sandbox@$$/{r $(srcdir)/%D%/sandbox.conf' -e 'd;}' | \
		sed -e "s,[@]name[@],$${name%.service},g" \
			-e 's,[@]pkglibexecdir[@],$(pkglibexecdir),g' -e 's,[@]sbindir[@],$(sbindir),g' \
			-e 's,[@]sysconfdir[@],$(sysconfdir),g' >$@.tmp && mv $@.tmp $@

%D%/devbus.conf: %D%/devbus.sysusers
	$(AM_V_GEN)$(MKDIR_P) %D% && cp $(srcdir)/%D%/devbus.sysusers $@
