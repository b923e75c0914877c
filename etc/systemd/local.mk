# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# What systemd, D-Bus and polkit must know of the services that change the machine. Installed always: where these are
# missing, nobody reads it. Other places: make install systemdunitdir=... and so on.

systemdunitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
dbuspolicydir = $(sysconfdir)/dbus-1/system.d
polkitrulesdir = $(datadir)/polkit-1/rules.d

%C%_units = %D%/devbus-firmware.service %D%/devbus-reboot.service
nodist_systemdunit_DATA = $(%C%_units)
nodist_sysusers_DATA = %D%/devbus.conf
dist_dbuspolicy_DATA = %D%/devbus-rauc.conf
dist_polkitrules_DATA = %D%/50-devbus.rules

EXTRA_DIST += $(%C%_units:=.in) %D%/devbus.sysusers
CLEANFILES += $(%C%_units) %D%/devbus.conf

$(%C%_units): %: %.in $(top_builddir)/config.status
	$(AM_V_GEN)$(MKDIR_P) %D% && sed -e 's,[@]pkglibexecdir[@],$(pkglibexecdir),g' -e 's,[@]sysconfdir[@],$(sysconfdir),g' \
		$(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

%D%/devbus.conf: %D%/devbus.sysusers
	$(AM_V_GEN)$(MKDIR_P) %D% && cp $(srcdir)/%D%/devbus.sysusers $@
