# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The generator of the broker's configuration, what it reads on a device, and what the build makes with it.

dist_sbin_SCRIPTS += %D%/devbus-provision
dist_man_MANS += doc/man/devbus-provision.8
dist_doc_DATA += %D%/devbus.conf.example

provisiondir = $(pkgdatadir)/provision
dist_provision_DATA = \
	%D%/provision/apply.sh \
	%D%/provision/cloud.sh \
	%D%/provision/firewall.sh \
	%D%/provision/last-good.sh \
	%D%/provision/options.sh \
	%D%/provision/render.sh \
	%D%/provision/rights.sh \
	%D%/provision/sessions.sh \
	%D%/provision/trial.sh

# What differs from cloud to cloud.
cloudsdir = $(pkgdatadir)/clouds
dist_clouds_DATA = \
	%D%/clouds/aedes.cloud \
	%D%/clouds/aws.cloud \
	%D%/clouds/azure.cloud \
	%D%/clouds/ejabberd.cloud \
	%D%/clouds/emqx.cloud \
	%D%/clouds/generic.cloud \
	%D%/clouds/hivemq.cloud \
	%D%/clouds/mosquitto.cloud \
	%D%/clouds/rabbitmq.cloud \
	%D%/clouds/vernemq.cloud

# Hooks for the firmware service that need no special device.
hooksdir = $(pkgdatadir)/hooks
dist_hooks_SCRIPTS = %D%/hooks/file-slots

# One manifest per service says what it may do beyond the rights of every service.
manifestdir = $(pkgdatadir)/services.d
dist_manifest_DATA = \
	services/azure/azure.acl \
	services/bridge/bridge.acl \
	services/config/config.acl \
	services/firmware/firmware.acl \
	services/reboot/reboot.acl \
	services/sensor/sensor.acl

# Beside the services, where devbus-provision finds it.
brokerplugindir = $(pkglibexecdir)
if HAVE_BROKER_PLUGIN
brokerplugin_LTLIBRARIES = %D%/mosquitto-plugin/devbus-admission.la
%C%_mosquitto_plugin_devbus_admission_la_SOURCES = %D%/mosquitto-plugin/admission.c
%C%_mosquitto_plugin_devbus_admission_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
%C%_plugin = --broker-plugin %D%/mosquitto-plugin/.libs/devbus-admission.so
%C%_installed_plugin = --broker-plugin '$(pkglibexecdir)/devbus-admission.so'
endif

if HAVE_MOSQUITTO
# etc/generated has passwords and is never installed: it is what `mosquitto -c etc/generated/mosquitto.conf` runs with
# from the build tree. etc/examples is the same for the installed paths, and its readable part goes to the documents.
# Both are made again when configure has run or the generator has changed; passwords stay until `make clean`.
%C%_provision = $(SHELL) $(srcdir)/%D%/devbus-provision --services-dir $(srcdir)/services \
	--profile '$(PROVISION_PROFILE)' --device-id '$(DEVICE_ID)' \
	--cloud '$(CLOUD_ADDRESS)' --cloud-prefix '$(CLOUD_PREFIX)' \
	--port '$(LOCAL_PORT)' --caller-port '$(CALLER_PORT)'
%C%_provision_inputs = %D%/devbus-provision $(dist_provision_DATA) $(dist_clouds_DATA) \
	$(dist_manifest_DATA) $(top_builddir)/config.status

noinst_DATA += %D%/generated/stamp

%D%/generated/stamp: $(%C%_provision_inputs) $(brokerplugin_LTLIBRARIES)
	$(AM_V_GEN)$(%C%_provision) $(%C%_plugin) --output %D%/generated --user-of-broker "`id -un`" >/dev/null && : >$@

examplesdir = $(docdir)/examples
nodist_examples_DATA = \
	%D%/examples/acl \
	%D%/examples/mosquitto.conf \
	%D%/examples/mosquitto.d/bridge.conf

$(nodist_examples_DATA): %D%/examples/stamp
%D%/examples/stamp: $(%C%_provision_inputs)
	$(AM_V_GEN)$(%C%_provision) $(%C%_installed_plugin) --output %D%/examples --config-dir '$(sysconfdir)/devbus' \
		--data-dir '$(localstatedir)/lib/devbus/broker' --state-dir '$(localstatedir)/lib/devbus' \
		>/dev/null && : >$@

CLEANFILES += \
	%D%/generated/stamp %D%/examples/stamp \
	%D%/generated/*.conf %D%/examples/*.conf \
	%D%/generated/*/*.conf %D%/examples/*/*.conf \
	%D%/generated/acl %D%/examples/acl \
	%D%/generated/firewall.* %D%/examples/firewall.* \
	%D%/generated/passwd %D%/examples/passwd \
	%D%/generated/secrets/* %D%/examples/secrets/* \
	%D%/generated/data/*
endif
