# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The service is a library and a tiny main(), so that its unit tests link everything.

pkglibexec_PROGRAMS += %D%/devbus-firmware
noinst_LTLIBRARIES += %D%/libfirmware.la
dist_man_MANS += doc/man/devbus-firmware.8

%C%_devbus_firmware_SOURCES = %D%/main.c %D%/update-load.c
%C%_devbus_firmware_LDADD = %D%/libfirmware.la services/part/libpart.la libdevbus/libdevbus.la

# What only an update needs, loaded by then (update-part.h).
noinst_LTLIBRARIES += %D%/libupdate.la
%C%_libupdate_la_SOURCES = \
	%D%/crypto.c %D%/update-part.h \
	%D%/fetch-curl.c %D%/fetch-file.c \
	%D%/fetch-kinds.c %D%/fetch-kinds.h \
	%D%/reason.c
%C%_libupdate_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS)
%C%_libupdate_la_LIBADD = $(CURL_LIBS) $(CRYPTO_LIBS)
part_LTLIBRARIES += %D%/devbus-firmware-update.la
%C%_devbus_firmware_update_la_SOURCES =
%C%_devbus_firmware_update_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
%C%_devbus_firmware_update_la_LIBADD = %D%/libupdate.la

%C%_libfirmware_la_SOURCES = \
	%D%/backend.c %D%/backend.h \
	%D%/backend-script.c \
	%D%/bundle.c %D%/bundle.h \
	%D%/digest.c %D%/digest.h \
	%D%/download.c %D%/download.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/firmware.c %D%/firmware.h \
	%D%/health.c %D%/health.h \
	%D%/hook.c %D%/hook.h \
	%D%/image.c %D%/image.h \
	%D%/machine.c %D%/machine.h \
	%D%/machine-download.c %D%/machine-internal.h \
	%D%/machine-roll-back.c \
	%D%/machine-start.c \
	%D%/order.c %D%/order.h \
	%D%/os-release.c %D%/os-release.h \
	%D%/progress.c %D%/progress.h \
	%D%/reason.c %D%/reason.h \
	%D%/record.c %D%/record.h \
	%D%/report.c %D%/report.h \
	%D%/restart.c %D%/restart.h \
	%D%/settings.c %D%/settings.h \
	%D%/version.c %D%/version.h
%C%_libfirmware_la_CFLAGS = $(AM_CFLAGS) $(LIBSYSTEMD_CFLAGS)
%C%_libfirmware_la_LIBADD = $(libdbus)
if HAVE_LIBSYSTEMD
%C%_libfirmware_la_SOURCES += \
	%D%/backend-rauc.c \
	%D%/rauc-client.c %D%/rauc-client.h \
	%D%/rauc-slots.c %D%/rauc-slots.h
endif

if HAVE_CHECK
firmware_unit_tests = \
	tests/unit/test-firmware \
	tests/unit/test-firmware-backend \
	tests/unit/test-firmware-download
check_PROGRAMS += $(firmware_unit_tests)
TESTS += $(firmware_unit_tests)
endif
# They link the part that the service loads.
firmware_unit_libs = %D%/libfirmware.la %D%/libupdate.la
tests_unit_test_firmware_SOURCES = tests/unit/test-firmware.c tests/unit/linked-update.c
tests_unit_test_firmware_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_firmware_LDADD = $(firmware_unit_libs) libdevbus/libdevbus.la $(CHECK_LIBS)
# The backends need the bus: over a fake link and clock.
tests_unit_test_firmware_backend_SOURCES = \
	tests/unit/test-firmware-backend.c tests/unit/linked-update.c tests/unit/bus-kit.c tests/unit/fake-link.c
tests_unit_test_firmware_backend_LDADD = $(firmware_unit_libs) libdevbus/libcore.la $(CHECK_LIBS)
tests_unit_test_firmware_download_SOURCES = \
	tests/unit/test-firmware-download.c tests/unit/linked-update.c \
	tests/unit/test-firmware-kit.h tests/unit/test-firmware-server.h
tests_unit_test_firmware_download_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_firmware_download_LDADD = $(tests_unit_test_firmware_LDADD) $(CRYPTO_LIBS)
