# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The service is a library and a tiny main(), so that its unit tests link everything.

pkglibexec_PROGRAMS += %D%/devbus-firmware
noinst_LTLIBRARIES += %D%/libfirmware.la
dist_man_MANS += doc/man/devbus-firmware.8

%C%_devbus_firmware_SOURCES = %D%/main.c
%C%_devbus_firmware_LDADD = %D%/libfirmware.la libdevbus/libdevbus.la

%C%_libfirmware_la_SOURCES = \
	%D%/backend.c %D%/backend.h \
	%D%/backend-script.c \
	%D%/bundle.c %D%/bundle.h \
	%D%/digest.c %D%/digest.h \
	%D%/download.c %D%/download.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/fetch-curl.c %D%/fetch-kinds.h \
	%D%/fetch-file.c \
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
%C%_libfirmware_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS) $(LIBSYSTEMD_CFLAGS)
%C%_libfirmware_la_LIBADD = $(CURL_LIBS) $(CRYPTO_LIBS) $(libdbus)
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
tests_unit_test_firmware_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_firmware_LDADD = %D%/libfirmware.la libdevbus/libdevbus.la $(CHECK_LIBS)
# The backends need the bus: over a fake link and clock.
tests_unit_test_firmware_backend_SOURCES = \
	tests/unit/test-firmware-backend.c tests/unit/bus-kit.c tests/unit/fake-link.c
tests_unit_test_firmware_backend_LDADD = %D%/libfirmware.la libdevbus/libcore.la $(CHECK_LIBS)
tests_unit_test_firmware_download_SOURCES = \
	tests/unit/test-firmware-download.c \
	tests/unit/test-firmware-kit.h tests/unit/test-firmware-server.h
tests_unit_test_firmware_download_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_firmware_download_LDADD = $(tests_unit_test_firmware_LDADD)
