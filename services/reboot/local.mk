# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The service is a library and a tiny main(), so that its unit tests link everything.

pkglibexec_PROGRAMS += %D%/devbus-reboot
noinst_LTLIBRARIES += %D%/libreboot.la
dist_man_MANS += doc/man/devbus-reboot.8

%C%_devbus_reboot_SOURCES = %D%/main.c
%C%_devbus_reboot_LDADD = %D%/libreboot.la libdevbus/libdevbus.la

%C%_libreboot_la_SOURCES = \
	%D%/boot.c %D%/boot.h \
	%D%/order.c %D%/order.h \
	%D%/program.c %D%/program.h \
	%D%/reboot.c %D%/reboot.h \
	%D%/record.c %D%/record.h

if HAVE_CHECK
check_PROGRAMS += tests/unit/test-reboot
TESTS += tests/unit/test-reboot
endif
tests_unit_test_reboot_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_reboot_LDADD = %D%/libreboot.la libdevbus/libdevbus.la $(CHECK_LIBS)
