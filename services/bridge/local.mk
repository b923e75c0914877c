# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The service is a library and a tiny main(), so that its unit tests link everything.

pkglibexec_PROGRAMS += %D%/devbus-bridge
noinst_LTLIBRARIES += %D%/libbridge.la
dist_man_MANS += doc/man/devbus-bridge.8

%C%_devbus_bridge_SOURCES = %D%/main.c
%C%_devbus_bridge_LDADD = %D%/libbridge.la libdevbus/libdevbus.la

%C%_libbridge_la_CPPFLAGS = $(AM_CPPFLAGS) $(TLS_CFLAGS)
%C%_libbridge_la_LIBADD = services/reach/libreach.la
%C%_libbridge_la_SOURCES = \
	%D%/beat.c \
	%D%/bridge.c %D%/bridge.h \
	%D%/carry.c %D%/carry.h \
	%D%/cause.c %D%/cause.h \
	%D%/diagnosis.c \
	%D%/door.c %D%/door.h \
	%D%/heartbeat.c %D%/heartbeat.h \
	%D%/judge.c \
	%D%/roster.c %D%/roster.h \
	%D%/settings.c %D%/settings.h \
	%D%/stray.c %D%/stray.h \
	%D%/tunnel.c \
	%D%/watcher.h

if HAVE_CHECK
check_PROGRAMS += tests/unit/test-cause tests/unit/test-door tests/unit/test-heartbeat tests/unit/test-roster tests/unit/test-stray
TESTS += tests/unit/test-cause tests/unit/test-door tests/unit/test-heartbeat tests/unit/test-roster tests/unit/test-stray
endif
tests_unit_test_cause_CPPFLAGS = $(AM_CPPFLAGS) $(TLS_CFLAGS)
tests_unit_test_cause_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_cause_LDADD = %D%/libbridge.la libdevbus/libdevbus.la $(CHECK_LIBS)
tests_unit_test_door_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_door_LDADD = %D%/libbridge.la libdevbus/libdevbus.la $(CHECK_LIBS)
tests_unit_test_heartbeat_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_heartbeat_LDADD = %D%/libbridge.la libdevbus/libdevbus.la $(CHECK_LIBS)
tests_unit_test_roster_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_roster_LDADD = %D%/libbridge.la libdevbus/libdevbus.la $(CHECK_LIBS)
tests_unit_test_stray_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_stray_LDADD = %D%/libbridge.la libdevbus/libdevbus.la $(CHECK_LIBS)
