# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# What services that talk to the machine over D-Bus share.

if HAVE_LIBSYSTEMD
noinst_LTLIBRARIES += %D%/libdbus.la
%C%_libdbus_la_SOURCES = %D%/dbus.c %D%/dbus.h
%C%_libdbus_la_CFLAGS = $(AM_CFLAGS) $(LIBSYSTEMD_CFLAGS)
%C%_libdbus_la_LIBADD = $(LIBSYSTEMD_LIBS)
libdbus = %D%/libdbus.la
endif
