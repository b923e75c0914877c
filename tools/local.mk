# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# devbusctl, the testbed and the demo. All of them run from the build tree, from any directory.

bin_PROGRAMS += %D%/devbusctl
dist_man_MANS += doc/man/devbusctl.1 doc/man/devbus-testbed.1 doc/man/devbus-sign-image.1

%C%_devbusctl_SOURCES = \
	%D%/ctl/cmd-call.c \
	%D%/ctl/cmd-describe.c \
	%D%/ctl/cmd-publish.c \
	%D%/ctl/cmd-send.c \
	%D%/ctl/cmd-status.c \
	%D%/ctl/cmd-version.c \
	%D%/ctl/cmd-watch.c \
	%D%/ctl/ctl.c %D%/ctl/ctl.h \
	%D%/ctl/follow.c %D%/ctl/follow.h \
	%D%/ctl/keyfile.c %D%/ctl/keyfile.h \
	%D%/ctl/main.c \
	%D%/ctl/options.c %D%/ctl/options.h \
	%D%/ctl/pretty.c %D%/ctl/pretty.h \
	%D%/ctl/request.c %D%/ctl/request.h \
	%D%/ctl/roster.c %D%/ctl/roster.h \
	%D%/ctl/target.c %D%/ctl/target.h \
	%D%/ctl/wait.c %D%/ctl/wait.h
%C%_devbusctl_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE -DDEVBUSCTL_CONFIG_DIR='"$(sysconfdir)/devbus"'
%C%_devbusctl_LDADD = libdevbus/libdevbus.la

# Its own file knows where it will be installed; its parts need not.
nodist_bin_SCRIPTS += %D%/devbus-testbed
dist_bin_SCRIPTS += %D%/devbus-sign-image
CLEANFILES += %D%/devbus-testbed
EXTRA_DIST += %D%/devbus-testbed.in %D%/devbus-demo

%D%/devbus-testbed: %D%/devbus-testbed.in $(top_builddir)/config.status
	$(AM_V_GEN)$(MKDIR_P) %D% && sed -e 's,[@]bindir[@],$(bindir),g' -e 's,[@]sbindir[@],$(sbindir),g' \
		-e 's,[@]pkglibexecdir[@],$(pkglibexecdir),g' -e 's,[@]pkgdatadir[@],$(pkgdatadir),g' \
		$(srcdir)/%D%/devbus-testbed.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@

testbeddir = $(pkgdatadir)/testbed
dist_testbed_DATA = \
	%D%/testbed/broker.sh \
	%D%/testbed/device.sh \
	%D%/testbed/process.sh \
	%D%/testbed/settings.sh

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completions/devbusctl

.PHONY: demo
demo: all
	DEVBUS_TOOLS=$(abs_builddir)/%D% $(SHELL) $(srcdir)/%D%/devbus-demo
