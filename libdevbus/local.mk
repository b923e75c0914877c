# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause

lib_LTLIBRARIES += %D%/libdevbus.la
noinst_LTLIBRARIES += %D%/libcore.la

devbusincludedir = $(includedir)/devbus
devbusinclude_HEADERS = \
	include/devbus/config.h \
	include/devbus/devbus.h \
	include/devbus/error.h \
	include/devbus/field.h \
	include/devbus/file.h \
	include/devbus/host.h \
	include/devbus/json.h \
	include/devbus/worker.h

# What the library is made of, also linked by tests, which see more than the map lets out. By floors: a file
# includes headers of its own floor and of those below (tests/structure checks it).
%C%_libcore_la_SOURCES = $(libdevbus_floor0) $(libdevbus_floor1) $(libdevbus_floor2) $(libdevbus_floor3)

libdevbus_floor0 = \
	%D%/clock.c %D%/clock.h \
	%D%/error.c %D%/error.h \
	%D%/field.c %D%/field.h \
	%D%/field-map.c \
	%D%/field-number.c \
	%D%/field-text.c \
	%D%/field-type.c %D%/field-type.h \
	%D%/json.c %D%/json.h \
	%D%/json-members.c \
	%D%/json-print.c \
	%D%/json-scan.c \
	%D%/log.c %D%/log.h \
	%D%/notify.c %D%/notify.h \
	%D%/topic.c %D%/topic.h \
	%D%/utf8.c %D%/utf8.h

libdevbus_floor1 = \
	%D%/bridge-window.c %D%/bridge-window.h \
	%D%/envelope.c %D%/envelope.h %D%/envelope-build.h \
	%D%/envelope-command.c \
	%D%/envelope-status.c \
	%D%/envelope-time.c \
	%D%/file.c \
	%D%/handoff.c %D%/handoff.h \
	%D%/loop.c %D%/loop.h \
	%D%/settings.c %D%/settings.h \
	%D%/settings-broker.c \
	%D%/settings-file.c %D%/settings-file.h \
	%D%/settings-source.c %D%/settings-source.h \
	%D%/stats.h \
	%D%/store.c %D%/store.h \
	%D%/store-checksum.c \
	%D%/store-file.c %D%/store-internal.h \
	%D%/store-journal.c \
	%D%/store-log.c %D%/store-log.h \
	%D%/store-open.c \
	%D%/store-outbox.c \
	%D%/store-salvage.c \
	%D%/store-sql.c

libdevbus_floor2 = \
	%D%/link.h \
	%D%/link-pump.c \
	%D%/link-work.c %D%/link-work.h \
	%D%/paho.c %D%/paho.h \
	%D%/socket.c %D%/socket.h

libdevbus_floor3 = \
	%D%/bus.c %D%/bus.h \
	%D%/call.c \
	%D%/call-wait.c \
	%D%/command.c %D%/command.h \
	%D%/command-resume.c \
	%D%/command-secrets.c \
	%D%/command-tell.c \
	%D%/config.c \
	%D%/config-secret.c %D%/config-secret.h \
	%D%/connection.c \
	%D%/devbus.c \
	%D%/durable-again.c \
	%D%/durable.c %D%/durable.h \
	%D%/durable-write.c \
	%D%/echo.c \
	%D%/host.c \
	%D%/main.c \
	%D%/outbox.c %D%/outbox.h \
	%D%/publish.c \
	%D%/request.c \
	%D%/serve.c %D%/serve.h %D%/server.h \
	%D%/sources.c \
	%D%/state.c \
	%D%/status.c \
	%D%/subscribe.c \
	%D%/subscriptions.c \
	%D%/worker.c

%C%_libcore_la_LIBADD = $(PAHO_LIBS) $(CJSON_LIBS) $(SQLITE_LIBS) -lm

# The map alone decides what is seen: see doc/api-promise.md.
%C%_libdevbus_la_SOURCES =
%C%_libdevbus_la_LIBADD = %D%/libcore.la
%C%_libdevbus_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -pthread \
	-Wl,--version-script=$(srcdir)/%D%/devbus.map -Wl,--no-undefined
EXTRA_libdevbus_libdevbus_la_DEPENDENCIES = %D%/devbus.map
EXTRA_DIST += %D%/devbus.map

pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = %D%/devbus.pc
