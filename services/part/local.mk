# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# Parts of services that are loaded when they are first needed; each is listed with its service.

# Beside the services, where they look for them.
partdir = $(pkglibexecdir)

noinst_LTLIBRARIES += %D%/libpart.la
%C%_libpart_la_SOURCES = %D%/part.c %D%/part.h

if HAVE_CHECK
check_PROGRAMS += tests/unit/test-part
check_LTLIBRARIES += tests/unit/part-of-old-version.la tests/unit/part-of-this-version.la
TESTS += tests/unit/test-part
endif
tests_unit_test_part_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_part_LDADD = %D%/libpart.la libdevbus/libdevbus.la $(CHECK_LIBS)
# -rpath: or libtool makes no module of it.
part_of_test_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
tests_unit_part_of_old_version_la_SOURCES = tests/unit/part-of-test.c
tests_unit_part_of_old_version_la_CPPFLAGS = $(AM_CPPFLAGS) -DPART_VERSION='"0.0-old"'
tests_unit_part_of_old_version_la_LDFLAGS = $(part_of_test_ldflags)
tests_unit_part_of_this_version_la_SOURCES = tests/unit/part-of-test.c
tests_unit_part_of_this_version_la_CPPFLAGS = $(AM_CPPFLAGS) -DPART_VERSION=DEVBUS_VERSION
tests_unit_part_of_this_version_la_LDFLAGS = $(part_of_test_ldflags)
