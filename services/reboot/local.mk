# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The service is a library and a tiny main(), so that its unit tests link everything.

pkglibexec_PROGRAMS += %D%/devbus-reboot
noinst_LTLIBRARIES += %D%/libreboot.la
dist_man_MANS += doc/man/devbus-reboot.8

%C%_devbus_reboot_SOURCES = %D%/main.c
%C%_devbus_reboot_LDADD = %D%/libreboot.la libdevbus/libdevbus.la

%C%_libreboot_la_SOURCES = \
	%D%/alarm.c %D%/alarm.h \
	%D%/arrival.c %D%/arrival.h \
	%D%/backend.c %D%/backend.h \
	%D%/backend-command.c \
	%D%/backend-kernel.c \
	%D%/backend-logind.c \
	%D%/evidence.c %D%/evidence.h \
	%D%/history.c %D%/history.h \
	%D%/order.c %D%/order.h \
	%D%/reboot.c %D%/reboot.h \
	%D%/record.c %D%/record.h \
	%D%/settings.c %D%/settings.h \
	%D%/wall.h \
	%D%/words.c %D%/words.h
%C%_libreboot_la_CFLAGS = $(AM_CFLAGS) $(LIBSYSTEMD_CFLAGS)
%C%_libreboot_la_LIBADD = $(libdbus)

if HAVE_CHECK
reboot_tests = tests/unit/test-reboot tests/unit/test-reboot-backends tests/unit/test-reboot-guards
check_PROGRAMS += $(reboot_tests)
TESTS += $(reboot_tests)
tests_unit_test_reboot_LDADD = %D%/libreboot.la $(LDADD)
tests_unit_test_reboot_backends_SOURCES = \
	tests/unit/test-reboot-backends.c tests/unit/bus-kit.c tests/unit/fake-link.c
tests_unit_test_reboot_backends_LDADD = %D%/libreboot.la $(LDADD)
tests_unit_test_reboot_backends_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=reboot -Wl,--wrap=sync
tests_unit_test_reboot_guards_LDADD = %D%/libreboot.la $(LDADD)
endif
