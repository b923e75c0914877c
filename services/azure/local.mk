# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The service is a library and a tiny main(), so that its unit tests link everything.

pkglibexec_PROGRAMS += %D%/devbus-azure
noinst_LTLIBRARIES += %D%/libazure.la
dist_man_MANS += doc/man/devbus-azure.8

%C%_devbus_azure_SOURCES = %D%/main.c
%C%_devbus_azure_LDADD = %D%/libazure.la libdevbus/libdevbus.la

%C%_libazure_la_SOURCES = \
	%D%/azure.c %D%/azure.h \
	%D%/bag.c %D%/bag.h \
	%D%/barrier.c %D%/barrier.h \
	%D%/sources.c %D%/sources.h

if HAVE_CHECK
check_PROGRAMS += tests/unit/test-azure-sources tests/unit/test-bag tests/unit/test-barrier
TESTS += tests/unit/test-azure-sources tests/unit/test-bag tests/unit/test-barrier
endif
tests_unit_test_bag_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_bag_LDADD = %D%/libazure.la libdevbus/libdevbus.la $(CHECK_LIBS)
tests_unit_test_barrier_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_barrier_LDADD = %D%/libazure.la libdevbus/libdevbus.la $(CHECK_LIBS)
tests_unit_test_azure_sources_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_azure_sources_LDADD = %D%/libazure.la libdevbus/libdevbus.la $(CHECK_LIBS)
