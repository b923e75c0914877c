# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# Needs no libdevbus and no broker: it is for the moment when nothing works yet.

sbin_PROGRAMS += %D%/devbus-cloud-test
dist_man_MANS += doc/man/devbus-cloud-test.8

%C%_devbus_cloud_test_SOURCES = \
	%D%/main.c \
	%D%/mqtt.c %D%/mqtt.h \
	%D%/session.c %D%/session.h
%C%_devbus_cloud_test_CPPFLAGS = $(AM_CPPFLAGS) $(TLS_CFLAGS)
%C%_devbus_cloud_test_LDADD = services/reach/libreach.la
